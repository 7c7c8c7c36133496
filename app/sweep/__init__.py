"""Sweeps: the file of one, made outside of the app, shown on the Report page."""
