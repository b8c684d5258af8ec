"""What serves the page: guard, uploads, clean-up, theme."""
