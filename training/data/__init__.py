"""Pseudo-labels as training samples."""
