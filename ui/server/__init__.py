"""The server of the page: guard, uploads, clean-up, memory, theme."""
