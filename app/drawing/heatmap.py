"""Heatmaps: effects, layers downwards, each cell with its number and clickable; one attention pattern."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.colours import ATTENTION, DIVERGING, FAINT, UNSEEN
from app.drawing import parts
from app.drawing.kept import drawn_once
from app.words.phrases import interval, number, size
from ioi_core import Head

_DARKEST = 5  # of the smallest effects that are not nothing


def effect_cells(values: np.ndarray, limit: float, text: Sequence[Sequence[str]], **how: Any) -> go.Heatmap:
    """Return cells of effects from -`limit` to `limit`, red to blue, with their numbers."""
    colours = {"colorscale": DIVERGING, "zmin": -limit, "zmax": limit}
    written = {"text": text, "texttemplate": "%{text}"} if text else {}
    return go.Heatmap(z=values.astype(np.float32), xgap=1, ygap=1, **colours, **written, **how)


def colour_limit(effects: np.ndarray, least: float) -> float:
    """Return the effect in the darkest colour: the largest, but no colour at all to speak of for less than `least`."""
    return max(float(np.nanmax(np.abs(effects), initial=0)), _DARKEST * least)


def refuse_undefined(values: np.ndarray) -> None:
    """Raise a ValueError if an effect is undefined."""
    if not np.isfinite(values).all():
        raise ValueError("undefined effects cannot be painted: say why they are undefined instead")


def name_cells(
    figure: go.Figure,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    x: Sequence[float] | None = None,
    row_title: str | None = "layer",
    **x_axis: Any,
) -> None:
    """Label rows, the first on top, and columns, at `x` or side by side; `x_axis` is Plotly's."""
    x = list(range(len(columns))) if x is None else x
    y, ends = list(range(len(rows))), [-0.5, x[-1] + 0.5]
    figure.update_xaxes(tickvals=x, ticktext=columns, range=ends, **parts.PLAIN_AXIS, **x_axis)
    figure.update_yaxes(tickvals=y, ticktext=rows, range=[len(rows) - 0.5, -0.5], title=row_title, **parts.PLAIN_AXIS)


def clickable_cells(
    cells: Sequence[go.Heatmap],
    customdata: Sequence[Sequence[Sequence[str]]],
    size: int,
    x: Sequence[float] | None = None,
) -> go.Figure:
    """Draw clickable cells; `customdata` [row][column] and `size` as in `click_targets`, `x` as in `name_cells`."""
    rows, columns = np.indices((len(customdata), len(customdata[0]) if customdata else 0)).reshape(2, -1)
    positions = columns if x is None else np.array(x)[columns]
    figure = go.Figure(
        [*cells, parts.click_targets(positions, rows, [cell for row in customdata for cell in row], size)]
    )
    return parts.clickable(figure)


