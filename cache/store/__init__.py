"""Stores of results: memory, and a folder on disk whose contents are never trusted."""
