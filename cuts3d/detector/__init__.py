"""The class-agnostic detector: network, checkpoints, detection."""
