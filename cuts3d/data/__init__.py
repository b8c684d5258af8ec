"""Embedded weights, as package data."""
