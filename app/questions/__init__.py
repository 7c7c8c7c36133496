"""Requests of the pages to the cache, and waiting for the results."""
