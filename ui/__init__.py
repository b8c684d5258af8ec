"""The Gradio app. It computes nothing itself: it calls `cuts3d` and draws the results.

Modules import downwards only, in this order: page, events, tabs, controls, session, server, draw, viewer.
"""

from ui.server.gpu import spaces_package, use_zero_gpu

spaces_package()  # before anything imports Torch
use_zero_gpu()
