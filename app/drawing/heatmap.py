"""Heatmaps: effects, layers downwards, each cell with its number and a place to click; one attention pattern.

Like `charts`, nothing is computed here and nothing knows the browser.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.colours import ATTENTION, DIVERGING, FAINT, UNSEEN
from app.drawing import parts
from app.drawing.kept import drawn_once
from app.words.phrases import interval, signed
from ioi_core import Head, bootstrap_interval


def effect_cells(values: np.ndarray, limit: float, text: Sequence[Sequence[str]], **how: Any) -> go.Heatmap:
    """Cells of effects from -`limit` to `limit`, red to blue, their numbers written in them."""
    colours = {"colorscale": DIVERGING, "zmin": -limit, "zmax": limit}
    written = {"text": text, "texttemplate": "%{text}"} if text else {}
    return go.Heatmap(z=values.astype(np.float32), xgap=1, ygap=1, **colours, **written, **how)


def refuse_undefined(values: np.ndarray) -> None:
    """Raise an error where an effect is undefined."""
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
    """Name rows, the first on top, and columns, which stand at `x` or side by side; `x_axis` is Plotly's."""
    x = list(range(len(columns))) if x is None else x
    y, ends = list(range(len(rows))), [-0.5, x[-1] + 0.5]
    figure.update_xaxes(tickvals=x, ticktext=columns, range=ends, **parts.PLAIN_AXIS, **x_axis)
    figure.update_yaxes(tickvals=y, ticktext=rows, range=[len(rows) - 0.5, -0.5], title=row_title, **parts.PLAIN_AXIS)


