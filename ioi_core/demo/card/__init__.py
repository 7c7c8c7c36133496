"""What the bundled model can do, measured, as its model card says it."""
