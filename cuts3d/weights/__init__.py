"""Weights of networks: where they are kept, how they are found, downloaded and read."""
