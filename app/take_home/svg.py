"""A heatmap as plain SVG, for a page that needs no library: a hundredth of the bytes. No Streamlit here."""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale, unlabel_rgb

from app.words.phrases import number

MOST_CELLS = 1_600
"""Cells of a heatmap that is drawn so: each is two elements."""

_CELL = (52, 24)
_LETTER = 7.2  # pixels, about
_DARK = 110  # of 255: the lightness below which a cell's text is white


def is_heatmap(figure: go.Figure) -> bool:
    """Return whether a figure is one heatmap that is small enough, with nothing else that is seen."""
    cells = [trace for trace in figure.data if trace.type == "heatmap"]
    others = [trace for trace in figure.data if trace.type != "heatmap"]
    unseen = all(trace.type == "scatter" and trace.marker.opacity == 0 for trace in others)
    return len(cells) == 1 and unseen and np.size(cells[0].z) <= MOST_CELLS and np.ndim(cells[0].z) == 2


def heatmap_svg(figure: go.Figure) -> str:
    """Return a heatmap as an SVG element: cells with numbers and hover texts, names of rows and columns, colours."""
    [cells] = [trace for trace in figure.data if trace.type == "heatmap"]
    values = np.asarray(cells.z, dtype=float)
    n_rows, n_columns = values.shape
    rows, columns = _names(figure.layout.yaxis, cells.y, n_rows), _names(figure.layout.xaxis, cells.x, n_columns)
    left = 24 + _LETTER * max(map(len, rows.values()), default=0)
    slanted = any(_LETTER * len(name) > _CELL[0] for name in columns.values())
    below = 30 + (0.87 * _LETTER * max(map(len, columns.values()), default=0) if slanted else 18)
    width, height = left + n_columns * _CELL[0] + 10, n_rows * _CELL[1] + below + 44
    drawn = [
        *_cells(values, cells, _hovers(figure, cells, values, rows, columns), left),
        *_shapes(figure, left),
        *_row_names(figure, rows, left, n_rows),
        *_column_names(figure, columns, left, n_rows, slanted=slanted),
        *(_key(cells, left, height - 34) if cells.showscale is not False else ()),
    ]
    name = html.escape(_text(figure.layout.title.text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="heatmap" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" role="img" aria-label="{name}">{"".join(drawn)}</svg>'
    )


def _names(axis: Any, given: Sequence[Any] | None, count: int) -> dict[int, str]:
    """Return place -> name, for the rows or columns that have one."""
    if axis.ticktext is not None and axis.tickvals is not None:
        places = [round(float(place)) for place in axis.tickvals]
        return {
            place: _text(str(name)) for place, name in zip(places, axis.ticktext, strict=True) if 0 <= place < count
        }
    names = range(count) if given is None else given
    return dict(enumerate(map(str, names)))


def _text(markup: str | None) -> str:
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", markup or "")).split())


def _hovers(
    figure: go.Figure, cells: go.Heatmap, values: np.ndarray, rows: dict[int, str], columns: dict[int, str]
) -> dict[tuple[int, int], str]:
    """Return (row, column) -> what is said of a cell: the marks' own texts, else its names and its value."""
    said = {
        (row, column): _filled(cells, row, column, value)
        or f"{rows.get(row, row)}, {columns.get(column, column)}: {number(value)}"
        for (row, column), value in np.ndenumerate(values)
    }
    for trace in figure.data:
        if trace.type == "scatter":
            for x, y, (_, text) in zip(trace.x, trace.y, trace.customdata, strict=True):
                said[round(y), round(x)] = re.sub(r"\s*<br>\s*", "\n", str(text))
    return {cell: html.unescape(re.sub("<[^>]*>", "", text)) for cell, text in said.items()}


def _filled(cells: go.Heatmap, row: int, column: int, value: float) -> str:
    """Return a cell's hover text as its template has it; "" without one."""
    if not cells.hovertemplate or cells.customdata is None:
        return ""
    known = {"customdata": str(cells.customdata[row][column]), "x": str(column), "y": str(row)}

    def fill(found: re.Match[str]) -> str:
        return format(value, found[2] or "") if found[1] == "z" else known[found[1]]

    template = str(cells.hovertemplate).replace("<extra></extra>", "")
    return re.sub(r"%\{(customdata|x|y|z)(?::([^}]*))?\}", fill, template).replace("<br>", "\n")


def _cells(values: np.ndarray, cells: go.Heatmap, hovers: dict[tuple[int, int], str], left: float) -> Iterator[str]:
    shown = np.isfinite(values)
    for (row, column), colour in zip(np.argwhere(shown).tolist(), _colours(cells, values[shown]), strict=True):
        x, y = left + column * _CELL[0], row * _CELL[1]
        written = "" if cells.text is None else _text(str(cells.text[row][column]))
        weighted = zip((0.3, 0.59, 0.11), unlabel_rgb(colour), strict=True)
        ink = "#fff" if sum(weight * part for weight, part in weighted) < _DARK else "#000"
        place = f'x="{x + _CELL[0] / 2:.0f}" y="{y + 16}" text-anchor="middle" fill="{ink}"'
        label = f"<text {place}>{html.escape(written)}</text>" if written else ""
        yield (
            f'<g><title>{html.escape(hovers[row, column])}</title><rect x="{x:.0f}" y="{y}" width="{_CELL[0] - 1}" '
            f'height="{_CELL[1] - 1}" fill="{colour}"/>{label}</g>'
        )


def _colours(cells: go.Heatmap, values: np.ndarray) -> list[str]:
    """Return the colours of some values, "rgb(...)"."""
    share = np.clip((values - cells.zmin) / (cells.zmax - cells.zmin), 0, 1)
    if not len(share):
        return []
    return sample_colorscale(list(map(list, cells.colorscale)), list(1 - share if cells.reversescale else share))


def _shapes(figure: go.Figure, left: float) -> Iterator[str]:
    """Frames around cells, and rows that are covered, with their notes."""
    for shape in figure.layout.shapes:
        x, y = left + (shape.x0 + 0.5) * _CELL[0], (shape.y0 + 0.5) * _CELL[1]
        size = f'width="{(shape.x1 - shape.x0) * _CELL[0] - 1:.0f}" height="{(shape.y1 - shape.y0) * _CELL[1] - 1:.0f}"'
        line = shape.line.width or 0
        style = f'fill="{shape.fillcolor or "none"}" stroke="{shape.line.color or "none"}" stroke-width="{line}"'
        yield f'<rect x="{x:.0f}" y="{y:.0f}" {size} {style}/>'
    for note in figure.layout.annotations:
        x, y = left + (note.x + 0.5) * _CELL[0], (note.y + 0.5) * _CELL[1] + 4
        yield f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle">{html.escape(_text(note.text))}</text>'


def _row_names(figure: go.Figure, rows: dict[int, str], left: float, n_rows: int) -> Iterator[str]:
    for place, name in rows.items():
        yield f'<text x="{left - 6:.0f}" y="{place * _CELL[1] + 16}" text-anchor="end">{html.escape(name)}</text>'
    title = html.escape(_text(figure.layout.yaxis.title.text))
    middle = n_rows * _CELL[1] / 2
    yield f'<text transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">{title}</text>'


def _column_names(
    figure: go.Figure, columns: dict[int, str], left: float, n_rows: int, *, slanted: bool
) -> Iterator[str]:
    y = n_rows * _CELL[1] + 16
    for place, name in columns.items():
        x = left + (place + 0.5) * _CELL[0]
        turned = f'transform="translate({x:.0f} {y}) rotate(-60)" text-anchor="end"'
        level = f'x="{x:.0f}" y="{y}" text-anchor="middle"'
        yield f"<text {turned if slanted else level}>{html.escape(name)}</text>"
    title = _text(figure.layout.xaxis.title.text)
    if title and not slanted:
        yield f'<text x="{left:.0f}" y="{y + 18}">{html.escape(title)}</text>'


def _key(cells: go.Heatmap, left: float, y: float) -> Iterator[str]:
    """The colours, from the least value to the most."""
    for n, colour in enumerate(_colours(cells, np.linspace(cells.zmin, cells.zmax, 24))):
        yield f'<rect x="{left + 8 * n:.0f}" y="{y:.0f}" width="8" height="10" fill="{colour}"/>'
    for n, value in ((0, cells.zmin), (12, (cells.zmin + cells.zmax) / 2), (24, cells.zmax)):
        shown = html.escape(number(value, max(abs(cells.zmin), abs(cells.zmax))))
        yield f'<text x="{left + 8 * n:.0f}" y="{y + 24:.0f}" text-anchor="middle">{shown}</text>'
