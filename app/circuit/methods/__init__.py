"""Methods: direct and total effects, and ways to ablate."""
