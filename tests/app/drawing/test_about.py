"""Definitions beside the figures."""

from app.drawing.about import ABOUT


def test_every_definition_names_its_source():
    assert all("Source:" in text for text in ABOUT.values())
