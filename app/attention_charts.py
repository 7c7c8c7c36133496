"""Figures of attention; like `charts`, nothing is computed here and nothing knows the browser.

Attention is white to brown, differences red to blue, white at 0. What stands after a token cannot be looked at: it is
grey, never white, which means "not looked at".
"""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.chart_parts import DIVERGING, PLAIN_AXIS, click_targets, clickable, laid_out, literal
from app.drawn import drawn_once
from app.grid import mark
from app.tokens import ROLE_COLOURS

LOOKED_AT = "#A84300"
"""The colour of full attention."""
ATTENTION = [[0.0, "#FFFFFF"], [1.0, LOOKED_AT]]
_FAINT = "#D4A480"
UNSEEN = "rgba(128, 128, 128, 0.25)"
_SPELLED_OUT = 40
"""Up to so many tokens, hovering over a cell of one head says what they are."""


@drawn_once
def heads_overview(
    values: np.ndarray,
    rows: Sequence[str],
    said: Sequence[Sequence[str]],
    roles: Mapping[int, Sequence[str]],
    chosen: tuple[int, int] | None,
    *,
    reach: float,
    title: str,
    note: str,
    diverging: bool,
    faint: bool,
) -> go.Figure:
    """A small pattern of every head, layers downwards; patterns can be clicked, the chosen one is framed.

    Args:
        values: [layer head query_pos key_pos].
        rows: the layers' numbers.
        said: [layer][head] what hovering says.
        roles: position -> its roles, marked on top of and left of each pattern.
        reach: the value of the darkest colour.
        diverging: values may be negative.
        faint: give half the colour to a quarter of `reach`, so that heads which write little are still seen.
    """
    n_rows, n_heads, length, _ = values.shape
    gap = max(3, length // 10)
    step = length + gap
    figure = go.Figure(_backgrounds(n_rows, n_heads, length, gap))
    figure.add_heatmap(
        z=tiled(values, gap),
        colorbar={"thickness": 12},
        hoverinfo="skip",
        **_colours(reach, diverging=diverging, faint=faint),
    )
    figure.add_trace(_role_marks(n_rows, n_heads, step, gap, roles))
    row, head = (axis.ravel() for axis in np.indices((n_rows, n_heads)))
    middle = (length - 1) / 2
    told = [
        [f"{layer}.{n}", literal(words).replace("\n", "<br>")]
        for layer, of_layer in zip(rows, said, strict=True)
        for n, words in enumerate(of_layer)
    ]
    figure.add_trace(click_targets(head * step + middle, row * step + middle, told, 44))
    if chosen:
        top, left = chosen[0] * step, chosen[1] * step
        figure.add_shape(
            type="rect", x0=left - 0.5, x1=left + length - 0.5, y0=top - 0.5, y1=top + length - 0.5,
            line={"color": "#E69F00", "width": 3},
        )  # fmt: skip
    figure.update_xaxes(
        tickvals=np.arange(n_heads) * step + middle, ticktext=list(map(str, range(n_heads))), title="head",
        range=[-gap, n_heads * step - gap], **PLAIN_AXIS,
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=np.arange(n_rows) * step + middle, ticktext=list(rows), title="layer",
        range=[n_rows * step - gap, -gap], **PLAIN_AXIS,
    )  # fmt: skip
    figure = laid_out(figure, title, note, 110 + n_rows * round(min(130, max(62, 780 / n_rows))))
    return clickable(figure)


def tiled(values: np.ndarray, gap: int) -> np.ndarray:
    """[layer head query_pos key_pos] as one picture, `gap` cells apart; nan where nothing is to be painted."""
    n_rows, n_heads, length, _ = values.shape
    seen = np.where(np.tri(length, dtype=bool), values, np.nan).astype(np.float32)
    apart = np.pad(seen, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    picture = apart.swapaxes(1, 2).reshape(n_rows * (length + gap), n_heads * (length + gap))
    return np.round(picture, 4)


def _colours(reach: float, *, diverging: bool, faint: bool = False) -> dict[str, object]:
    scale = DIVERGING if diverging else ATTENTION
    if faint:  # half the colour stands at a quarter of the values
        low, half, zero, other_half, high = (colour for _, colour in DIVERGING)
        scale = (
            [[0, low], [0.375, half], [0.5, zero], [0.625, other_half], [1, high]]
            if diverging
            else [*ATTENTION[:1], [0.25, _FAINT], *ATTENTION[1:]]
        )
    return {"colorscale": scale, "zmin": -reach if diverging else 0, "zmax": reach}


def _backgrounds(n_rows: int, n_heads: int, length: int, gap: int) -> go.Heatmap:
    """A grey square behind each pattern, a little larger: what its tokens cannot look at, and a line around it."""
    line = length / 60
    z = np.full((2 * n_rows - 1, 2 * n_heads - 1), np.nan, np.float32)
    z[::2, ::2] = 0
    x, y = (
        np.arange(n).repeat(2) * (length + gap) + np.tile([-0.5 - line, length - 0.5 + line], n)
        for n in (n_heads, n_rows)
    )
    return go.Heatmap(z=z, x=x, y=y, colorscale=[[0, UNSEEN], [1, UNSEEN]], showscale=False, hoverinfo="skip")


def _role_marks(n_rows: int, n_heads: int, step: int, gap: int, roles: Mapping[int, Sequence[str]]) -> go.Scatter:
    """Role colours beside each pattern, on top for what is looked at and on the left for what looks."""
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
    figure = go.Figure(
        go.Heatmap(
            z=np.where(np.tri(length, dtype=bool), pattern, np.nan).astype(np.float32), showscale=False,
            xgap=int(pixels > 8), ygap=int(pixels > 8), hoverongaps=False, **said,
            **_colours(reach, diverging=diverging),
        )
    )  # fmt: skip
    places = _labelled(length, roles, apart=-(-14 // pixels))
    texts = [" ".join([*map(mark, roles.get(n, ())), literal(labels[n])]) for n in places]
    figure.update_xaxes(tickvals=places, ticktext=texts, tickangle=-60, title="looked at", **PLAIN_AXIS)
    figure.update_yaxes(tickvals=places, ticktext=texts, title="looks", range=[length - 0.5, -0.5], **PLAIN_AXIS)
    scale = f"{-reach:.2g} (red) to {reach:+.2g} (blue)" if diverging else f"0 (white) to {reach:.3g} (brown)"
    figure = laid_out(figure, title, f"{metric}, {scale}, 1 prompt", 150 + pixels * length)
    return figure.update_layout(plot_bgcolor=UNSEEN, margin={"t": 68})


def _sentences(labels: Sequence[str], roles: Mapping[int, Sequence[str]], value: str) -> dict[str, object]:
    """What hovering over a cell says; in a long prompt, where all sentences would be megabytes, by position only."""
    if len(labels) > _SPELLED_OUT:
        return {"hovertemplate": f"From position %{{y}} to position %{{x}}:<br>{value}<extra></extra>"}
    names = [f"{literal(label)} ({', '.join([f'position {n}', *roles.get(n, ())])})" for n, label in enumerate(labels)]
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
