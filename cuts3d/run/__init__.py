"""What runs the method: pipeline, explorer, search, comparisons."""
