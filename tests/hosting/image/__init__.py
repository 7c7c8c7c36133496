"""`make image-test`: the container image really built and run, without a Docker engine."""
