"""Attention: its patterns, its causes, and what heads write when they attend."""
