"""The Path patching page."""
