"""The Activation patching page."""
