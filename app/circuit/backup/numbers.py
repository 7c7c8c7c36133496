"""The effect of a knock-out on the heads that are left, and LayerNorm's part in it. No Streamlit here."""

from dataclasses import dataclass

import numpy as np

from ioi_core import Backup, Head, PromptResult, bootstrap_interval


@dataclass(frozen=True)
class Stage:
    """The model without the first `gone` heads; means over prompts in logits, intervals (low, high) of 95 %.

    Attributes:
        real: logit_diff; naive: what is left of the clean run's if nothing else reacts; repair: real - naive.
        scale: what the final LayerNorm divides by at END.
        by_scale: the part of `repair` that LayerNorm's scale makes alone: what is left is divided by another number.
        by_heads, by_rest: the parts of other heads and of MLPs that write something else than before.
    """

    gone: tuple[Head, ...]
    real: float
    real_interval: tuple[float, float]
    naive: float
    naive_interval: tuple[float, float]
    repair: float
    repair_interval: tuple[float, float]
    scale: float
    scale_interval: tuple[float, float]
    by_scale: float
    by_heads: float
    by_rest: float


@dataclass(frozen=True)
class Mover:
    """A head's direct effect before and after; `low` and `high` are of `change`. Logits, means over prompts.

    Attributes:
        by_scale: the `change` if the head wrote what it wrote before and only LayerNorm's scale changed.
    """

    head: Head
    before: float
    after: float
    change: float
    low: float
    high: float
    by_scale: float


def stages(result: Backup, layers: PromptResult) -> list[Stage]:
    """Return every stage; the first one lacks no head.

    Args:
        layers: `attribute_layers` of the same prompts: b_U's share is not divided by any scale.
    """
    bias = layers.at(component="bias").per_prompt
    return [_stage(result, bias, gone) for gone in range(len(result.knocked_out) + 1)]


def _stage(result: Backup, bias: np.ndarray, gone: int) -> Stage:
    real, naive = result.logit_diff_per_prompt[gone], result.naive_per_prompt[gone]
    scale = result.scale_per_prompt[gone]
    ratio = result.scale_per_prompt[0] / scale
    by_scale = (naive - bias) * (ratio - 1)
    written = result.per_prompt[gone] - result.per_prompt[0] * ratio  # [layer head batch]
    by_heads = written[_others(result, gone)].sum(0)
    return Stage(
        result.knocked_out[:gone],
        float(real.mean()), _interval(real), float(naive.mean()), _interval(naive),
        float((real - naive).mean()), _interval(real - naive), float(scale.mean()), _interval(scale),
        float(by_scale.mean()), float(by_heads.mean()), float((real - naive - by_scale - by_heads).mean()),
    )  # fmt: skip


def movers(result: Backup, gone: int) -> list[Mover]:
    """Return all heads that are left, those that moved most first."""
    before, after = result.per_prompt[0], result.per_prompt[gone]
    by_scale = (before * (result.scale_per_prompt[0] / result.scale_per_prompt[gone] - 1)).mean(-1)
    low, high = bootstrap_interval(after - before)
    change = (after - before).mean(-1)
    numbers = np.stack([before.mean(-1), after.mean(-1), change, low, high, by_scale], -1)  # [layer head number]
    heads = [Head(layer, head) for layer, head in np.argwhere(_others(result, gone)).tolist()]
    unsorted = [Mover(head, *numbers[head.layer, head.head].tolist()) for head in heads]
    return sorted(unsorted, key=lambda mover: -abs(mover.change))


def changes_of_others(result: Backup, gone: int) -> np.ndarray:
    """Return the [layer head batch] change of each direct effect, nan for the heads that are gone."""
    return np.where(_others(result, gone)[..., None], result.changes_per_prompt[gone], np.nan)


def _others(result: Backup, gone: int) -> np.ndarray:
    """Return [layer head] whether a head is left."""
    left = np.ones(result.values.shape[1:], dtype=bool)
    for head in result.knocked_out[:gone]:
        left[head.layer, head.head] = False
    return left


def _interval(per_prompt: np.ndarray) -> tuple[float, float]:
    low, high = bootstrap_interval(per_prompt)
    return float(low), float(high)
