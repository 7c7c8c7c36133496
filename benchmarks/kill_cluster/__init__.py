"""Kill workers and schedulers of a cluster under visitors, and look for wrong and lost results."""
