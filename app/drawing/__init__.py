"""Figures: their shared parts, and what is drawn around them."""
