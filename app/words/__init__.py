"""Words and phrases that several pages use."""
