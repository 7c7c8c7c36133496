"""A sweep on its page."""
