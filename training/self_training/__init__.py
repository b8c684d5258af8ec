"""Self-training: labels of the next round."""
