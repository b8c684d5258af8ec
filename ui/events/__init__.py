"""From events of the page to updates of its outputs."""
