"""Figures of path patching; like `charts`, nothing is computed here and nothing knows the browser."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.colours import LOGITS_COLOUR
from app.drawing.bars import row_bars
from app.drawing.graph import Place, draw_edges, draw_nodes, name_layers, spread
from app.drawing.heatmap import EffectGrid, effect_heatmap, grid_intervals, heatmap_height
from app.drawing.kept import drawn_once
from app.drawing.parts import by_sign, laid_out, whisker_note
from app.path_patching.cells import Edge
from app.path_patching.trail import Step
from app.path_patching.words import split_shares
from app.words.phrases import changed, interval, number, over_prompts
from ioi_core import AttentionSplit, Head, PathResult, bootstrap_interval

_HEAD_COLOUR, _MLP_COLOUR = "#56B4E9", "#999999"
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
        words = steps[edge.n].words
        said, strength = f"{edge.sender} to {words}:<br>{number(edge.effect)} in {metric}", abs(edge.effect) / reach
        line = {"color": by_sign([edge.effect])[0], "width": 1 + 6 * strength}
        for receiver in _receivers(steps[edge.n]):
            ends = places[edge.sender], places[receiver]
            draw_edges(figure, [ends], said, np.linspace(0, 1, 9), opacity=0.35 + 0.5 * strength, **line)
    names, x = [name.removeprefix("head ") for name in places], [at for at, _ in places.values()]
    draw_nodes(figure, list(places.values()), names, {"size": 40, "color": [_node_colour(name) for name in places]})
    name_layers(figure, n_layers)
    figure.update_xaxes(visible=False, range=[min(x) - 0.6, max(x) + 0.6])
    note = f"change in {changed(metric)}; blue raises logit_diff, red lowers it; the wider the stronger"
    return laid_out(figure, "Paths found along your trail", note, 200 + 46 * n_layers)


def _receivers(step: Step) -> list[str]:
    return [f"head {head}" for head in step.heads] or ["logits"]


def _places(edges: Sequence[Edge], steps: Sequence[Step], n_layers: int) -> dict[str, Place]:
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
    places: dict[str, Place] = {}
    left = 0.0
    for nodes in columns:
        widest = max((list(nodes.values()).count(layer) for layer in nodes.values()), default=1)
        left -= widest + 0.6
        layers = {layer: sorted(name for name in nodes if nodes[name] == layer) for layer in set(nodes.values())}
        places |= spread(layers, left, widest)
    return places


def _node_colour(name: str) -> str:
    if name == "logits":
        return LOGITS_COLOUR
    return _MLP_COLOUR if name.startswith("MLP") else _HEAD_COLOUR


@drawn_once
def split_bars(split: AttentionSplit, side: str) -> go.Figure:
    """The largest shares of one side of an attention logit, and the sum of all the others."""
    names, per_prompt = split_shares(split, side, _SHARES_SHOWN)
    ends = np.array([per_prompt.mean(-1), *bootstrap_interval(per_prompt)])
    over = over_prompts(split.n_prompts)
    said = [
        f"{name}: {size:+.3f} of the attention logit<br>({interval(low, high, over)})"
        for name, size, low, high in zip(names, *ends, strict=True)
    ]
    texts = [f"{name} {size:+.2f}" for name, size in zip(names, ends[0], strict=True)]
    at = split.query if side == "query" else split.key
    title = f"What head {split.head} reads at {at} ({side} side)"
    note = f"sum {ends[0].sum():+.2f}; {over}{whisker_note(split.n_prompts)}"
    axis, height = "logits (right: more attention)", 150 + 28 * len(names)
    figure = row_bars(texts, ends, said, title, note, axis, height=height, symmetric=True, zeroline=False)
    return figure.add_vline(x=0)


def picked_places(grid: EffectGrid, heads: Sequence[Head]) -> list[tuple[int, int]]:
    """The cells of some heads."""
    found = (grid.place(f"head {head}") for head in heads)
    return [place for place in found if place is not None]
