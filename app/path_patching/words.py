"""Path patching in words and tables. No Streamlit here."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.drawing.heatmap import EffectGrid
from app.path_patching.cells import active_senders, strong_senders
from app.path_patching.trail import Step
from app.words.choices import EFFECT_UNITS, scored
from app.words.effects import logits_a_unit, not_shown, sure
from app.words.phrases import (
    cannot_be_scaled,
    component,
    mean_over,
    number,
    size,
    unpatched_means,
    until_twins_change,
    with_interval,
)
from ioi_core import AttentionSplit, Direction, PathResult, PromptError, PromptPairs, bootstrap_interval

_HEAD_BIAS = "the head's own bias"


def path_story(grid: EffectGrid, result: PathResult, step: Step, n: int = 3) -> str:
    """Say which senders lower logit_diff most, and which raise it, as far as their signs are sure."""
    low, high = bootstrap_interval(grid.per_prompt, gaps=result.gaps)
    more_than_nothing = strong_senders(grid)
    strong = [cell for cell in more_than_nothing if sure(low[cell], high[cell])]
    done = "Corrupting" if result.direction is Direction.NOISING else "Cleaning"
    patching, score = f"{done} what one sender passes to {step.words} alone", scored(result.metric)
    if not more_than_nothing:
        why = f"{patching[0].lower()}{patching[1:]} changes {score} by next to nothing, for every sender"
        return f"{not_shown(why)}\n"
    if not strong:
        return (
            f"Nothing stands out: {patching[0].lower()}{patching[1:]} changes {score} up in some prompts and down in "
            "others.\n"
        )
    rises = {cell: grid.effects[cell] * logits_a_unit(result) > 0 for cell in strong}
    first, *others = sorted({*rises.values()}, key=lambda up: up != rises[strong[0]])
    verbs = {True: "raises", False: "lowers"}
    text = f"{patching} {verbs[first]} {score} most for {_sender_list(grid, _of_sign(rises, first)[:n])}.\n"
    text += f"In brackets: {effect_unit(result.metric)}. "
    for other in others:
        text += f"It {verbs[other]} {score} for {_sender_list(grid, _of_sign(rises, other)[: n - 1])}. "
    return text


def _of_sign(rises: Mapping[tuple[int, int], bool], up: bool) -> list[tuple[int, int]]:
    return [cell for cell, rising in rises.items() if rising is up]


def _sender_list(grid: EffectGrid, cells: list[tuple[int, int]]) -> str:
    return ", ".join(f"{grid.keys[row][column]} ({number(float(grid.effects[row, column]))})" for row, column in cells)


def effect_unit(metric: str) -> str:
    """Return what an effect is, for titles and notes."""
    unit = EFFECT_UNITS[metric]
    return f"change in {scored(metric)}, {'share ' * unit.startswith('of ')}{unit}"


def runs_story(result: PathResult) -> str:
    """Say what the two unpatched runs score, and where that turns the signs of shares round."""
    text = f"{unpatched_means(scored(result.metric), result.clean, result.corrupted)} ({mean_over(result.n_prompts)})."
    if logits_a_unit(result) >= 0:
        return text
    whole = "the clean logit_diff" if result.metric == "percent_of_clean" else "clean minus corrupted"
    return f"{text} As {whole} is below 0, a share above 0 is a fall of logit_diff."


def graph_story(steps: Sequence[Step]) -> str:
    """Retrace the trail."""
    if len(steps) == 1:
        return f"So far: who acts on {steps[0].words}. Pick next receivers above to go on."
    return f"You went from {steps[0].words} to {', then to '.join(step.words for step in steps[1:])}."


def nothing_to_draw(grid: EffectGrid, result: PathResult, step: Step, pairs: PromptPairs) -> PromptError | None:
    """Return why there is no heatmap, None if there is one."""
    if np.isnan(result.unpatched).any():
        return cannot_be_scaled(result.undefined, pairs)
    if grid.no_path_from == 0:
        why = f"nothing lies below {step.words}, as layer 0 reads embeddings alone"
        return PromptError(why, "go back one step")
    if not active_senders(grid):
        if until := until_twins_change(pairs):
            return PromptError(until)
        where = "" if result.sender_position == "all" else f" at {result.sender_position}"
        return PromptError(
            f"no sender{where} changes anything in {step.words}. What is sent is the same in both runs, or nothing "
            "leads there: the logits are read at END alone",
            "choose another place that senders send from, or another corruption",
        )
    return None


def split_story(split: AttentionSplit) -> str:
    """Say how much the head attends, and which components make most of its query and key."""
    labels = split.axes["component"]
    sentences = [
        f"Head {split.head} gives {split.key} {size(float(split.attention.mean()))} of its attention from "
        f"{split.query}; the attention logit is {number(float(split.logits.mean()))}.\nClean prompts: the attention "
        f"{with_interval(split.attention)}; the logit {with_interval(split.logits)}."
    ]
    for side, values in zip(split.axes["side"], split.values, strict=True):
        order = np.argsort(-np.abs(values))[:3]
        parts = ", ".join(f"{component(labels[n], _HEAD_BIAS)} {number(float(values[n]))}" for n in order)
        position = split.query if side == "query" else split.key
        sentences.append(f"Its largest parts on the {side} side (at {position}): {parts}.")
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
