"""Path patching's results as cells of a heatmap: which senders have a path, how strong, and the edges of a trail."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.drawing.heatmap import EffectGrid
from app.path_patching.trail import Step
from ioi_core import Head, PathResult

_MLP = "MLP"
_EDGES_A_STEP, WEAKEST_EDGE = 5, 0.05


def path_grid(result: PathResult) -> EffectGrid:
    """Senders by layer and head; rows from `no_path_from` on have no path to the receivers."""
    parts = [result.effects]
    columns = result.axes["head"]
    if result.mlp_effects is not None:
        parts.append(result.mlp_effects[:, None])
        columns = (*columns, _MLP)
    per_prompt = np.concatenate(parts, axis=1)
    layers = result.axes["layer"]
    with_path = len(layers) if not result.receivers else result.receivers[-1].layer
    keys = tuple(
        tuple(f"MLP {layer}" if column == _MLP else f"head {layer}.{column}" for column in columns) for layer in layers
    )
    return EffectGrid(
        effects=per_prompt.mean(-1),
        per_prompt=per_prompt,
        rows=layers,
        columns=columns,
        roles=((),) * len(columns),
        row_title="layer",
        column_title="head",
        keys=keys,
        names=keys,
        no_path_from=with_path,
    )


def sender_head(key: str) -> Head | None:
    """The head that a cell's key names, or None for an MLP."""
    kind, name = key.split()
    return None if kind == _MLP else Head.parse(name)


def ranked(grid: EffectGrid) -> list[tuple[int, int]]:
    """Senders with a path that change anything, the largest effect first."""
    return [place for place in with_path(grid) if grid.per_prompt[place].any()]


def reach(grid: EffectGrid) -> float:
    """The largest effect of any sender."""
    return max((abs(float(grid.effects[place])) for place in with_path(grid)), default=0.0)


def with_path(grid: EffectGrid) -> list[tuple[int, int]]:
    """Senders with a path, the largest effect first."""
    first = len(grid.rows) if grid.no_path_from is None else grid.no_path_from
    return [place for place in grid.ranking if place[0] < first]


@dataclass(frozen=True)
class Edge:
    """One measured path: from a sender into the receivers of the trail's n-th step."""

    sender: str
    sender_layer: int
    n: int
    effect: float


def trail_edges(grid: EffectGrid, steps: Sequence[Step], n: int) -> list[Edge]:
    """The strongest senders of one step of the trail, and those of its senders that the trail went on to."""
    went_on = {f"head {head}" for head in steps[n + 1].heads} if n + 1 < len(steps) else set()
    places = ranked(grid)
    strong = [place for place in places[:_EDGES_A_STEP] if abs(grid.effects[place]) >= WEAKEST_EDGE * reach(grid)]
    shown = strong + [place for place in places if grid.keys[place[0]][place[1]] in went_on and place not in strong]
    return [Edge(grid.keys[row][column], row, n, float(grid.effects[row, column])) for row, column in shown]
