"""Figures of the Edges page but the graph."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from app.colours import CLEAN, CORRUPTED, FAVOURS_IO, ROLE_COLOURS
from app.drawing import parts
from app.drawing.kept import drawn_once
from app.drawing.parts import hover, laid_out, whisker_note, whiskers
from app.edges.plan import ARROW
from app.edges.words import METHOD_NAMES, edge_words, effect
from app.words.phrases import capitalised, in_percent, interval_in_percent, mean_over, number
from ioi_core import EdgeCurve, EdgeScores

_LINES = {
    "exact": (FAVOURS_IO, "solid", "circle"),
    "eap": (ROLE_COLOURS["S2"], "dot", "diamond"),
    "eap_ig": (ROLE_COLOURS["END"], "dash", "square"),
}
"""Method -> colour, dash and mark: none is told by its colour alone."""

_MOST_POINTS = 3_000


@drawn_once
def curve_figure(curves: Mapping[str, EdgeCurve], kept: float) -> go.Figure:
    """Draw faithfulness over the share of edges kept, a line a method; `kept` is the share of the circuit above."""
    figure = go.Figure()
    n_prompts = next(iter(curves.values())).n_prompts
    for method, curve in curves.items():
        colour, dash, symbol = _LINES[method]
        low, high = curve.interval()
        texts = [
            f"{METHOD_NAMES[method]}: the strongest {in_percent(at, nothing=0)}"
            f"<br>({chosen:,} edges, {left:,} of them on a path)"
            f"<br>recover {in_percent(value)}{interval_in_percent(one, other)}"
            for at, chosen, left, value, one, other in zip(
                curve.shares, curve.n_chosen, curve.n_edges, curve.values, low, high, strict=True
            )
        ]
        line, marker = {"color": colour, "width": 2, "dash": dash}, {"color": colour, "symbol": symbol, "size": 8}
        figure.add_scatter(
            x=100 * curve.shares, y=curve.values, mode="lines+markers", name=METHOD_NAMES[method], line=line,
            marker=marker, error_y=whiskers(curve.values, low, high, caps=False), **hover(texts),
        )  # fmt: skip
    for level, colour in ((0, CORRUPTED), (1, CLEAN)):
        figure.add_hline(y=level, line={"dash": "dash", "width": 1, "color": colour}, layer="below")
    least = 100 * float(next(iter(curves.values())).shares[0])
    if 100 * kept >= least:
        figure.add_vline(x=100 * kept, line={"dash": "dot", "width": 1}, layer="below")
    ticks = 100 * next(iter(curves.values())).shares
    figure.update_xaxes(
        title="edges kept, % of all (log scale)", type="log", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks],
        range=[np.log10(least) - 0.1, 2.1], showgrid=False,
    )  # fmt: skip
    figure.update_yaxes(title="faithfulness", tickformat=".2~f")
    note = f"{mean_over(n_prompts)}{whisker_note(n_prompts)}; 1: clean run, 0: corrupted run; dotted: the circuit above"
    return laid_out(figure, "Faithfulness of ever larger circuits", note, 400, legend=True)


@drawn_once
def estimate_scatter(estimate: EdgeScores, exact: EdgeScores, r: float) -> go.Figure:
    """Draw an estimate of each edge against its exact effect; the largest only, where there are very many."""
    edges = np.argwhere(np.isfinite(exact.values))
    size = np.maximum(np.abs(estimate.values), np.abs(exact.values))[tuple(edges.T)]
    edges = edges[np.argsort(-size, kind="stable")[:_MOST_POINTS]]
    x, y = (np.array([effect(one, (a, b)) for a, b in edges]) for one in (estimate, exact))
    texts = [
        f"{capitalised(edge_words(ARROW.join((exact.axes['sender'][a], exact.axes['receiver'][b]))))}:<br>"
        f"estimate {number(at)}, exact {number(real)}"
        for (a, b), at, real in zip(edges, x, y, strict=True)
    ]
    axes = (f"{METHOD_NAMES[estimate.method]}, logits", "exact, logits")
    figure = parts.estimate_scatter(x, y, texts, axes)
    shown = f"the {len(edges):,} largest of " * (len(edges) < exact.n_edges)
    note = f"what {shown}{exact.n_edges:,} edges add; correlation {number(r)}; dashed: equal"
    return laid_out(figure, "Estimate against exact, one point an edge", note, 420)
