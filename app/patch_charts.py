"""Figures of activation patching; like `charts`, nothing is computed here and nothing knows the browser."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.chart_parts import (
    CELL_TEXT,
    CORRUPTED,
    DIVERGING,
    FAVOURS_IO,
    FAVOURS_S,
    PLAIN_AXIS,
    click_targets,
    clickable,
    laid_out,
    literal,
    mean_line,
    mean_note,
    prompt_axis,
    wrapped,
)
from app.drawn import drawn_once
from app.effects import EffectGrid, number
from app.grid import mark
from app.words import interval, over_prompts, signed
from ioi_core import PatchResult, bootstrap_interval

_TEXT_ROWS = 40
"""Up to so many rows every cell has its number written in it."""


@drawn_once
def patch_heatmap(grid: EffectGrid, result: PatchResult, chosen: tuple[int, int] | None) -> go.Figure:
    """What each cell's patch changed; cells can be clicked, the chosen one is framed."""
    over = over_prompts(result.n_prompts)
    intervals = grid_intervals(grid, result.gaps, over)
    said = [
        [
            f"{literal(name.capitalize())}:<br>changes {result.metric} by {number(effect)}<br>({sure})"
            for name, effect, sure in zip(*cells, strict=True)
        ]
        for cells in zip(grid.names, grid.effects, intervals, strict=True)
    ]
    kind = "Estimated change" if result.estimate else "Change"
    figure = effect_heatmap(grid, said, [chosen] if chosen else [], less_is_good=result.metric == "kl")
    note = f"{result.unit}, {over}; no number: no change"
    figure = laid_out(figure, f"{kind} in {result.metric}", note, heatmap_height(grid))
    return figure.update_layout(margin={"t": 115}) if any(grid.roles) else figure


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
    if not np.isfinite(shown).all():
        raise ValueError("undefined effects cannot be painted: say why they are undefined instead")
    reach = float(np.abs(shown).max(initial=0)) or 1.0
    written = {"text": _numbers(grid, reach), "texttemplate": "%{text}"} if n_rows <= _TEXT_ROWS else {}
    figure = go.Figure(
        go.Heatmap(
            z=grid.effects.astype(np.float32), colorscale=DIVERGING, reversescale=less_is_good, zmin=-reach, zmax=reach,
            xgap=1, ygap=1, colorbar={"thickness": 12}, hoverinfo="skip", textfont=CELL_TEXT, **written,
        )
    )  # fmt: skip
    y, x = (axis.ravel() for axis in np.indices(shown.shape))
    told = [[grid.keys[row][column], said[row][column]] for row, column in zip(y, x, strict=True)]
    figure.add_trace(click_targets(x, y, told, 26 if n_rows <= _TEXT_ROWS else 14))
    for row, column in framed:
        figure.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
            line={"color": "#E69F00", "width": 3},
        )  # fmt: skip
    if with_path < n_rows:
        _band(figure, with_path, n_rows, n_columns)
    figure.update_xaxes(
        tickvals=list(range(n_columns)), ticktext=_column_texts(grid), range=[-0.5, n_columns - 0.5], tickangle=0,
        side="top" if any(grid.roles) else "bottom", title=None if any(grid.roles) else grid.column_title,
        **PLAIN_AXIS,
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(n_rows)), ticktext=list(grid.rows), title=grid.row_title, range=[n_rows - 0.5, -0.5],
        **PLAIN_AXIS,
    )  # fmt: skip
    return clickable(figure)


def _band(figure: go.Figure, first: int, n_rows: int, n_columns: int) -> None:
    """Rows without a path: hatched grey, and said so."""
    figure.add_shape(
        type="rect", x0=-0.5, x1=n_columns - 0.5, y0=first - 0.5, y1=n_rows - 0.5, line={"width": 0},
        fillcolor="rgba(128, 128, 128, 0.22)",
    )  # fmt: skip
    figure.add_annotation(
        x=(n_columns - 1) / 2, y=(first + n_rows - 1) / 2, text="no path: not below a receiver", showarrow=False
    )


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
        return [mark(role) for role in grid.columns]
    return [
        f"{wrapped(column)}<br>{' '.join(map(mark, roles))}" if any(grid.roles) else literal(column)
        for column, roles in zip(grid.columns, grid.roles, strict=True)
    ]


@drawn_once
def prompt_effects(grid: EffectGrid, result: PatchResult, place: tuple[int, int], shown: int) -> go.Figure:
    """One cell's effect in every prompt."""
    values = grid.per_prompt[place]
    numbers = np.arange(1, len(values) + 1)
    said = [f"Prompt {n}: {value:+.3f} in {result.metric}" for n, value in zip(numbers, values, strict=True)]
    good = -1 if result.metric == "kl" else 1  # the heatmap's meaning: blue is towards the clean run
    colours = [FAVOURS_IO if good * value >= 0 else FAVOURS_S for value in values]
    figure = go.Figure(
        go.Bar(x=numbers, y=values, marker_color=colours, customdata=said, hovertemplate="%{customdata}<extra></extra>")
    )
    mean_line(figure, values, CORRUPTED, result.gaps)
    figure.add_hline(y=0, line={"width": 1, "color": CORRUPTED})
    figure.update_yaxes(title=f"change, {result.unit}")
    prompt_axis(figure, len(values), shown)
    over = (f"each of {len(values)} prompts" if len(values) > 1 else "1 prompt") + mean_note(len(values))
    return laid_out(figure, f"Change in {result.metric}, prompt by prompt", f"{result.unit}, {over}", 320)


@drawn_once
def estimate_scatter(estimate: EffectGrid, exact: EffectGrid, result: PatchResult, correlation: float) -> go.Figure:
    """The first-order estimate of each cell against its exact effect."""
    x, y = estimate.effects.ravel(), exact.effects.ravel()
    names = [name for row in exact.names for name in row]
    said = [
        f"{literal(name.capitalize())}:<br>estimate {a:+.3f}, exact {b:+.3f}"
        for name, a, b in zip(names, x, y, strict=True)
    ]
    figure = go.Figure(
        go.Scatter(
            x=x, y=y, mode="markers", marker={"color": FAVOURS_IO, "size": 8, "opacity": 0.7}, customdata=said,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    reach = (1.1 * max(float(np.abs(x).max()), float(np.abs(y).max()))) or 1.0
    figure.add_shape(
        type="line", x0=-reach, y0=-reach, x1=reach, y1=reach, layer="below",
        line={"dash": "dash", "width": 1, "color": CORRUPTED},
    )  # fmt: skip
    figure.update_xaxes(title="estimate", range=[-reach, reach], zeroline=True)
    figure.update_yaxes(title="exact", range=[-reach, reach], zeroline=True)
    r = "undefined" if np.isnan(correlation) else f"{correlation:.3f}"
    note = f"change in {result.metric}, {result.unit}; correlation {r}; dashed: equal"
    return laid_out(figure, "Estimate against exact, one point a cell", note, 420)
