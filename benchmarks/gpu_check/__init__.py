"""Every analysis on a GPU against the CPU in float64, its memory and its times."""
