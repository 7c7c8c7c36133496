"""Nodes and the edges between them: layers upwards, the logits above the last."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import plotly.graph_objects as go

from app.drawing.parts import OUTLINE, click_targets, keyed, smaller

Point = tuple[float, float]
"""Of a node: x and its layer."""

_LETTER = 7  # pixels

_Node = TypeVar("_Node")


def spread(layers: Mapping[float, Sequence[_Node]], left: float, width: float) -> dict[_Node, Point]:
    """Return a point for each node: the nodes of a layer evenly apart within the column."""
    return {
        node: (left + (n + 0.5) * width / len(nodes), layer)
        for layer, nodes in layers.items()
        for n, node in enumerate(nodes)
    }


def draw_nodes(
    figure: go.Figure,
    points: Sequence[Point],
    names: Sequence[str],
    marker: Mapping[str, Any],
    *,
    customdata: Sequence[Sequence[str]] = (),
    text_colour: str = "#000000",
) -> None:
    """Draw nodes with their names in them, long ones in smaller letters; a click elsewhere fades none.

    Args:
        marker: Plotly's; customdata: as in `keyed`.
    """
    x, y = zip(*points, strict=True)
    hover = keyed(customdata) if customdata else {"hoverinfo": "skip"}
    fitting = [_fitting(name, marker["size"]) for name in names]
    text = {"text": fitting, "textfont": {"size": 12, "color": text_colour}, "cliponaxis": False}
    unfaded = {"textfont": {"color": text_colour}}
    style = {"mode": "markers+text", "marker": {"line": OUTLINE, **marker}, "unselected": unfaded, "showlegend": False}
    figure.add_scatter(x=x, y=y, **text, **style, **hover)


def _fitting(name: str, size: int) -> str:
    """Return a name that is no wider than its node even in a projector's letters."""
    return smaller(name, size / (_LETTER * len(re.sub("<[^>]*>", "", name))))


def draw_edges(
    figure: go.Figure,
    edges: Sequence[tuple[Point, Point]],
    text: str,
    along: np.ndarray,
    *,
    opacity: float,
    **line: Any,
) -> None:
    """Draw several edges as one trace, then the invisible points on them that are hovered.

    Args:
        text: the hover text; along: positions of those points, from 0 at an edge's start to 1 at its end.
        line: Plotly's.
    """
    draw_lines(figure, edges, opacity=opacity, **line)
    x, y = points_along(edges, along)
    figure.add_trace(click_targets(x, y, [["", text]] * len(x), 8, "circle"))


def draw_lines(figure: go.Figure, edges: Sequence[tuple[Point, Point]], *, opacity: float, **line: Any) -> None:
    """Draw several edges as one trace that nothing hovers; `line` is Plotly's."""
    gapped = [[at for start, end in edges for at in (start[axis], end[axis], None)] for axis in (0, 1)]
    figure.add_scatter(
        x=gapped[0], y=gapped[1], mode="lines", line=line, opacity=opacity, hoverinfo="skip", showlegend=False
    )


def points_along(edges: Sequence[tuple[Point, Point]], along: np.ndarray) -> tuple[list[float], list[float]]:
    """Return x and y of points on edges, edge after edge; `along` as in `draw_edges`."""
    x, y = ([at for start, end in edges for at in start[axis] + (end[axis] - start[axis]) * along] for axis in (0, 1))
    return x, y


def name_layers(figure: go.Figure, n_layers: int) -> None:
    """Write the layers on the y axis, and "out" above the last."""
    names, style = [*map(str, range(n_layers)), "out"], {"title": "layer", "zeroline": False, "automargin": True}
    figure.update_yaxes(tickvals=list(range(n_layers + 1)), ticktext=names, range=[-0.7, n_layers + 0.6], **style)
