"""The Circuit page in a real browser."""
