"""Circuits: run, scored, searched, and set beside other methods."""
