"""Path patching's results as a heatmap, a cell a sender, and the strongest of them as edges of a trail."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.drawing.heatmap import EffectGrid
from app.path_patching.trail import Step
from app.words.effects import least_effect
from ioi_core import Head, PathResult

_MLP = "MLP"
_EDGES_PER_STEP, _WEAKEST = 5, 0.05


def path_grid(result: PathResult) -> EffectGrid:
    """Lay a result out: senders by layer and head, MLPs in a column of their own."""
    parts = [result.effects]
    columns = result.axes["head"]
    if result.mlp_effects is not None:
        parts.append(result.mlp_effects[:, None])
        columns = (*columns, _MLP)
    per_prompt = np.concatenate(parts, axis=1)
    layers = result.axes["layer"]
    no_path_from = len(layers) if not result.receivers else result.receivers[-1].layer
    keys = tuple(
        tuple(f"MLP {layer}" if column == _MLP else f"head {layer}.{column}" for column in columns) for layer in layers
    )
    roles = ((),) * len(columns)
    return EffectGrid(
        per_prompt.mean(-1), per_prompt, layers, columns, roles, "layer", "head", keys, keys, least_effect(result),
        no_path_from,
    )  # fmt: skip


def sender_head(key: str) -> Head | None:
    """Return the head that a cell's key names, None for an MLP."""
    kind, name = key.split()
    return None if kind == _MLP else Head.parse(name)


def active_senders(grid: EffectGrid) -> list[tuple[int, int]]:
    """Return the senders with a path that change anything, the largest effect first."""
    return [cell for cell in senders_with_path(grid) if grid.per_prompt[cell].any()]


def strong_senders(grid: EffectGrid) -> list[tuple[int, int]]:
    """Return the senders whose effect is more than nothing and than a twentieth of the largest, that one first."""
    cells = active_senders(grid)
    sizes = [abs(float(grid.effects[cell])) for cell in cells]
    least = max([grid.least, *(_WEAKEST * size for size in sizes[:1])])
    return [cell for cell, size in zip(cells, sizes, strict=True) if size >= least]


def senders_with_path(grid: EffectGrid) -> list[tuple[int, int]]:
    """Return the senders with a path, the largest effect first."""
    first = len(grid.rows) if grid.no_path_from is None else grid.no_path_from
    return [cell for cell in grid.ranking if cell[0] < first]


@dataclass(frozen=True)
class Edge:
    """A measured path from a sender into the receivers of the trail's n-th step."""

    sender: str
    sender_layer: int
    n: int
    effect: float


def trail_edges(grid: EffectGrid, steps: Sequence[Step], n: int) -> list[Edge]:
    """Return the strongest senders of one step of the trail, and those that are the next step's receivers."""
    went_on = {f"head {head}" for head in steps[n + 1].heads} if n + 1 < len(steps) else set()
    strong = strong_senders(grid)[:_EDGES_PER_STEP]
    shown = strong + [
        cell for cell in active_senders(grid) if grid.keys[cell[0]][cell[1]] in went_on and cell not in strong
    ]
    return [Edge(grid.keys[row][column], row, n, float(grid.effects[row, column])) for row, column in shown]
