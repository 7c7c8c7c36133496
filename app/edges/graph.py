"""The edge circuit as a graph: layers upwards, a column a head, MLPs on the right. No Streamlit here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import plotly.graph_objects as go

from app.colours import CLASS_COLOURS, CORRUPTED, FAVOURS_IO, FAVOURS_S, LOGITS_COLOUR
from app.drawing.graph import Point, draw_lines, draw_nodes, points_along
from app.drawing.kept import drawn_once
from app.drawing.parts import OUTLINE, PLAIN_AXIS, click_targets, laid_out
from app.edges.plan import ARROW, Plan
from app.edges.words import edge_words, effect, node_words
from app.words.phrases import capitalised, mean_over, number
from ioi_core import EdgeEvaluation, Head
from ioi_core.edges.evaluation import ranking

MOST_DRAWN = 60
"""Edges in the figure; the table has all."""

_SLOT, _ROW = 52, 54  # pixels of a column, and of a layer
_SIZE, _SMALL, _SMALLEST = 34, 26, 22  # of a node
_MOST_ABOVE, _ASIDE = 7, 0.25  # layers whose nodes fit above each other on a projector; else: shares of a column
_WIDTHS = ((0.66, 5.5), (0.33, 3.5), (0.1, 2.0), (0.0, 1.0))
"""(at least this share of the strongest, pixels)."""
_OPACITY = 0.65
_ALONG = np.linspace(0.3, 0.7, 5)  # the middles of edges react to the pointer; a click at an end finds the node
_TARGET = 6  # pixels across: of larger ones that overlap Plotly takes the last, not the nearest
_NO_CLASS = "other head"
_OTHER_COLOUR, _MLP_COLOUR, _EMBED_COLOUR = "#A9A9A9", "#C9C9C9", "#DDDDDD"


@dataclass(frozen=True, eq=False)
class DrawnEdges:
    """The edges in the figure: [edge] rows of (sender, receiver); those that are dropped come last.

    Attributes:
        n_kept: how many are kept; n_hidden: kept edges that are not drawn.
    """

    edges: np.ndarray
    n_kept: int
    n_hidden: int


def drawn_edges(plan: Plan) -> DrawnEdges:
    """Return the strongest of the edges that are kept and on a path, and those that the visitor dropped."""
    order = ranking(plan.graph, plan.scores.values)
    kept = order[plan.pruned.ravel()[order]]
    dropped = np.argwhere(plan.graph.mask(sorted(plan.changes.dropped)))
    shown = np.stack(np.unravel_index(kept[:MOST_DRAWN], plan.pruned.shape), 1)
    return DrawnEdges(np.concatenate([shown, dropped]), len(shown), len(kept) - len(shown))


def width_of(plan: Plan) -> int:
    """Return the pixels below which nodes would cover each other."""
    return 90 + _SLOT * (plan.graph.n_heads + 1)


@drawn_once
def edge_graph(
    plan: Plan,
    drawn: DrawnEdges,
    evaluation: EdgeEvaluation,
    classes: Mapping[str, Sequence[Head]],
    *,
    low: bool = False,
) -> go.Figure:
    """Draw the circuit; a click on an edge drops or keeps it, one on a head opens it.

    Args:
        classes: class -> its heads, which have its colour.
        low: draw nodes smaller, and those of many layers beside each other, for a screen as low as a projector's.
    """
    graph, figure = plan.graph, go.Figure()
    many = low and graph.n_layers > _MOST_ABOVE
    aside = _ASIDE if many else 0.0
    place = partial(_place, plan, aside)
    ends = [(place(graph.senders[a]), place(graph.receivers[b])) for a, b in drawn.edges]
    adds = np.array([effect(plan.scores, (a, b)) for a, b in drawn.edges])
    strength = np.abs(adds) / max(float(np.abs(adds).max(initial=0)), 1e-9)
    for up, colour in ((True, FAVOURS_IO), (False, FAVOURS_S)):
        left = np.arange(len(ends)) < drawn.n_kept
        for at_least, width in _WIDTHS:
            chosen = left & ((adds >= 0) == up) & (strength >= at_least)
            left &= ~chosen
            if chosen.any():
                lines = [ends[n] for n in np.flatnonzero(chosen)]
                draw_lines(figure, lines, opacity=_OPACITY, color=colour, width=width)
    if dropped := ends[drawn.n_kept :]:
        draw_lines(figure, dropped, opacity=_OPACITY, color=CORRUPTED, width=1.5, dash="dot")
    _draw_targets(figure, plan, drawn, ends, adds)
    _draw_nodes(figure, plan, drawn, classes, place, _SMALLEST if many else _SMALL if low else _SIZE)
    _set_axes(figure, plan)
    more = f"the {drawn.n_kept} strongest of {evaluation.n_edges:,} kept" if drawn.n_hidden else f"{drawn.n_kept} kept"
    gone = f", {len(dropped)} dropped (dotted)" if dropped else ""
    about = "estimated, " * plan.scores.estimate
    note = f"blue: adds to logit_diff, red: takes from it ({about}{mean_over(plan.scores.n_prompts)}); {more}{gone}"
    legend = {"y": -0.14, "yanchor": "top"}  # a phone's would cover the title
    figure.update_layout(legend=legend)
    return laid_out(
        figure, "The strongest edges", note, 250 + _ROW * (graph.n_layers + 2), legend=bool(classes), top=60
    )


def _place(plan: Plan, aside: float, name: str) -> Point:
    """Return the x and y of a node: heads in columns, an MLP right of its layer's heads and above them.

    Args:
        aside: how far two of three layers stand off the middle of their columns.
    """
    node, middle = name.partition("<")[0], plan.graph.n_heads / 2
    if node == "embed":
        return middle, -1.0
    if node == "logits":
        return middle, float(plan.graph.n_layers)
    if node.startswith("mlp "):
        layer = int(node.removeprefix("mlp "))
        return plan.graph.n_heads + aside * (layer % 3 - 1), layer + 0.5
    head = Head.parse(node)
    return head.head + aside * (head.layer % 3 - 1), float(head.layer)


def _draw_targets(
    figure: go.Figure, plan: Plan, drawn: DrawnEdges, ends: Sequence[tuple[Point, Point]], adds: np.ndarray
) -> None:
    if not ends:
        return
    keys: list[list[str]] = []
    for n, (a, b) in enumerate(drawn.edges):
        name = ARROW.join((plan.graph.senders[a], plan.graph.receivers[b]))
        state = "kept; click to drop it" if n < drawn.n_kept else "dropped; click to keep it"
        text = f"{capitalised(edge_words(name))}:<br>adds {number(adds[n])} logits to logit_diff<br>{state}"
        keys += [[name, text]] * len(_ALONG)
    figure.add_trace(click_targets(*points_along(ends, _ALONG), keys, _TARGET, "circle"))


def _draw_nodes(
    figure: go.Figure, plan: Plan, drawn: DrawnEdges, classes: Mapping[str, Sequence[Head]],
    place: Callable[[str], Point], size: int,
) -> None:  # fmt: skip
    mask = np.zeros(plan.graph.exists.shape, dtype=bool)
    mask[tuple(drawn.edges.T)] = True
    nodes = [node for node in plan.graph.in_circuit(mask) if node not in ("embed", "logits")]
    heads = {name: Head.parse(name) for name in nodes if not name.startswith("mlp ")}
    group_of = {str(head): group for group, members in reversed(list(classes.items())) for head in members}
    for group in [*classes, ""]:
        if named := [name for name in heads if group_of.get(name, "") == group]:
            keys = [[name, f"Head {name}{group and f' ({group})'}: click to open it"] for name in named]
            marker = {"size": size, "color": CLASS_COLOURS.get(group, _OTHER_COLOUR)}
            draw_nodes(figure, list(map(place, named)), named, marker, customdata=keys)
            figure.data[-1].update(name=group or _NO_CLASS, showlegend=True)
    if mlps := [name for name in nodes if name.startswith("mlp ")]:
        keys = [["", node_words(name)] for name in mlps]
        marker = {"size": size, "color": _MLP_COLOUR, "symbol": "square"}
        draw_nodes(figure, list(map(place, mlps)), [f"M{name[4:]}" for name in mlps], marker, customdata=keys)
        figure.data[-1].update(name="MLP", showlegend=True)
    for name, colour in (("embed", _EMBED_COLOUR), ("logits", LOGITS_COLOUR)):
        x, y = place(name)
        figure.add_trace(click_targets([x], [y], [["", capitalised(node_words(name))]], size + 12))
        # A box as wide as the name in it, however large its letters are.
        box = {"bgcolor": colour, "bordercolor": OUTLINE["color"], "borderpad": 4, "font": {"color": "#000000"}}
        figure.add_annotation(x=x, y=y, text=name, showarrow=False, **box)


def _set_axes(figure: go.Figure, plan: Plan) -> None:
    n_layers, n_heads = plan.graph.n_layers, plan.graph.n_heads
    names = ["tokens", *map(str, range(n_layers)), "out"]
    figure.update_yaxes(title="layer", tickvals=list(range(-1, n_layers + 1)), ticktext=names)
    figure.update_yaxes(range=[-1.6, n_layers + 0.6], automargin=True, **PLAIN_AXIS)
    columns = [*map(str, range(n_heads)), "MLP"]
    figure.update_xaxes(title="head", tickvals=list(range(n_heads + 1)), ticktext=columns)
    figure.update_xaxes(range=[-0.7, n_heads + 0.7], **PLAIN_AXIS)
