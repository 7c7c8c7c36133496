"""The texts in about.md against the figures that show them."""

import ast
from pathlib import Path

import pytest

from app.drawing.about import ABOUT, read_sections
from tests import ROOT

SHOWN_WITH_A_TEXT = {"show_figure", "show_foot"}


def figures_and_texts() -> tuple[set[str], set[str]]:
    """Every figure's name in app/ and pages/, and every text that a page shows by itself: `ABOUT["..."]`."""
    figures, texts = set(), set()
    for file in [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=called), args=[ast.Constant(value=name), *_]):
                    if called in SHOWN_WITH_A_TEXT:
                        figures.add(name)
                case ast.Subscript(value=ast.Name(id="ABOUT"), slice=ast.Constant(value=name)):
                    texts.add(name)
    return figures, texts


def test_every_figure_has_a_text_and_every_text_is_shown():
    figures, texts = figures_and_texts()
    assert len(figures) > 30, "this test no longer finds the figures"
    assert figures | texts == set(ABOUT)


def test_every_definition_names_its_source():
    figures, _ = figures_and_texts()
    assert all("Source:" in ABOUT[name] for name in figures)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path):
    for room in ("heads", "circuit"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "about.md").write_text("# A page\n\n## bars\n\nHigh is *good*.\n\nSource: here.\n")
    with pytest.raises(ValueError, match=r"another section 'bars'"):
        read_sections(tmp_path)
    assert read_sections(tmp_path / "heads") == {"bars": "High is *good*.\n\nSource: here."}
