"""Signals: token against position."""
