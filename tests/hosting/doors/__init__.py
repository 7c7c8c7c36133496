"""Tests of what reaches the server."""
