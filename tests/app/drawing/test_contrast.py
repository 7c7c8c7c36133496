"""Text on coloured cells has a contrast of 4.5:1 (WCAG 2.2, 1.4.3); every_page/test_access.py looks at the rest."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest
from plotly.colors import hex_to_rgb, sample_colorscale

from app.circuit.methods.charts import _NO_COLOUR
from app.colours import CLASS_COLOURS, DIVERGING, LOGITS_COLOUR
from app.drawing.bars import prompt_columns
from app.drawing.frames import shade
from app.drawing.parts import TEMPLATE, laid_out, name_in_words
from app.logit_lens.charts import PROBABILITY


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb or rgb(r, g, b), as WCAG defines it."""
    parts = hex_to_rgb(colour) if colour.startswith("#") else [float(n) for n in re.findall(r"[\d.]+", colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in np.array(parts) / 255]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "rgb(255, 255, 255)") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize("scale", [DIVERGING, PROBABILITY])
def test_numbers_are_legible_in_every_cell(scale):
    text = TEMPLATE.data.heatmap[0].textfont.color
    assert min(contrast(text, colour) for colour in sample_colorscale(scale, np.linspace(0, 1, 101))) >= 4.5


@pytest.mark.parametrize(("text", "page"), [("#0b0e12", "#ffffff"), ("#e8ebef", "#12151b")], ids=["light", "dark"])
def test_numbers_are_legible_in_a_tables_coloured_cells(text: str, page: str):
    for value, unsigned in ((1.0, False), (-1.0, False), (1.0, True)):
        red, green, blue, depth = map(float, re.findall(r"[\d.]+", shade(value, 1.0, unsigned=unsigned)))
        mixed = [
            depth * of + (1 - depth) * under for of, under in zip((red, green, blue), hex_to_rgb(page), strict=True)
        ]
        assert contrast(text, f"rgb({', '.join(map(str, mixed))})") >= 4.5


@pytest.mark.parametrize("colour", [*CLASS_COLOURS.values(), LOGITS_COLOUR, _NO_COLOUR])
def test_names_are_legible_on_every_node(colour):
    assert contrast("#000000", colour) >= 4.5


def test_a_figure_has_a_name_in_words():
    figure = laid_out(go.Figure(go.Bar(y=[1])), "Head <b>9.9</b> &amp; more", "logits,<br>8 prompts", 300)
    assert re.sub(r"\s+", " ", name_in_words(figure)) == "Head 9.9 & more: logits, 8 prompts"


@pytest.mark.parametrize("n", [1, 2, 8])
def test_the_bar_of_one_prompt_is_no_wider_than_one_of_six(n: int):
    left, right = prompt_columns(np.ones(n), [""] * n, ["#000"] * n, 0).layout.xaxis.range
    assert (left, right) == (0.5, max(n, 6) + 0.5)
