"""Small tools around the project: system packages, the picture of the README."""
