"""Runs the method on photos: pipeline, explorer, search, comparisons."""