@dataclass(frozen=True)
class EffectGrid:
    """Cells in rows and columns.

    Attributes:
        effects: [row column] value minus the unpatched run's, mean over prompts.
        per_prompt: [row column batch] the same of each prompt.
        rows, columns: labels of the axes.
        roles: the roles of each column, where columns are positions.
        row_title, column_title: what the axes are.
        keys: [row][column] names that no prompt changes ("head 9.9", "layer 3, position 10", "layer 3, S2").
        names: [row][column] the same with the tokens at those positions.
        least: the smallest effect that is not nothing (`app.words.effects`).
        no_path_from: the first row without a path to what is measured; from there on cells hold nan.
    """

    effects: np.ndarray
    per_prompt: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    roles: tuple[tuple[str, ...], ...]
    row_title: str
    column_title: str
    keys: tuple[tuple[str, ...], ...]
    names: tuple[tuple[str, ...], ...]
    least: float
    no_path_from: int | None = None

    @property
    def ranking(self) -> list[tuple[int, int]]:
        """All cells, the largest effect first."""
        order = np.argsort(-np.abs(self.effects), axis=None, kind="stable")
        return [(int(n) // len(self.columns), int(n) % len(self.columns)) for n in order]

    @property
    def standing_out(self) -> list[tuple[int, int]]:
        """The cells whose effect is not nothing, the largest first."""
        return [cell for cell in self.ranking if abs(self.effects[cell]) >= self.least]

    @property
    def of_heads(self) -> bool:
        """True if each cell belongs to one head."""
        return "head" in (self.row_title, self.column_title)

    def head(self, cell: tuple[int, int]) -> Head:
        """The head of a cell."""
        row, column = cell
        return Head.parse(self.rows[row] if self.row_title == "head" else f"{self.rows[row]}.{self.columns[column]}")

    def cell(self, key: str) -> tuple[int, int] | None:
        """Return row and column of the cell called `key`, if there is one."""
        for row, keys in enumerate(self.keys):
            if key in keys:
                return row, keys.index(key)
        return None


_TEXT_ROWS = 40
"""The most rows with which numbers are written into the cells."""


def interval_texts(low: np.ndarray, high: np.ndarray, sample: str) -> list[list[str]]:
    """Return [row][column] `sample` and the interval of each cell, in words."""
    return [[interval(*bounds, sample) for bounds in zip(*row, strict=True)] for row in zip(low, high, strict=True)]


def effect_heatmap(
    grid: EffectGrid, texts: list[list[str]], framed: Sequence[tuple[int, int]], *, less_is_good: bool = False
) -> go.Figure:
    """Draw effects in cells that can be clicked; a click hands on the cell's key.

    Args:
        texts: [row][column] hover texts; framed: the cells with a frame.
        less_is_good: blue is for negative effects.
    """
    n_rows, n_columns = grid.effects.shape
    with_path = n_rows if grid.no_path_from is None else grid.no_path_from
    shown = grid.effects[:with_path]
    refuse_undefined(shown)
    limit = colour_limit(shown, grid.least)
    few = n_rows <= _TEXT_ROWS
    text = _cell_texts(grid, limit) if few else []
    cells = effect_cells(grid.effects, limit, text, reversescale=less_is_good, hoverinfo="skip")
    customdata = [list(zip(*row, strict=True)) for row in zip(grid.keys[:with_path], texts[:with_path], strict=True)]
    figure = clickable_cells([cells], customdata, 26 if few else 14)
    for row, column in framed:
        parts.frame(figure, column, row)
    if with_path < n_rows:
        _grey_out_rows(figure, with_path, n_rows, n_columns)
    above: dict[str, Any] = {"side": "top"} if any(grid.roles) else {"side": "bottom", "title": grid.column_title}
    name_cells(figure, grid.rows, _column_texts(grid), row_title=grid.row_title, tickangle=0, **above)
    return figure


def _grey_out_rows(figure: go.Figure, first: int, n_rows: int, n_columns: int) -> None:
    """Cover the rows without a path in grey, with a note."""
    ends = {"x0": -0.5, "x1": n_columns - 0.5, "y0": first - 0.5, "y1": n_rows - 0.5}
    figure.add_shape(type="rect", **ends, line={"width": 0}, fillcolor="rgba(128, 128, 128, 0.22)")
    x, y = (n_columns - 1) / 2, (first + n_rows - 1) / 2
    figure.add_annotation(x=x, y=y, text="no path: not below a receiver", showarrow=False)


def heatmap_height(grid: EffectGrid) -> int:
    """Return the height in pixels that leaves room for every row."""
    n_rows = len(grid.rows)
    row = max(24, min(34, 300 // n_rows)) if n_rows <= _TEXT_ROWS else 16
    return 150 + row * n_rows + (60 if any(grid.roles) else 40)


def _cell_texts(grid: EffectGrid, limit: float) -> list[list[str]]:
    """Return the effects as text; "" where every prompt is exactly unchanged, or where there is no path."""
    untouched = _unchanged(grid) | np.isnan(grid.effects)
    return [
        ["" if nothing else number(value, limit, grid.least) for value, nothing in zip(row, still, strict=True)]
        for row, still in zip(grid.effects, untouched, strict=True)
    ]


def _unchanged(grid: EffectGrid) -> np.ndarray:
    return np.asarray((grid.per_prompt == 0).all(-1))


def empty_note(grid: EffectGrid) -> str:
    """Explain empty cells in a figure's note, where there are any."""
    return "; empty: unchanged" if _unchanged(grid).any() else ""


def _column_texts(grid: EffectGrid) -> list[str]:
    if grid.column_title == "role":
        return [parts.mark(role) for role in grid.columns]
    if not any(grid.roles):
        return list(map(parts.literal, grid.columns))
    return [
        f"{parts.in_one_line(column)}<br>{' '.join(map(parts.mark, roles))}"
        for column, roles in zip(grid.columns, grid.roles, strict=True)
    ]


_MOST_SPELLED_OUT = 40
"""The longest prompt, in tokens, whose tokens are in every hover text: more of them would be megabytes."""


def pattern_colours(limit: float, *, diverging: bool, faint: bool = False) -> dict[str, object]:
    """Return Plotly's colour scale of attention from 0 to `limit`, or of its differences from -`limit`."""
    scale = DIVERGING if diverging else ATTENTION
    if faint:  # half the colour at a quarter of the values
        low, half, zero, other_half, high = (colour for _, colour in DIVERGING)
        scale = (
            [[0, low], [0.375, half], [0.5, zero], [0.625, other_half], [1, high]]
            if diverging
            else [*ATTENTION[:1], [0.25, FAINT], *ATTENTION[1:]]
        )
    return {"colorscale": scale, "zmin": -limit if diverging else 0, "zmax": limit}


def cell_pixels(length: int) -> int:
    """Return the height of a row of one head's pattern; long prompts still fit a screen or two."""
    return max(6, min(22, 900 // length))


@drawn_once
def attention_heatmap(
    pattern: np.ndarray,
    labels: Sequence[str],
    title: str,
    *,
    roles: Mapping[int, Sequence[str]] | None = None,
    limit: float = 1.0,
    metric: str = "attention",
    diverging: bool = False,
) -> go.Figure:
    """Draw one head's attention in one prompt: rows look, columns are looked at."""
    length, roles = len(labels), roles or {}
    hover = _hover(labels, roles, metric, pattern, number if diverging else size)
    pixels = cell_pixels(length)
    seen, gap = np.where(np.tri(length, dtype=bool), pattern, np.nan).astype(np.float32), int(pixels > 8)
    style = {"xgap": gap, "ygap": gap, "hoverongaps": False, "showscale": False}
    figure = go.Figure()
    figure.add_heatmap(z=seen, **style, **hover, **pattern_colours(limit, diverging=diverging))
    positions = _labelled_positions(length, roles, spacing=-(-14 // pixels))
    texts = [" ".join([*map(parts.mark, roles.get(n, ())), parts.literal(labels[n])]) for n in positions]
    figure.update_xaxes(tickvals=positions, ticktext=texts, tickangle=-60, title="looked at", **parts.PLAIN_AXIS)
    figure.update_yaxes(
        tickvals=positions, ticktext=texts, title="looks", range=[length - 0.5, -0.5], **parts.PLAIN_AXIS
    )
    scale = (
        f"{number(-limit, nothing=0)} (red) to {number(limit, nothing=0)} (blue)"
        if diverging
        else f"0 (white) to {size(limit, nothing=0)} (brown)"
    )
    figure = parts.laid_out(figure, title, f"{metric}, {scale}, 1 prompt", 150 + pixels * length, top=68)
    return figure.update_layout(plot_bgcolor=UNSEEN)


def _hover(
    labels: Sequence[str], roles: Mapping[int, Sequence[str]], metric: str, pattern: np.ndarray,
    write: Callable[[float], str],
) -> dict[str, object]:  # fmt: skip
    """Return Plotly's arguments for a hover text per cell; in a long prompt by position only."""
    if len(labels) > _MOST_SPELLED_OUT:
        return {"hovertemplate": f"From position %{{y}} to position %{{x}}:<br>{metric} %{{z:.3~f}}<extra></extra>"}
    names = [
        f"{parts.literal(label)} ({', '.join([f'position {n}', *roles.get(n, ())])})" for n, label in enumerate(labels)
    ]
    sentences = [
        [f"From {query} to {key}:<br>{metric} {write(pattern[q, k])}" if k <= q else "" for k, key in enumerate(names)]
        for q, query in enumerate(names)
    ]
    return parts.hover(sentences)


def _labelled_positions(length: int, roles: Mapping[int, Sequence[str]], *, spacing: int) -> list[int]:
    """Return the positions to label: those with a role first, then as many others as have room between them."""
    kept: list[int] = []
    for position in sorted(range(length), key=lambda n: (n not in roles, list(roles.get(n, ())) == ["S1+1"], n)):
        if all(abs(position - other) >= spacing for other in kept):
            kept.append(position)
    return sorted(kept)
