"""Nodes and the edges between them: layers upwards, the logits above the last.

Like `charts`, nothing is computed here and nothing knows the browser.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import plotly.graph_objects as go

from app.drawing.parts import OUTLINE, click_targets, keyed

Place = tuple[float, float]
"""Where a node stands: x and its layer."""


_Node = TypeVar("_Node")


def spread(layers: Mapping[float, Sequence[_Node]], left: float, width: float) -> dict[_Node, Place]:
    """Give the nodes of each layer places in a column, evenly apart."""
    return {
        node: (left + (n + 0.5) * width / len(nodes), layer)
        for layer, nodes in layers.items()
        for n, node in enumerate(nodes)
    }


def draw_nodes(
    figure: go.Figure,
    places: Sequence[Place],
    names: Sequence[str],
    marker: Mapping[str, Any],
    *,
    told: Sequence[Sequence[str]] = (),
    text_colour: str = "#000000",
) -> None:
    """Nodes with their names in them; a click elsewhere fades none.

    Args:
        marker: Plotly's; told: of each node, what a click tells and what hovering says.
    """
    x, y = zip(*places, strict=True)
    hover = keyed(told) if told else {"hoverinfo": "skip"}
    text = {"text": names, "textfont": {"size": 12, "color": text_colour}, "cliponaxis": False}
    unfaded = {"textfont": {"color": text_colour}}
    look = {"mode": "markers+text", "marker": {"line": OUTLINE, **marker}, "unselected": unfaded, "showlegend": False}
    figure.add_scatter(x=x, y=y, **text, **look, **hover)


def draw_edges(
    figure: go.Figure,
    edges: Sequence[tuple[Place, Place]],
    said: str,
    along: np.ndarray,
    *,
    opacity: float,
    **line: Any,
) -> None:
    """Several edges as one trace, then the unseen points that are hovered.

    Args:
        said: what hovering says; along: where on an edge, from 0 at its start to 1 at its end.
        line: Plotly's.
    """
    gapped = [[at for start, end in edges for at in (start[axis], end[axis], None)] for axis in (0, 1)]
    figure.add_scatter(
        x=gapped[0], y=gapped[1], mode="lines", line=line, opacity=opacity, hoverinfo="skip", showlegend=False
    )
    x, y = ([at for start, end in edges for at in start[axis] + (end[axis] - start[axis]) * along] for axis in (0, 1))
    figure.add_trace(click_targets(x, y, [["", said]] * len(x), 8, "circle"))


def name_layers(figure: go.Figure, n_layers: int) -> None:
    """Write the layers on the y axis, and "out" above the last."""
    names, look = [*map(str, range(n_layers)), "out"], {"title": "layer", "zeroline": False, "automargin": True}
    figure.update_yaxes(tickvals=list(range(n_layers + 1)), ticktext=names, range=[-0.7, n_layers + 0.6], **look)
