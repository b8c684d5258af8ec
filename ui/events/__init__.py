"""The requests of the page: their handlers, and how they are connected with the components."""
