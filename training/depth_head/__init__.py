"""Trains the embedded depth head: `python -m training.depth_head --help`."""
