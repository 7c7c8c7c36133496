"""The Prompt page."""
