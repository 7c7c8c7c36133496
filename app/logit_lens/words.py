"""Sentences on where the answer appears and who writes it."""

from collections.abc import Sequence

import numpy as np

from app.words.phrases import component, head_names, over_prompts, signed, with_interval
from ioi_core import HeadAttribution, PromptResult, Result


def effects(names: Sequence[str], values: np.ndarray, n_prompts: int) -> str:
    """Who adds most to logit_diff and who takes most away, left out below 5 % of all that is added and taken."""
    order, reach = np.argsort(values), float(np.abs(values).max())
    enough = 0.05 * np.abs(values).sum()
    added = [f"{names[n]} adds {signed(values[n], reach)} logits" for n in order[::-1][:3] if values[n] > enough]
    taken = [f"{names[n]} takes {signed(-values[n], reach)[1:]} away" for n in order[:2] if values[n] < -enough]
    if not added and not taken:
        return "Nothing stands out: every effect is below 5 % of the sum of all."
    text = ", ".join([*added, *taken])
    return f"{text[0].upper()}{text[1:]} ({over_prompts(n_prompts)})."


def layer_effects(result: Result) -> str:
    """What stands out among embeddings, layers and bias."""
    return effects([component(label) for label in result.axes["component"]], result.values, result.n_prompts)


def head_effects(result: HeadAttribution) -> str:
    """What stands out among the heads, named as the field does ("9.9")."""
    names = [name for row in head_names(result) for name in row]
    return effects(names, result.values.ravel(), result.n_prompts)


def lens_story(result: PromptResult) -> str:
    """Where the curve makes its largest step, and where it ends."""
    steps = np.diff(result.values)
    biggest, labels = int(np.argmax(steps)), result.axes["stage"]
    by = f"attention {labels[biggest].split('_')[0]}" if labels[biggest].endswith("_pre") else None
    by = by or f"MLP {labels[biggest].split('_')[0]}"
    reach, end = float(np.abs(result.values).max()), result.values[-1]
    verdict = "favours IO" if end > 0 else "favours S, which is the wrong name" if end < 0 else "favours neither"
    return (
        f"The largest step up is {by}'s: {signed(steps[biggest], reach)} logits. At the end logit_diff is {end:+.2f} "
        f"({with_interval(result.per_prompt[-1])}): the model {verdict}."
    )