def clickable_cells(
    cells: Sequence[go.Heatmap], told: Sequence[Sequence[Sequence[str]]], size: int, x: Sequence[float] | None = None
) -> go.Figure:
    """Draw `cells`, each of which can be clicked.

    Args:
        told: [row][column] what a click tells and what hovering says.
        size: as in `click_targets`; x: as in `name_cells`.
    """
    rows, columns = np.indices((len(told), len(told[0]) if told else 0)).reshape(2, -1)
    places = columns if x is None else np.array(x)[columns]
    figure = go.Figure([*cells, parts.click_targets(places, rows, [cell for row in told for cell in row], size)])
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
        names: [row][column] the same with the tokens that stand there.
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
    no_path_from: int | None = None

    @property
    def ranking(self) -> list[tuple[int, int]]:
        """All cells, the largest effect first."""
        order = np.argsort(-np.abs(self.effects), axis=None, kind="stable")
        return [(int(n) // len(self.columns), int(n) % len(self.columns)) for n in order]

    @property
    def of_heads(self) -> bool:
        """Whether each cell belongs to one head."""
        return "head" in (self.row_title, self.column_title)

    def head(self, place: tuple[int, int]) -> Head:
        """The head of a cell."""
        row, column = place
        return Head.parse(self.rows[row] if self.row_title == "head" else f"{self.rows[row]}.{self.columns[column]}")

    def place(self, key: str) -> tuple[int, int] | None:
        """Row and column of the cell called `key`, if there is one."""
        for row, keys in enumerate(self.keys):
            if key in keys:
                return row, keys.index(key)
        return None


_TEXT_ROWS = 40
"""Up to so many rows every cell has its number written in it."""


def grid_intervals(grid: EffectGrid, gaps: np.ndarray | None, over: str) -> list[list[str]]:
    """[row column] what each cell's mean is taken over, with its interval; `gaps` as in `PatchResult`."""
    low, high = bootstrap_interval(grid.per_prompt, gaps=gaps)
    return [[interval(*bounds, over) for bounds in zip(*row, strict=True)] for row in zip(low, high, strict=True)]


def effect_heatmap(
    grid: EffectGrid,
    said: list[list[str]],
    framed: Sequence[tuple[int, int]],
    *,
    less_is_good: bool = False,
) -> go.Figure:
    """Cells of effects that can be clicked; a click tells the cell's key.

    Args:
        said: [row][column] what hovering says.
        framed: cells with a frame.
        less_is_good: blue is for negative effects.
    """
    n_rows, n_columns = grid.effects.shape
    with_path = n_rows if grid.no_path_from is None else grid.no_path_from
    shown = grid.effects[:with_path]
    refuse_undefined(shown)
    limit = float(np.abs(shown).max(initial=0)) or 1.0
    few = n_rows <= _TEXT_ROWS
    text = _numbers(grid, limit) if few else []
    cells = effect_cells(grid.effects, limit, text, reversescale=less_is_good, hoverinfo="skip")
    told = [list(zip(*row, strict=True)) for row in zip(grid.keys[:with_path], said[:with_path], strict=True)]
    figure = clickable_cells([cells], told, 26 if few else 14)
    for row, column in framed:
        parts.frame(figure, column, row)
    if with_path < n_rows:
        _band(figure, with_path, n_rows, n_columns)
    above: dict[str, Any] = {"side": "top"} if any(grid.roles) else {"side": "bottom", "title": grid.column_title}
    name_cells(figure, grid.rows, _column_texts(grid), row_title=grid.row_title, tickangle=0, **above)
    return figure


def _band(figure: go.Figure, first: int, n_rows: int, n_columns: int) -> None:
    """Rows without a path: hatched grey, and said so."""
    ends = {"x0": -0.5, "x1": n_columns - 0.5, "y0": first - 0.5, "y1": n_rows - 0.5}
    figure.add_shape(type="rect", **ends, line={"width": 0}, fillcolor="rgba(128, 128, 128, 0.22)")
    x, y = (n_columns - 1) / 2, (first + n_rows - 1) / 2
    figure.add_annotation(x=x, y=y, text="no path: not below a receiver", showarrow=False)


def heatmap_height(grid: EffectGrid) -> int:
    """Pixels that leave room for every row."""
    n_rows = len(grid.rows)
    return 150 + (34 if n_rows <= _TEXT_ROWS else 16) * n_rows + (60 if any(grid.roles) else 40)


def _numbers(grid: EffectGrid, reach: float) -> list[list[str]]:
    """The effects as text; none where every prompt is exactly unchanged, or where there is no path."""
    untouched = (grid.per_prompt == 0).all(-1) | np.isnan(grid.effects)
    return [
        ["" if nothing else signed(value, reach) for value, nothing in zip(row, still, strict=True)]
        for row, still in zip(grid.effects, untouched, strict=True)
    ]


def _column_texts(grid: EffectGrid) -> list[str]:
    if grid.column_title == "role":
        return [parts.mark(role) for role in grid.columns]
    return [
        f"{parts.wrapped(column)}<br>{' '.join(map(parts.mark, roles))}" if any(grid.roles) else parts.literal(column)
        for column, roles in zip(grid.columns, grid.roles, strict=True)
    ]


_SPELLED_OUT = 40
"""Up to so many tokens, hovering over a cell of one head says what they are."""


def pattern_colours(reach: float, *, diverging: bool, faint: bool = False) -> dict[str, object]:
    """Plotly's colour scale of attention, or of its differences, from 0 or -`reach` to `reach`."""
    scale = DIVERGING if diverging else ATTENTION
    if faint:  # half the colour stands at a quarter of the values
        low, half, zero, other_half, high = (colour for _, colour in DIVERGING)
        scale = (
            [[0, low], [0.375, half], [0.5, zero], [0.625, other_half], [1, high]]
            if diverging
            else [*ATTENTION[:1], [0.25, FAINT], *ATTENTION[1:]]
        )
    return {"colorscale": scale, "zmin": -reach if diverging else 0, "zmax": reach}


def cell_pixels(length: int) -> int:
    """The height of a row of one head's pattern, so that long prompts still fit a screen or two."""
    return max(6, min(22, 900 // length))


@drawn_once
def attention_heatmap(
    pattern: np.ndarray,
    labels: Sequence[str],
    title: str,
    *,
    roles: Mapping[int, Sequence[str]] | None = None,
    reach: float = 1.0,
    metric: str = "attention",
    diverging: bool = False,
) -> go.Figure:
    """One head's attention in one prompt: rows look, columns are looked at."""
    length, roles = len(labels), roles or {}
    said = _sentences(labels, roles, f"{metric} %{{z:{'+' if diverging else ''}.3f}}")
    pixels = cell_pixels(length)
    seen, gap = np.where(np.tri(length, dtype=bool), pattern, np.nan).astype(np.float32), int(pixels > 8)
    look = {"xgap": gap, "ygap": gap, "hoverongaps": False, "showscale": False}
    figure = go.Figure()
    figure.add_heatmap(z=seen, **look, **said, **pattern_colours(reach, diverging=diverging))
    places = _labelled(length, roles, apart=-(-14 // pixels))
    texts = [" ".join([*map(parts.mark, roles.get(n, ())), parts.literal(labels[n])]) for n in places]
    figure.update_xaxes(tickvals=places, ticktext=texts, tickangle=-60, title="looked at", **parts.PLAIN_AXIS)
    figure.update_yaxes(tickvals=places, ticktext=texts, title="looks", range=[length - 0.5, -0.5], **parts.PLAIN_AXIS)
    scale = f"{-reach:.2g} (red) to {reach:+.2g} (blue)" if diverging else f"0 (white) to {reach:.3g} (brown)"
    figure = parts.laid_out(figure, title, f"{metric}, {scale}, 1 prompt", 150 + pixels * length, top=68)
    return figure.update_layout(plot_bgcolor=UNSEEN)


def _sentences(labels: Sequence[str], roles: Mapping[int, Sequence[str]], value: str) -> dict[str, object]:
    """What hovering over a cell says; in a long prompt, where all sentences would be megabytes, by position only."""
    if len(labels) > _SPELLED_OUT:
        return {"hovertemplate": f"From position %{{y}} to position %{{x}}:<br>{value}<extra></extra>"}
    names = [
        f"{parts.literal(label)} ({', '.join([f'position {n}', *roles.get(n, ())])})" for n, label in enumerate(labels)
    ]
    said = [
        [f"From {query} to {key}" if k <= q else "" for k, key in enumerate(names)] for q, query in enumerate(names)
    ]
    return {"customdata": said, "hovertemplate": f"%{{customdata}}:<br>{value}<extra></extra>"}


def _labelled(length: int, roles: Mapping[int, Sequence[str]], *, apart: int) -> list[int]:
    """The positions that get a label: those with a role first, then as many others as have room between them."""
    kept: list[int] = []
    for position in sorted(range(length), key=lambda n: (n not in roles, list(roles.get(n, ())) == ["S1+1"], n)):
        if all(abs(position - other) >= apart for other in kept):
            kept.append(position)
    return sorted(kept)
