"""A patching result as a grid of cells, laid out as the heatmap shows them.

A cell's effect is its value minus the unpatched run's, so 0 means that the patch did nothing, in either direction and
for every metric. No Streamlit here.
"""

import numpy as np

from app.drawing.heatmap import EffectGrid
from app.words.effects import least_effect
from app.words.tokens import role_meanings, row_labels, row_roles
from ioi_core import Model, PatchResult, PromptPairs


def effect_grid(model: Model, pairs: PromptPairs, row: int, result: PatchResult) -> EffectGrid:
    """Lay a result out; columns of positions show the tokens of prompt `row`."""
    axes, effects, least = dict(result.axes), result.effects, least_effect(result)
    layers, (last_axis, labels) = axes["layer"], list(axes.items())[-1]
    if last_axis == "head":
        keys = tuple(tuple(f"head {layer}.{head}" for head in labels) for layer in layers)
        roles = ((),) * len(labels)
        return EffectGrid(effects.mean(-1), effects, layers, labels, roles, "layer", "head", keys, keys, least)
    kind, rows = "layer", layers
    if "head" in axes:  # positions of each head: a row a head
        kind, rows = "head", tuple(f"{layer}.{head}" for layer in layers for head in axes["head"])
        effects = effects.reshape(-1, *effects.shape[2:])
    columns, column_roles, column_names = _position_names(model, pairs, row, last_axis, labels)
    title, at = ("position", "position ") if last_axis == "pos" else (last_axis, "")
    keys = tuple(tuple(f"{kind} {label}, {at}{column}" for column in labels) for label in rows)
    names = tuple(tuple(f"{kind} {label} at {name}" for name in column_names) for label in rows)
    return EffectGrid(effects.mean(-1), effects, rows, columns, column_roles, kind, title, keys, names, least)


def cell_index(result: PatchResult, cell: tuple[int, int]) -> tuple[int, ...]:
    """Return the index into the result of a cell of its grid."""
    shape = result.values.shape
    return tuple(int(n) for n in np.unravel_index(cell[0] * shape[-1] + cell[1], shape))


def _position_names(
    model: Model, pairs: PromptPairs, row: int, axis: str, labels: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], list[str]]:
    """Return column labels, their roles, and their names in a sentence."""
    if axis == "role":
        meanings = role_meanings(model, pairs)
        return labels, tuple((label,) for label in labels), [f"{label} ({meanings[label]})" for label in labels]
    tokens, roles = row_labels(model, pairs, row), row_roles(pairs, row)
    by_column = tuple(tuple(roles.get(n, ())) for n in range(len(tokens)))
    names = [
        f"position {n} ({token}{', ' + ' and '.join(by_column[n]) if by_column[n] else ''})"
        for n, token in enumerate(tokens)
    ]
    return tuple(tokens), by_column, names
