"""Activation patching: total effects of one activation."""
