"""Heads: what they copy, the roles that are measured, the classes that were published."""
