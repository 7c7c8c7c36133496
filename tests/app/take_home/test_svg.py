"""Heatmaps without Plotly: the cells, numbers, colours and hover texts of the figure, in a small file that is safe."""

import html
import re
import xml.etree.ElementTree as ET

import numpy as np
import plotly.graph_objects as go
import pytest

from app.colours import DIVERGING
from app.drawing.heatmap import effect_cells, name_cells
from app.take_home.page import Part, is_light, page
from app.take_home.svg import MOST_CELLS, heatmap_svg, is_heatmap
from tests.app.take_home.every_figure import every_figure

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def heatmaps(loader):
    found = [one for of_view in every_figure().values() for one in of_view if is_light(one.figures)]
    assert {"patch_heatmap", "path_heatmap"} <= {one.record.name for one in found}
    return found


def test_every_heatmap_has_its_cells_and_numbers_in_a_small_page(heatmaps):
    for one in heatmaps:
        made = page([Part(one.record, one.frame, one.figures)], light=True)
        assert len(made) < 300_000, one.record.name
        text = made.decode()
        assert "script-src 'none'" in text
        assert "<script" not in text
        for figure in one.figures:
            drawn = heatmap_svg(figure)
            assert drawn in text
            check(figure, drawn)


def check(figure: go.Figure, drawn: str) -> None:
    [cells] = [trace for trace in figure.data if trace.type == "heatmap"]
    root = ET.fromstring(drawn)
    groups = root.findall(f"{SVG}g")
    values = np.asarray(cells.z, dtype=float)
    assert len(groups) == np.isfinite(values).sum()
    written = [group.findtext(f"{SVG}text", "") for group in groups]
    if cells.text is not None:
        assert written == [html.unescape(str(text)) for row, of_row in zip(values, cells.text, strict=True)
                           for value, text in zip(row, of_row, strict=True) if np.isfinite(value)]  # fmt: skip
    assert all(group.findtext(f"{SVG}title") for group in groups)
    assert not any("&" in text and ";" in text for text in written), "entities are letters by now"
    places = [(float(rect.get("x")), float(rect.get("y"))) for rect in root.findall(f"{SVG}g/{SVG}rect")]
    columns, rows = (sorted({place[axis] for place in places}) for axis in (0, 1))
    drawn_at = {(rows.index(y), columns.index(x)) for x, y in places}
    first = int(np.isfinite(values).any(0).argmax())
    assert drawn_at == {(row, column - first) for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True)}
    names = {text.text for text in root.findall(f"{SVG}text")}
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert {" ".join(re.sub("<[^>]*>", " ", name).split()) for name in axis.ticktext} <= names


def test_a_hover_text_is_the_figures_own(heatmaps):
    grids = [figure for one in heatmaps if one.record.name == "token_lens" for figure in one.figures]
    assert grids, "of ranks, drawn by their logarithms"
    for figure in grids:
        titles = [group.findtext(f"{SVG}title") for group in ET.fromstring(heatmap_svg(figure)).findall(f"{SVG}g")]
        own = [text for row in figure.data[0].customdata for text in row]
        assert titles == [html.unescape(re.sub("<[^>]*>", "", text.replace("<br>", "\n"))) for text in own]


def test_colours_are_those_of_the_scale():
    values = np.array([[-2.0, -1.0, 0.0, 1.0, 2.0, 9.0, np.nan]])
    figure = go.Figure(effect_cells(values, 2, []))
    name_cells(figure, ["0"], [*"abcdefg"])
    fills = [rect.get("fill") for rect in ET.fromstring(heatmap_svg(figure)).findall(f"{SVG}g/{SVG}rect")]
    scale = [f"rgb({int(c[1:3], 16)}, {int(c[3:5], 16)}, {int(c[5:], 16)})" for _, c in DIVERGING]
    assert fills == [*scale, scale[-1]]
    figure.update_traces(reversescale=True)
    turned = [rect.get("fill") for rect in ET.fromstring(heatmap_svg(figure)).findall(f"{SVG}g/{SVG}rect")]
    assert turned == [*scale[::-1], scale[0]]


def test_names_are_text():
    figure = go.Figure(effect_cells(np.zeros((1, 1)), 1, [["<b>"]]))
    name_cells(figure, ["&lt;script&gt;alert(1)&lt;/script&gt;"], ["&quot;&gt;&lt;img src=x&gt;"])
    drawn = heatmap_svg(figure.update_layout(title={"text": "&lt;i&gt;"}))
    assert "<img" not in drawn
    assert "<script" not in drawn
    assert "<b>" not in drawn
    ET.fromstring(drawn)


def test_what_is_more_than_one_small_heatmap_is_left_to_plotly():
    large = go.Figure(go.Heatmap(z=np.zeros((1, MOST_CELLS + 1))))
    assert not is_heatmap(large)
    assert not is_heatmap(go.Figure(go.Bar(y=[1])))
    assert not is_heatmap(go.Figure([go.Heatmap(z=[[1]]), go.Scatter(x=[0], y=[0])]))
    assert not is_light([])
