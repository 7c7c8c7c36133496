"""Start: what IOI is, what the app does, and where to begin."""
