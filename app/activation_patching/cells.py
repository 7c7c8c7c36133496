"""A patching result as a table of cells: what each cell is called, and what the patch changed there.

A cell's effect is its value minus the unpatched run's, so 0 means that the patch did nothing, in either direction and
for every metric. No Streamlit here.
"""

import numpy as np
import pandas as pd

from app.drawing.heatmap import EffectGrid
from app.words.phrases import interval, number, over_prompts
from app.words.tokens import ROLE_MEANINGS, row_labels, row_roles
from ioi_core import (
    Direction,
    Model,
    PatchResult,
    PromptPairs,
    bootstrap_interval,
)


def effect_grid(model: Model, pairs: PromptPairs, row: int, result: PatchResult) -> EffectGrid:
    """Lay a result out; columns of positions show the tokens of prompt `row`."""
    axes = dict(result.axes)
    change = result.effects
    places: list[str] | None
    if list(axes) == ["layer", "head"]:
        column_title, columns, places = "head", axes["head"], None
        roles: tuple[tuple[str, ...], ...] = ((),) * len(columns)
    else:
        column_title, labels = list(axes.items())[-1]
        columns, roles, places = _places(model, pairs, row, column_title, labels)
    by_head = len(axes) == 3
    if by_head:
        change = change.reshape(-1, *change.shape[2:])
        rows = tuple(f"{layer}.{head}" for layer in axes["layer"] for head in axes["head"])
    else:
        rows = axes["layer"]
    if places is None:
        keys = tuple(tuple(f"head {layer}.{head}" for head in columns) for layer in rows)
        names = keys
    else:
        what = "head" if by_head else "layer"
        at = "position " if column_title == "pos" else ""
        keys = tuple(tuple(f"{what} {label}, {at}{column}" for column in axes[column_title]) for label in rows)
        names = tuple(tuple(f"{what} {label} at {place}" for place in places) for label in rows)
    titles = ("head" if by_head else "layer", "position" if column_title == "pos" else column_title)
    return EffectGrid(change.mean(-1), change, rows, columns, roles, *titles, keys, names)


def _places(
    model: Model, pairs: PromptPairs, row: int, axis: str, labels: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], list[str]]:
    """Column labels, their roles, and what each is called inside a sentence."""
    if axis == "role":
        return labels, tuple((label,) for label in labels), [f"{label} ({ROLE_MEANINGS[label]})" for label in labels]
    tokens, roles = row_labels(model, pairs, row), row_roles(pairs, row)
    by_column = tuple(tuple(roles.get(n, ())) for n in range(len(tokens)))
    called = [
        f"position {n} ({token}{', ' + ' and '.join(by_column[n]) if by_column[n] else ''})"
        for n, token in enumerate(tokens)
    ]
    return tuple(tokens), by_column, called


def runs_story(result: PatchResult) -> str:
    """What the two unpatched runs score, and a warning where they hardly differ."""
    metric = "logit_diff" if result.metric == "logit_diff_recovered" else result.metric
    said = (
        f"Unpatched, the mean {metric} is {result.clean:.3g} in the clean runs "
        f"and {result.corrupted:.3g} in the corrupted runs."
    )
    if result.metric != "logit_diff_recovered":
        return said
    gap = result.clean - result.corrupted
    if gap < 0:
        said += " The corrupted runs score higher: recovering the clean behaviour (blue) lowers logit_diff here."
    if abs(gap) < 0.1 * max(abs(result.clean), abs(result.corrupted)):
        said += " They hardly differ, so shares of that difference are blown up: better score by logit_diff."
    return said


def strongest(grid: EffectGrid, metric: str, n: int = 5) -> str:
    """The strongest cells in words."""
    said = [
        f"{grid.names[row][column]} {number(grid.effects[row, column])}"
        for row, column in grid.ranking[:n]
        if grid.per_prompt[row, column].any()
    ]
    text = "; ".join(said)
    return f"Strongest: {text} (change in {metric})."


def cell_story(result: PatchResult, grid: EffectGrid, place: tuple[int, int]) -> str:
    """One cell: what the patch moved, from where to where, and how sure the mean is."""
    effect, before = float(grid.effects[place]), float(result.unpatched.mean())
    given = "clean" if result.direction is Direction.DENOISING else "corrupted"
    low, high = (float(bound) for bound in bootstrap_interval(grid.per_prompt[place], gaps=result.gaps))
    sure = interval(low, high, over_prompts(result.n_prompts))
    name = grid.names[place[0]][place[1]]
    return (
        f"Giving {name} its {given} activation changes {result.metric} from {before:.3g} to {before + effect:.3g} "
        f"({number(effect)}; {sure})."
    )


def estimate_story(estimate: EffectGrid, exact: EffectGrid, correlation: float) -> str:
    """How far the first-order estimate can be trusted here."""
    errors = np.abs(estimate.effects - exact.effects)
    place = tuple(int(n) for n in np.unravel_index(errors.argmax(), errors.shape))
    row, column = place[0], place[1]
    verdict = "good" if correlation > 0.95 else "fair" if correlation > 0.8 else "poor"
    reach = float(np.abs(exact.effects).max())
    if verdict == "good" and errors[row, column] > 0.3 * reach:
        verdict = "fair: the order is right, the sizes are not"
    r = "undefined" if np.isnan(correlation) else f"{correlation:.3f}"
    return (
        f"Here it is {verdict}. Correlation over all cells: {r}. Its largest error: {exact.names[row][column]}, "
        f"{number(estimate.effects[row, column])} against the exact {number(exact.effects[row, column])}."
    )


def patch_frame(result: PatchResult) -> pd.DataFrame:
    """Every cell of a patching grid: its value, its change against the unpatched run, and that change's interval."""
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
    """One cell of a patching grid, prompt by prompt."""
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
