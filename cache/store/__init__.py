"""Where results are kept: memory, and a folder on disk that is trusted with nothing."""
