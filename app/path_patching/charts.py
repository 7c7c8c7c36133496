"""Figures of path patching; like `charts`, nothing is computed here and nothing knows the browser."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.drawing.heatmap import EffectGrid, effect_heatmap, grid_intervals, heatmap_height
from app.drawing.kept import drawn_once
from app.drawing.parts import CORRUPTED, FAVOURS_IO, FAVOURS_S, laid_out, whisker_note, whiskers
from app.path_patching.cells import Edge
from app.path_patching.trail import Step
from app.path_patching.words import split_shares
from app.words.phrases import changed, interval, number, over_prompts
from ioi_core import AttentionSplit, Head, PathResult, bootstrap_interval

_HEAD_COLOUR, _MLP_COLOUR, _LOGITS_COLOUR = "#56B4E9", "#999999", "#F0E442"
_SHARES_SHOWN = 10


@drawn_once
def path_heatmap(grid: EffectGrid, result: PathResult, step: Step, picked: Sequence[tuple[int, int]]) -> go.Figure:
    """What each sender does to the receivers; senders can be clicked, the picked ones are framed."""
    over = over_prompts(result.n_prompts)
    other = "corrupted" if result.direction == "noising" else "clean"
    said = [
        [
            f"{key[0].upper()}{key[1:]} to {step.words}:<br>sent from the {other} run, it changes "
            f"{changed(result.metric)} by {number(effect)}<br>({sure})"
            for key, effect, sure in zip(*cells, strict=True)
        ]
        for cells in zip(grid.keys, grid.effects, grid_intervals(grid, result.gaps, over), strict=True)
    ]
    figure = effect_heatmap(grid, said, picked)
    return laid_out(
        figure,
        f"What each sender does to {step.words}",
        f"change in {changed(result.metric)}, {result.unit}, {result.direction}, {over}; no number: no change",
        heatmap_height(grid),
    )


@drawn_once
def edge_graph(edges: Sequence[Edge], steps: Sequence[Step], metric: str, n_layers: int) -> go.Figure:
    """The paths found along a trail: upwards through the layers, one column a step, the logits on the right."""
    places = _places(edges, steps, n_layers)
    figure = go.Figure()
    reach = max((abs(edge.effect) for edge in edges), default=1.0) or 1.0
    for edge in edges:
        step = steps[edge.n]
        for receiver in _receivers(step):
            ends = places[edge.sender], places[receiver]
            _draw_edge(
                figure, *ends, edge, f"{edge.sender} to {step.words}:<br>{number(edge.effect)} in {metric}", reach
            )
    x, y = zip(*places.values(), strict=True)
    names = list(places)
    figure.add_scatter(
        x=x, y=y, mode="markers+text", text=[name.removeprefix("head ") for name in names],
        marker={"size": 40, "color": [_node_colour(name) for name in names], "line": {"width": 1, "color": "#555555"}},
        textfont={"color": "#000000", "size": 12}, hoverinfo="skip", showlegend=False, cliponaxis=False,
    )  # fmt: skip
    layers = [*range(n_layers), n_layers]
    figure.update_yaxes(
        tickvals=layers, ticktext=[*map(str, range(n_layers)), "out"], title="layer", range=[-0.7, n_layers + 0.6],
        zeroline=False,
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[min(x) - 0.6, max(x) + 0.6])
    note = f"change in {changed(metric)}; blue raises logit_diff, red lowers it; the wider the stronger"
    return laid_out(figure, "Paths found along your trail", note, 200 + 46 * n_layers)


def _receivers(step: Step) -> list[str]:
    return [f"head {head}" for head in step.heads] or ["logits"]


def _places(edges: Sequence[Edge], steps: Sequence[Step], n_layers: int) -> dict[str, tuple[float, float]]:
    """Node -> x, y. A head stands once, in the column of the step that it was first found in."""
    columns: list[dict[str, float]] = [{} for _ in range(len(steps) + 1)]
    seen: set[str] = set()

    def put(column: int, name: str, layer: float) -> None:
        if name not in seen:
            seen.add(name)
            columns[column][name] = layer

    for column, step in enumerate(steps):
        if not step.heads:
            put(column, "logits", n_layers)
        for head in step.heads:
            put(column, f"head {head}", head.layer)
        for edge in edges:
            if edge.n == column:
                put(column + 1, edge.sender, edge.sender_layer)
    places: dict[str, tuple[float, float]] = {}
    left = 0.0
    for nodes in columns:
        widest = max((list(nodes.values()).count(layer) for layer in nodes.values()), default=1)
        left -= widest + 0.6
        for layer in set(nodes.values()):
            here = sorted(name for name in nodes if nodes[name] == layer)
            places |= {name: (left + (n + 0.5) * widest / len(here), layer) for n, name in enumerate(here)}
    return places


def _draw_edge(
    figure: go.Figure, start: tuple[float, float], end: tuple[float, float], edge: Edge, said: str, reach: float
) -> None:
    """A line as wide as the effect is strong; it can be hovered all along."""
    colour, strength = FAVOURS_IO if edge.effect >= 0 else FAVOURS_S, abs(edge.effect) / reach
    along = np.linspace(0, 1, 9)
    x, y = (a + (b - a) * along for a, b in zip(start, end, strict=True))
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"color": colour, "width": 1 + 6 * strength}, opacity=0.35 + 0.5 * strength,
        text=[said] * len(along), hovertemplate="%{text}<extra></extra>", showlegend=False,
    )  # fmt: skip


def _node_colour(name: str) -> str:
    if name == "logits":
        return _LOGITS_COLOUR
    return _MLP_COLOUR if name.startswith("MLP") else _HEAD_COLOUR


@drawn_once
def split_bars(split: AttentionSplit, side: str) -> go.Figure:
    """The largest shares of one side of an attention logit, and the sum of all the others."""
    names, per_prompt = split_shares(split, side, _SHARES_SHOWN)
    sizes, (low, high) = per_prompt.mean(-1), bootstrap_interval(per_prompt)
    over = over_prompts(split.n_prompts)
    said = [
        f"{name}: {size:+.3f} of the attention logit<br>({interval(least, most, over)})"
        for name, size, least, most in zip(names, sizes, low, high, strict=True)
    ]
    rows, reach = np.arange(len(names)), 1.15 * float(np.nanmax(np.abs([sizes, low, high]), initial=0)) or 1.0
    figure = go.Figure(
        go.Bar(
            x=sizes, y=rows, orientation="h", customdata=said, hovertemplate="%{customdata}<extra></extra>",
            marker_color=[FAVOURS_IO if size >= 0 else FAVOURS_S for size in sizes],
            error_x=whiskers(sizes, low, high),
        )
    )  # fmt: skip
    figure.add_vline(x=0, line={"width": 1, "color": CORRUPTED})
    figure.update_xaxes(title="logits (right: more attention)", range=[-reach, reach])
    texts = [f"{name} {size:+.2f}" for name, size in zip(names, sizes, strict=True)]
    figure.update_yaxes(tickvals=rows, ticktext=texts, range=[len(rows) - 0.4, -0.6], showgrid=False, zeroline=False)
    at = split.query if side == "query" else split.key
    note = f"sum {sizes.sum():+.2f}; {over}{whisker_note(split.n_prompts)}"
    return laid_out(figure, f"What head {split.head} reads at {at} ({side} side)", note, 150 + 28 * len(rows))


def picked_places(grid: EffectGrid, heads: Sequence[Head]) -> list[tuple[int, int]]:
    """The cells of some heads."""
    found = (grid.place(f"head {head}") for head in heads)
    return [place for place in found if place is not None]
