"""The Edges page."""
