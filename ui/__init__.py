"""What a person sees. No computing here: it asks `cuts3d` and draws the answer.

Arrows between the rooms lead downwards only: page, events, tabs, controls, session, server, draw, viewer.
"""

from ui.server.gpu import lend_gpu, spaces_package

spaces_package()  # before anything imports Torch
lend_gpu()
