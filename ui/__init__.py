"""What a person sees. No computing here: it asks `cuts3d` and draws the answer."""
