"""Path patching in words and as a grid: every sender a cell, the MLPs a column of their own. No Streamlit here."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.drawing.frames import mean_frame
from app.drawing.heatmap import EffectGrid
from app.path_patching.cells import WEAKEST_EDGE, Edge, ranked, reach, with_path
from app.path_patching.trail import Step
from app.words.phrases import changed, component, number, over_prompts, with_interval
from ioi_core import AttentionSplit, Direction, PathResult, bootstrap_interval

_OWN_BIAS = "the head's own bias"


def ranking_frame(grid: EffectGrid, result: PathResult, step: Step) -> pd.DataFrame:
    """Every sender with a path: its effect and its interval, the largest first."""
    low, high = bootstrap_interval(grid.per_prompt, gaps=result.gaps)
    places = with_path(grid)
    return pd.DataFrame(
        {
            "sender": [grid.keys[row][column] for row, column in places],
            "receivers": str(step),
            "effect": [float(grid.effects[place]) for place in places],
            "low_95": [float(low[place]) for place in places],
            "high_95": [float(high[place]) for place in places],
            "metric": result.metric,
            "direction": str(result.direction),
            "sender_position": result.sender_position,
            "through_mlps": result.through_mlps,
            "clean_run": result.clean,
            "corrupted_run": result.corrupted,
            "prompts": result.n_prompts,
        }
    )


def path_story(grid: EffectGrid, result: PathResult, step: Step, n: int = 4) -> str:
    """Who acts most on the receivers, as a sentence for each way it can go."""
    noising = result.direction is Direction.NOISING
    lost = [place for place in ranked(grid) if (grid.effects[place] < 0) == noising][:n]
    other = [place for place in ranked(grid) if (grid.effects[place] < 0) != noising][: n // 2]
    enough = WEAKEST_EDGE * reach(grid)
    lost, other = ([place for place in places if abs(grid.effects[place]) > enough] for places in (lost, other))
    done = "Corrupting what they send" if noising else "Cleaning what they send"
    said = (
        [f"{done} to {step.words} alone changes {changed(result.metric)} most for {_list(grid, lost)}."] if lost else []
    )
    if other:
        way = "the other way: it works against the answer" if noising else "the other way"
        said.append(f"For {_list(grid, other)} it goes {way}.")
    return " ".join(said) or f"No sender acts on {step.words} here."


def _list(grid: EffectGrid, places: list[tuple[int, int]]) -> str:
    return ", ".join(f"{grid.keys[row][column]} ({number(float(grid.effects[row, column]))})" for row, column in places)


def runs_story(result: PathResult) -> str:
    """What the two unpatched runs score."""
    return (
        f"Unpatched, the mean logit_diff is {result.clean:.3g} in the clean runs and {result.corrupted:.3g} in the "
        f"corrupted runs ({over_prompts(result.n_prompts)})."
    )


def graph_story(steps: Sequence[Step]) -> str:
    """Which way the trail went."""
    if len(steps) == 1:
        return f"So far: who acts on {steps[0].words}. Pick next receivers above to go on."
    return f"You went from {steps[0].words} to {', then to '.join(step.words for step in steps[1:])}."


def nothing_to_draw(grid: EffectGrid, result: PathResult, step: Step) -> str | None:
    """Why there is no heatmap, or None."""
    if np.isnan(result.unpatched).any():
        return f"Nothing to draw: {result.undefined}."
    if grid.no_path_from == 0:
        return f"Nothing lies below {step.words}: in layer 0 heads read the embeddings alone. Go back one step."
    if not ranked(grid):
        where = "" if result.sender_position == "all" else f" at {result.sender_position}"
        return (
            f"No sender{where} changes anything in {step.words}. What is sent is the same in both runs, or nothing "
            "leads there: the logits are read at END alone. Choose another sender position or corruption."
        )
    return None


def edges_frame(edges: list[Edge], steps: Sequence[Step], metric: str) -> pd.DataFrame:
    """The edges of the graph."""
    return pd.DataFrame(
        {
            "sender": [edge.sender for edge in edges],
            "receivers": [str(steps[edge.n]) for edge in edges],
            f"change_in_{metric}": [edge.effect for edge in edges],
        }
    )


def split_story(split: AttentionSplit) -> str:
    """How much the head attends there, and who makes it ask and answer."""
    labels = split.axes["component"]
    said = [
        f"Head {split.head} gives {split.key} {split.attention.mean():.2f} of its attention from {split.query} (clean "
        f"prompts, {with_interval(split.attention)}); the attention logit is {split.logits.mean():+.2f} "
        f"({with_interval(split.logits)})."
    ]
    for side, values in zip(split.axes["side"], split.values, strict=True):
        order = np.argsort(-np.abs(values))[:3]
        parts = ", ".join(f"{component(labels[n], _OWN_BIAS)} {number(float(values[n]))}" for n in order)
        at = split.query if side == "query" else split.key
        said.append(f"On the {side} side (at {at}) most comes from {parts}.")
    return " ".join(said)


def split_frame(split: AttentionSplit, side: str) -> pd.DataFrame:
    """Every component's share of one side, each with its interval."""
    frame = mean_frame(split)
    return frame[frame["side"] == side]


def split_shares(split: AttentionSplit, side: str, most: int) -> tuple[list[str], np.ndarray]:
    """The components with the largest shares of one side, in words, and the sum of the others as a last one.

    Returns:
        the names, and [share batch] their shares in each prompt.
    """
    per_prompt, labels = split.at(side=side).per_prompt, split.axes["component"]
    order = np.argsort(-np.abs(per_prompt.mean(-1)))
    names, shares = [component(labels[n], _OWN_BIAS) for n in order[:most]], per_prompt[order[:most]]
    if len(order) <= most:
        return names, shares
    others = per_prompt[order[most:]].sum(0, keepdims=True)
    return [*names, f"the other {len(order) - most}"], np.concatenate([shares, others])
