"""What a person sees. No computing here: it asks `cuts3d` and draws the answer."""

from ui.server.gpu import lend_gpu, spaces_package

spaces_package()  # before anything imports Torch
lend_gpu()
