"""What pages ask the cache, and the wait for it."""
