"""Where heads look, why, and what they write when they do."""
