"""Figures of attention.

Attention is white to brown, differences red to blue, white at 0. No token attends to later ones: those cells are grey,
never white, which means "not looked at".
"""

import math
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import plotly.graph_objects as go

from app.colours import ROLE_COLOURS, UNSEEN
from app.drawing.heatmap import pattern_colours
from app.drawing.kept import drawn_once
from app.drawing.parts import PLAIN_AXIS, click_targets, clickable, frame, laid_out, literal
from ioi_core import Head

_WIDE = 3.5
"""Width to height of what a projector's screen has left for a figure."""


@drawn_once
def heads_overview(
    values: np.ndarray,
    layers: Sequence[int],
    texts: Sequence[Sequence[str]],
    roles: Mapping[int, Sequence[str]],
    chosen: Head | None,
    *,
    limit: float,
    title: str,
    note: str,
    diverging: bool,
    faint: bool,
    wide: bool = False,
) -> go.Figure:
    """Draw a small pattern of every head, layers downwards; patterns can be clicked, the chosen one is framed.

    Args:
        values: [layer head query_pos key_pos].
        layers: their numbers; texts: [layer][head] hover texts.
        roles: position -> its roles, marked on top of and left of each pattern.
        limit: the value of the darkest colour; diverging: values may be negative.
        faint: give half the colour to a quarter of `limit`, so that heads which write little are still seen.
        wide: for a screen that is wide and low: several layers side by side, and every pattern a square.
    """
    n_layers, n_heads, length, _ = values.shape
    beside = _layers_beside(n_layers, n_heads) if wide else 1
    n_rows, n_columns = n_layers // beside, n_heads * beside
    values = values.reshape(n_rows, n_columns, length, length)
    gap = max(3, length // 10)
    step = length + gap
    figure = go.Figure(_backgrounds(n_rows, n_columns, length, gap))
    colours = pattern_colours(limit, diverging=diverging, faint=faint)
    figure.add_heatmap(z=tiled(values, gap), hoverinfo="skip", **colours)
    if faint:  # the bar's names are where its colours are full and half, since they are not evenly apart
        ends = [-1, -0.25, 0, 0.25, 1] if diverging else [0, 0.25, 1]
        figure.data[-1].colorbar.update(tickvals=[limit * end for end in ends], tickformat=".2~g")
    figure.add_trace(_role_marks(n_rows, n_columns, step, gap, roles))
    row, column = (axis.ravel() for axis in np.indices((n_rows, n_columns)))
    middle = (length - 1) / 2
    heads = [Head(layer, n) for layer in layers for n in range(n_heads)]
    customdata = [
        [str(head), literal(words).replace("\n", "<br>")]
        for head, words in zip(heads, chain.from_iterable(texts), strict=True)
    ]
    figure.add_trace(click_targets(column * step + middle, row * step + middle, customdata, 44))
    if chosen in heads:
        down, right = divmod(heads.index(chosen), n_columns)
        frame(figure, right * step, down * step, length)
    x, y = (np.arange(n) * step + middle for n in (n_columns, n_rows))
    across, down_to = [-gap, n_columns * step - gap], [n_rows * step - gap, -gap]
    names = [str(n % n_heads) for n in range(n_columns)]
    figure.update_xaxes(tickvals=x, ticktext=names, title="head", range=across, **PLAIN_AXIS)
    rows = [" | ".join(map(str, layers[n : n + beside])) for n in range(0, n_layers, beside)]
    figure.update_yaxes(tickvals=y, ticktext=rows, title="layer" + "s" * (beside > 1), range=down_to, **PLAIN_AXIS)
    if wide:
        figure.update_xaxes(constrain="domain")
        figure.update_yaxes(constrain="domain", scaleanchor="x")
    figure = laid_out(figure, title, note, 110 + n_rows * round(min(130, max(62, 780 / n_rows))))
    return clickable(figure)


def _layers_beside(n_layers: int, n_heads: int) -> int:
    """Return how many layers side by side fill a screen best; the number divides all layers."""
    numbers = [n for n in range(1, n_layers + 1) if n_layers % n == 0]
    return min(numbers, key=lambda n: abs(math.log(n * n * n_heads / n_layers / _WIDE)))


def tiled(values: np.ndarray, gap: int) -> np.ndarray:
    """Return [layer head query_pos key_pos] as one picture, patterns `gap` cells apart; nan stays blank."""
    n_rows, n_heads, length, _ = values.shape
    seen = np.where(np.tri(length, dtype=bool), values, np.nan).astype(np.float32)
    apart = np.pad(seen, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    picture = apart.swapaxes(1, 2).reshape(n_rows * (length + gap), n_heads * (length + gap))
    return np.round(picture, 4)


def _backgrounds(n_rows: int, n_heads: int, length: int, gap: int) -> go.Heatmap:
    """Return a grey square behind each pattern, a little larger: the cells of later tokens, and a line around all."""
    line = length / 60
    z = np.full((2 * n_rows - 1, 2 * n_heads - 1), np.nan, np.float32)
    z[::2, ::2] = 0
    x, y = (
        np.arange(n).repeat(2) * (length + gap) + np.tile([-0.5 - line, length - 0.5 + line], n)
        for n in (n_heads, n_rows)
    )
    return go.Heatmap(z=z, x=x, y=y, colorscale=[[0, UNSEEN], [1, UNSEEN]], showscale=False, hoverinfo="skip")


def _role_marks(n_rows: int, n_heads: int, step: int, gap: int, roles: Mapping[int, Sequence[str]]) -> go.Scatter:
    """Return role colours beside each pattern, on top for keys and on the left for queries."""
    row, head = (axis.ravel() for axis in np.indices((n_rows, n_heads)))
    x: list[float] = []
    y: list[float] = []
    colours: list[str] = []
    edge = 0.5 + min(gap, 4) / 3
    for position, names in roles.items():
        x += [*(head * step + position), *(head * step - edge)]
        y += [*(row * step - edge), *(row * step + position)]
        colours += [ROLE_COLOURS[names[0]]] * (2 * len(row))
    marker = {"symbol": "square", "size": 4, "color": colours}
    return go.Scatter(x=x, y=y, mode="markers", marker=marker, hoverinfo="skip", showlegend=False)
