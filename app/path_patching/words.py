"""Path patching in words and tables. No Streamlit here."""

from collections.abc import Sequence

import numpy as np

from app.drawing.heatmap import EffectGrid
from app.path_patching.cells import WEAKEST_EDGE, active_senders, largest_effect
from app.path_patching.trail import Step
from app.words.phrases import changed, component, number, over_prompts, unpatched_means, with_interval
from ioi_core import AttentionSplit, Direction, PathResult

_HEAD_BIAS = "the head's own bias"


def path_story(grid: EffectGrid, result: PathResult, step: Step, n: int = 4) -> str:
    """Say who acts most on the receivers, with a sentence for each sign."""
    noising = result.direction is Direction.NOISING
    lost = [cell for cell in active_senders(grid) if (grid.effects[cell] < 0) == noising][:n]
    other = [cell for cell in active_senders(grid) if (grid.effects[cell] < 0) != noising][: n // 2]
    threshold = WEAKEST_EDGE * largest_effect(grid)
    lost, other = ([cell for cell in cells if abs(grid.effects[cell]) > threshold] for cells in (lost, other))
    patching = "Corrupting what they send" if noising else "Cleaning what they send"
    sentences = []
    if lost:
        change = f"{patching} to {step.words} alone changes {changed(result.metric)}"
        sentences.append(f"{change} most for {_sender_list(grid, lost)}.")
    if other:
        direction = "the other way: it works against the answer" if noising else "the other way"
        sentences.append(f"For {_sender_list(grid, other)} it goes {direction}.")
    return " ".join(sentences) or f"No sender acts on {step.words} here."


def _sender_list(grid: EffectGrid, cells: list[tuple[int, int]]) -> str:
    return ", ".join(f"{grid.keys[row][column]} ({number(float(grid.effects[row, column]))})" for row, column in cells)


def runs_story(result: PathResult) -> str:
    """Say what the two unpatched runs score."""
    means = unpatched_means("logit_diff", result.clean, result.corrupted)
    return f"{means} ({over_prompts(result.n_prompts)})."


def graph_story(steps: Sequence[Step]) -> str:
    """Retrace the trail."""
    if len(steps) == 1:
        return f"So far: who acts on {steps[0].words}. Pick next receivers above to go on."
    return f"You went from {steps[0].words} to {', then to '.join(step.words for step in steps[1:])}."


def nothing_to_draw(grid: EffectGrid, result: PathResult, step: Step) -> str | None:
    """Return why there is no heatmap, None if there is one."""
    if np.isnan(result.unpatched).any():
        return f"Nothing to draw: {result.undefined}."
    if grid.no_path_from == 0:
        return f"Nothing lies below {step.words}: in layer 0 heads read the embeddings alone. Go back one step."
    if not active_senders(grid):
        where = "" if result.sender_position == "all" else f" at {result.sender_position}"
        return (
            f"No sender{where} changes anything in {step.words}. What is sent is the same in both runs, or nothing "
            "leads there: the logits are read at END alone. Choose another sender position or corruption."
        )
    return None


def split_story(split: AttentionSplit) -> str:
    """Say how much the head attends, and which components make most of its query and key."""
    labels = split.axes["component"]
    sentences = [
        f"Head {split.head} gives {split.key} {split.attention.mean():.2f} of its attention from {split.query} (clean "
        f"prompts, {with_interval(split.attention)}); the attention logit is {split.logits.mean():+.2f} "
        f"({with_interval(split.logits)})."
    ]
    for side, values in zip(split.axes["side"], split.values, strict=True):
        order = np.argsort(-np.abs(values))[:3]
        parts = ", ".join(f"{component(labels[n], _HEAD_BIAS)} {number(float(values[n]))}" for n in order)
        position = split.query if side == "query" else split.key
        sentences.append(f"On the {side} side (at {position}) most comes from {parts}.")
    return " ".join(sentences)


def split_shares(split: AttentionSplit, side: str, most: int) -> tuple[list[str], np.ndarray]:
    """Return the names of the components with the largest shares of one side, and their shares [share batch].

    The sum of all others is the last.
    """
    per_prompt, labels = split.at(side=side).per_prompt, split.axes["component"]
    order = np.argsort(-np.abs(per_prompt.mean(-1)))
    names, shares = [component(labels[n], _HEAD_BIAS) for n in order[:most]], per_prompt[order[:most]]
    if len(order) <= most:
        return names, shares
    others = per_prompt[order[most:]].sum(0, keepdims=True)
    return [*names, f"the other {len(order) - most}"], np.concatenate([shares, others])
