"""Prompts: typed, generated, corrupted, and the roles of their tokens."""
