"""Measurements of the bundled model, and its model card made of them."""
