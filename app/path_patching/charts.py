"""Figures of path patching."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.colours import LOGITS_COLOUR
from app.drawing.bars import row_bars
from app.drawing.graph import Point, draw_edges, draw_nodes, name_layers, spread
from app.drawing.heatmap import EffectGrid, effect_heatmap, empty_note, heatmap_height, interval_texts
from app.drawing.kept import drawn_once
from app.drawing.parts import by_sign, laid_out, whisker_note
from app.path_patching.cells import Edge
from app.path_patching.trail import Step
from app.path_patching.words import effect_unit, split_shares
from app.words.choices import EFFECT_UNITS, scored
from app.words.effects import logits_a_unit
from app.words.phrases import capitalised, interval, mean_over, number
from ioi_core import AttentionSplit, Head, PathResult, bootstrap_interval

_HEAD_COLOUR, _MLP_COLOUR = "#56B4E9", "#999999"
_SHARES_SHOWN = 10


@drawn_once
def path_heatmap(grid: EffectGrid, result: PathResult, step: Step, picked: Sequence[tuple[int, int]]) -> go.Figure:
    """Draw each sender's effect through the receivers; senders can be clicked, the picked ones are framed."""
    sample = mean_over(result.n_prompts)
    intervals = interval_texts(*bootstrap_interval(grid.per_prompt, gaps=result.gaps), sample)
    source = "corrupted" if result.direction == "noising" else "clean"
    texts = [
        [
            f"{capitalised(key)} to {step.words}:<br>sent from the {source} run, it changes "
            f"{scored(result.metric)} by<br>"
            f"{number(effect)} {EFFECT_UNITS[result.metric]}<br>({interval_words})"
            for key, effect, interval_words in zip(*cells, strict=True)
        ]
        for cells in zip(grid.keys, grid.effects, intervals, strict=True)
    ]
    # A share of a negative number falls where logit_diff rises: colours are those of logit_diff.
    figure = effect_heatmap(grid, texts, picked, less_is_good=logits_a_unit(result) < 0)
    title = f"What each sender does to {step.words}"
    note = f"{effect_unit(result.metric)}, {result.direction}, {sample}{empty_note(grid)}"
    return laid_out(figure, title, note, heatmap_height(grid))


@drawn_once
def edge_graph(edges: Sequence[Edge], steps: Sequence[Step], result: PathResult, n_layers: int) -> go.Figure:
    """Draw the paths along a trail: upwards through the layers, a column a step, the logits on the right.

    Args:
        result: of any step; all have its metric and its runs.
    """
    metric, sign = result.metric, np.sign(logits_a_unit(result))
    points = _node_points(edges, steps, n_layers)
    figure = go.Figure()
    largest = max((abs(edge.effect) for edge in edges), default=1.0) or 1.0
    for edge in edges:
        words = steps[edge.n].words
        text = f"{edge.sender} to {words}:<br>{scored(metric)} {number(edge.effect)} {EFFECT_UNITS[metric]}"
        strength = abs(edge.effect) / largest
        line = {"color": by_sign([sign * edge.effect])[0], "width": 1 + 6 * strength}
        for receiver in _receivers(steps[edge.n]):
            line_ends = points[edge.sender], points[receiver]
            draw_edges(figure, [line_ends], text, np.linspace(0, 1, 9), opacity=0.35 + 0.5 * strength, **line)
    names, x = [name.removeprefix("head ") for name in points], [at for at, _ in points.values()]
    draw_nodes(figure, list(points.values()), names, {"size": 40, "color": [_node_colour(name) for name in points]})
    name_layers(figure, n_layers)
    figure.update_xaxes(visible=False, range=[min(x) - 0.6, max(x) + 0.6])
    note = f"{effect_unit(metric)}; blue raises {scored(metric)}, red lowers it; the wider the stronger"
    return laid_out(figure, "Paths found along your trail", note, 200 + 46 * n_layers)


def _receivers(step: Step) -> list[str]:
    return [f"head {head}" for head in step.heads] or ["logits"]


def _node_points(edges: Sequence[Edge], steps: Sequence[Step], n_layers: int) -> dict[str, Point]:
    """Return node -> x, y; a head occurs once, in the column of the step that first has it."""
    columns: list[dict[str, float]] = [{} for _ in range(len(steps) + 1)]  # node -> layer
    for n, step in enumerate(steps):
        columns[n] |= {f"head {head}": head.layer for head in step.heads} or {"logits": n_layers}
        columns[n + 1] |= {edge.sender: edge.sender_layer for edge in edges if edge.n == n}
    points: dict[str, Point] = {}
    left = 0.0
    for column in columns:
        nodes = {name: layer for name, layer in column.items() if name not in points}
        widest = max((list(nodes.values()).count(layer) for layer in nodes.values()), default=1)
        left -= widest + 0.6
        layers = {layer: sorted(name for name in nodes if nodes[name] == layer) for layer in set(nodes.values())}
        points |= spread(layers, left, widest)
    return points


def _node_colour(name: str) -> str:
    if name == "logits":
        return LOGITS_COLOUR
    return _MLP_COLOUR if name.startswith("MLP") else _HEAD_COLOUR


@drawn_once
def split_bars(split: AttentionSplit, side: str) -> go.Figure:
    """Draw the largest shares of one side of an attention logit, and the sum of all the others."""
    names, per_prompt = split_shares(split, side, _SHARES_SHOWN)
    ends = np.array([per_prompt.mean(-1), *bootstrap_interval(per_prompt)])
    sample = mean_over(split.n_prompts)
    texts = [
        f"{name}: {number(size)} of the attention logit<br>({interval(low, high, sample)})"
        for name, size, low, high in zip(names, *ends, strict=True)
    ]
    largest = float(np.abs(ends[0]).max())
    labels = [f"{name} {number(size, largest)}" for name, size in zip(names, ends[0], strict=True)]
    position = split.query if side == "query" else split.key
    title = f"What head {split.head} reads at {position} ({side} side)"
    note = f"sum {number(ends[0].sum())}; {sample}{whisker_note(split.n_prompts)}"
    axis, height = "logits (right: more attention)", 150 + 28 * len(names)
    figure = row_bars(labels, ends, texts, title, note, axis, height=height, symmetric=True, zeroline=False)
    return figure.add_vline(x=0)


def cells_of(grid: EffectGrid, heads: Sequence[Head]) -> list[tuple[int, int]]:
    """Return the cells of some heads, as far as they have one."""
    cells = (grid.cell(f"head {head}") for head in heads)
    return [cell for cell in cells if cell is not None]
