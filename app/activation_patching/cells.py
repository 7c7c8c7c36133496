"""A patching result as a grid of cells, in words and as tables.

A cell's effect is its value minus the unpatched run's, so 0 means that the patch did nothing, in either direction and
for every metric. No Streamlit here.
"""

import numpy as np
import pandas as pd

from app.drawing.heatmap import EffectGrid
from app.words.phrases import interval, number, over_prompts, unpatched_means
from app.words.tokens import ROLE_MEANINGS, row_labels, row_roles
from ioi_core import Direction, Model, PatchResult, PromptPairs, bootstrap_interval


def effect_grid(model: Model, pairs: PromptPairs, row: int, result: PatchResult) -> EffectGrid:
    """Lay a result out; columns of positions show the tokens of prompt `row`."""
    axes, effects = dict(result.axes), result.effects
    layers, (last_axis, labels) = axes["layer"], list(axes.items())[-1]
    if last_axis == "head":
        keys = tuple(tuple(f"head {layer}.{head}" for head in labels) for layer in layers)
        roles = ((),) * len(labels)
        return EffectGrid(effects.mean(-1), effects, layers, labels, roles, "layer", "head", keys, keys)
    kind, rows = "layer", layers
    if "head" in axes:  # positions of each head: a row a head
        kind, rows = "head", tuple(f"{layer}.{head}" for layer in layers for head in axes["head"])
        effects = effects.reshape(-1, *effects.shape[2:])
    columns, column_roles, column_names = _position_names(model, pairs, row, last_axis, labels)
    title, at = ("position", "position ") if last_axis == "pos" else (last_axis, "")
    keys = tuple(tuple(f"{kind} {label}, {at}{column}" for column in labels) for label in rows)
    names = tuple(tuple(f"{kind} {label} at {name}" for name in column_names) for label in rows)
    return EffectGrid(effects.mean(-1), effects, rows, columns, column_roles, kind, title, keys, names)


def _position_names(
    model: Model, pairs: PromptPairs, row: int, axis: str, labels: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], list[str]]:
    """Return column labels, their roles, and their names in a sentence."""
    if axis == "role":
        return labels, tuple((label,) for label in labels), [f"{label} ({ROLE_MEANINGS[label]})" for label in labels]
    tokens, roles = row_labels(model, pairs, row), row_roles(pairs, row)
    by_column = tuple(tuple(roles.get(n, ())) for n in range(len(tokens)))
    names = [
        f"position {n} ({token}{', ' + ' and '.join(by_column[n]) if by_column[n] else ''})"
        for n, token in enumerate(tokens)
    ]
    return tuple(tokens), by_column, names


def runs_story(result: PatchResult) -> str:
    """Say what the two unpatched runs score, with a warning where they hardly differ."""
    metric = "logit_diff" if result.metric == "logit_diff_recovered" else result.metric
    text = f"{unpatched_means(metric, result.clean, result.corrupted)}."
    if result.metric != "logit_diff_recovered":
        return text
    gap = result.clean - result.corrupted
    if gap < 0:
        text += " The corrupted runs score higher: recovering the clean behaviour (blue) lowers logit_diff here."
    if abs(gap) < 0.1 * max(abs(result.clean), abs(result.corrupted)):
        text += " They hardly differ, so shares of that difference are blown up: better score by logit_diff."
    return text


def strongest(grid: EffectGrid, metric: str, n: int = 5) -> str:
    """Name the `n` strongest cells."""
    changes = [
        f"{grid.names[row][column]} {number(grid.effects[row, column])}"
        for row, column in grid.ranking[:n]
        if grid.per_prompt[row, column].any()
    ]
    return f"Strongest: {'; '.join(changes)} (change in {metric})."


def cell_story(result: PatchResult, grid: EffectGrid, cell: tuple[int, int]) -> str:
    """Say from which value to which one cell's patch changes the metric, with the interval of the change."""
    effect, before = float(grid.effects[cell]), float(result.unpatched.mean())
    source = "clean" if result.direction is Direction.DENOISING else "corrupted"
    low, high = (float(bound) for bound in bootstrap_interval(grid.per_prompt[cell], gaps=result.gaps))
    note = interval(low, high, over_prompts(result.n_prompts))
    name = grid.names[cell[0]][cell[1]]
    return (
        f"Giving {name} its {source} activation changes {result.metric} from {before:.3g} to {before + effect:.3g} "
        f"({number(effect)}; {note})."
    )


def estimate_story(estimate: EffectGrid, exact: EffectGrid, correlation: float) -> str:
    """Say how well the first-order estimate agrees with the exact effects."""
    errors = np.abs(estimate.effects - exact.effects)
    row, column = divmod(int(errors.argmax()), errors.shape[1])
    verdict = "good" if correlation > 0.95 else "fair" if correlation > 0.8 else "poor"
    largest = float(np.abs(exact.effects).max())
    if verdict == "good" and errors[row, column] > 0.3 * largest:
        verdict = "fair: the order is right, the sizes are not"
    r = "undefined" if np.isnan(correlation) else f"{correlation:.3f}"
    return (
        f"Here it is {verdict}. Correlation over all cells: {r}. Its largest error: {exact.names[row][column]}, "
        f"{number(estimate.effects[row, column])} against the exact {number(exact.effects[row, column])}."
    )


def patch_frame(result: PatchResult) -> pd.DataFrame:
    """Return every cell: its value, its change against the unpatched run, and that change's interval."""
    low, high = result.effect_interval()
    return result.to_frame().assign(
        change=result.effects.mean(-1).ravel(),
        change_low_95=low.ravel(),
        change_high_95=high.ravel(),
        site=result.site,
        direction=str(result.direction),
        clean_run=result.clean,
        corrupted_run=result.corrupted,
        prompts=result.n_prompts,
    )


def cell_frame(pairs: PromptPairs, result: PatchResult, cell: str, effects: np.ndarray) -> pd.DataFrame:
    """Return one cell's change, prompt by prompt."""
    return pd.DataFrame(
        {
            "prompt": np.arange(1, len(effects) + 1),
            "clean": pairs.clean_text,
            "corrupted": pairs.corrupted_text,
            "cell": cell,
            "site": result.site,
            "direction": str(result.direction),
            f"change_in_{result.metric}": effects,
        }
    )
