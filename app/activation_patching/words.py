"""Sentences on what patching an activation changes."""

import numpy as np

from app.drawing.heatmap import EffectGrid
from app.questions.patterns import PromptPatterns
from app.view import View
from app.words.effects import blown_up, not_shown
from app.words.phrases import (
    capitalised,
    fit_words,
    in_percent,
    interval,
    listed,
    mean_over,
    number,
    size,
    threshold,
    unpatched_means,
)
from ioi_core import Direction, PatchResult, PromptPairs, Result, bootstrap_interval

_FEW = 5  # fewer prompts, drawn again, say little about others


def runs_story(result: PatchResult) -> str:
    """Say what the two unpatched runs score, with a warning where they hardly differ or clean is the lower one."""
    recovered = result.metric == "logit_diff_recovered"
    text = f"{unpatched_means('logit_diff' if recovered else result.metric, result.clean, result.corrupted)}."
    if not recovered:
        return text
    if result.clean < result.corrupted:
        text += " The corrupted runs score higher: recovering the clean behaviour (blue) lowers logit_diff here."
    return text + blown_up(result, ": better score by logit_diff")


def strongest(grid: EffectGrid, result: PatchResult, n: int = 5) -> str:
    """Say what carries the answer, as far as anything is more than nothing; then the `n` strongest effects."""
    metric, cells = result.metric, grid.standing_out
    if not cells:
        row, column = grid.ranking[0]
        largest = f"{_effect(grid, (row, column))}, {grid.names[row][column]}"
        nothing = not_shown(f"no cell changes {metric} by {threshold(grid.least)} or more")
        return f"{nothing}\nThe largest change is {largest}."
    denoising = result.direction is Direction.DENOISING
    good = (1 if denoising else -1) * (-1 if metric == "kl" else 1)
    carriers = [cell for cell in cells if good * grid.effects[cell] > 0][: 3 if grid.of_heads else 1]
    names = listed([grid.names[row][column] for row, column in carriers])
    if not carriers:
        answer = "Nothing here carries the answer: what changes it works against it"
    elif denoising:
        answer = f"The answer is carried most by {names}"
    else:
        answer = f"The answer depends most on {names}"
    if carriers and metric == "logit_diff_recovered":
        shares = [in_percent(abs(float(grid.effects[cell]))) for cell in (carriers[-1], carriers[0])]
        who, verb = "it" if len(carriers) == 1 else "each", "brings back" if denoising else "takes away"
        answer += f": patched alone, {who} {verb} {' to '.join(dict.fromkeys(shares))} of the difference"
    changes = [f"{grid.names[row][column]} ({_effect(grid, (row, column))})" for row, column in cells[:n]]
    return f"{answer}.\nStrongest changes in {metric}: {listed(changes)}."


def _effect(grid: EffectGrid, cell: tuple[int, int]) -> str:
    return number(float(grid.effects[cell]))


def cell_story(result: PatchResult, grid: EffectGrid, cell: tuple[int, int]) -> str:
    """Say what one cell's patch changes, with its interval if there are enough prompts."""
    effect, before = float(grid.effects[cell]), float(result.unpatched.mean())
    source = "clean" if result.direction is Direction.DENOISING else "corrupted"
    low, high = (float(bound) for bound in bootstrap_interval(grid.per_prompt[cell], gaps=result.gaps))
    few = result.n_prompts < _FEW
    note = "" if few else f"\n{capitalised(interval(low, high, mean_over(result.n_prompts)))}."
    name = grid.names[cell[0]][cell[1]]
    return (
        f"Giving {name} its {source} activation changes {result.metric} from {number(before)} to "
        f"{number(before + effect)} ({number(effect)}).{note}"
    )


def estimate_story(estimate: EffectGrid, exact: EffectGrid, correlation: float) -> str:
    """Say how well the first-order estimate agrees with the exact effects."""
    errors = np.abs(estimate.effects - exact.effects)
    row, column = divmod(int(errors.argmax()), errors.shape[1])
    largest = float(np.abs(exact.effects).max())
    if max(largest, float(np.abs(estimate.effects).max())) < exact.least:
        return "There is nothing to estimate here: no cell changes anything to speak of, by either."
    quality = fit_words(correlation)
    if quality == "good" and errors[row, column] > 0.3 * largest:
        quality = "fair: the order is right, the sizes are not"
    judged = "" if np.isnan(correlation) else f"Here it is {quality}. "
    return (
        f"{judged}Correlation over all cells: {number(correlation)}.\n"
        f"Its largest error: {exact.names[row][column]}, {number(estimate.effects[row, column])} against the "
        f"exact {number(exact.effects[row, column])}."
    )


def attention_words(pairs: PromptPairs, row: int, pattern: np.ndarray) -> str:
    """Say how much END attends to each role."""
    end = int(pairs.roles["END"][row])
    roles = [role for role in ("IO", "S1", "S1+1", "S2") if role in pairs.roles]
    if not roles:
        return ""
    shares = ", ".join(f"{role} {size(pattern[end, int(pairs.roles[role][row])])}" for role in roles)
    return f"In clean prompt {row + 1}, its attention from END: {shares}."


def direct_effects_words(layers: Result, layer: int) -> str:
    """Say what a layer's attention and MLP add to logit_diff themselves."""
    by_name = dict(zip(layers.axes["component"], layers.values, strict=True))
    return (
        f"Direct effects on logit_diff (clean runs): attention {layer} {number(by_name[f'{layer}_attn_out'])} logits, "
        f"MLP {layer} {number(by_name[f'{layer}_mlp_out'])}."
    )


def attending_heads_words(view: View, patterns: PromptPatterns, layer: int, grid: EffectGrid, column: int) -> str:
    """Name the heads of a layer that attend most from END to a position."""
    end = int(view.pairs.roles["END"][view.row])
    position = column
    if grid.column_title == "role":
        position = int(view.pairs.roles[grid.columns[column]][view.row])
    from_end = patterns.clean[patterns.layers.index(layer), :, end, position]
    order = np.argsort(-from_end)[:3]
    heads = ", ".join(f"{layer}.{head} {size(from_end[head])}" for head in order)
    return f"In clean prompt {view.row + 1}, the heads of layer {layer} that look there most from END: {heads}."
