"""A visitor's open photo, and what can be opened and taken away."""
