"""One attention pattern as a heatmap: queries downwards, keys to the right."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.drawing.kept import drawn_once
from app.drawing.parts import (
    ATTENTION,
    DIVERGING,
    FAINT,
    PLAIN_AXIS,
    UNSEEN,
    laid_out,
    literal,
    mark,
)

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
    texts = [" ".join([*map(mark, roles.get(n, ())), literal(labels[n])]) for n in places]
    figure.update_xaxes(tickvals=places, ticktext=texts, tickangle=-60, title="looked at", **PLAIN_AXIS)
    figure.update_yaxes(tickvals=places, ticktext=texts, title="looks", range=[length - 0.5, -0.5], **PLAIN_AXIS)
    scale = f"{-reach:.2g} (red) to {reach:+.2g} (blue)" if diverging else f"0 (white) to {reach:.3g} (brown)"
    figure = laid_out(figure, title, f"{metric}, {scale}, 1 prompt", 150 + pixels * length, top=68)
    return figure.update_layout(plot_bgcolor=UNSEEN)


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
