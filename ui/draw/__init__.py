"""Pictures, charts and tables as HTML."""
