"""Entry of the Hugging Face Space and of `make app`: builds the page and serves it."""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # no usage data leaves the machine
os.environ["CUTS3D_PORT"] = os.environ.pop("GRADIO_SERVER_PORT", "7860")  # Gradio's import fails if it is no number

from cuts3d.cli.output import command
from ui.page import build_page, launch_options
from ui.server.address import checked_port
from ui.server.allocator import limit_arenas
from ui.server.leftovers import use_private_folder

limit_arenas()
use_private_folder()
demo = build_page()


@command
def main() -> None:
    """Serve the page."""
    parser = argparse.ArgumentParser(description="CutS3D Explorer")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"))
    parser.add_argument("--port", default=os.environ["CUTS3D_PORT"])
    options = parser.parse_args()
    port = checked_port(options.host, options.port)
    demo.launch(server_name=options.host, server_port=port, **launch_options())


if __name__ == "__main__":
    raise SystemExit(main())
