"""The training loop: losses, optimiser, averages of weights, metrics, state on disk, several processes."""
