"""The class-agnostic detector: its network, its checkpoints, and detection. Training is in the package `training`."""
