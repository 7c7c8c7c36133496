"""Sentences on the lens and on direct effects."""

from collections.abc import Sequence

import numpy as np

from app.words.phrases import capitalised, component, head_names, over_prompts, signed, with_interval
from ioi_core import HeadAttribution, PromptResult, Result


def effects(names: Sequence[str], values: np.ndarray, n_prompts: int) -> str:
    """Name who adds most to logit_diff and who takes most away, from 5 % of the sum of all sizes up."""
    order, largest = np.argsort(values), float(np.abs(values).max())
    threshold = 0.05 * np.abs(values).sum()
    added = [f"{names[n]} adds {signed(values[n], largest)} logits" for n in order[::-1][:3] if values[n] > threshold]
    taken = [f"{names[n]} takes {signed(-values[n], largest)[1:]} away" for n in order[:2] if values[n] < -threshold]
    if not added and not taken:
        return "Nothing stands out: every effect is below 5 % of the sum of all."
    text = ", ".join([*added, *taken])
    return f"{capitalised(text)} ({over_prompts(n_prompts)})."


def layer_effects(result: Result) -> str:
    """Name the largest effects of embeddings, layers and bias."""
    return effects([component(label) for label in result.axes["component"]], result.values, result.n_prompts)


def head_effects(result: HeadAttribution) -> str:
    """Name the largest effects of heads."""
    names = [name for row in head_names(result) for name in row]
    return effects(names, result.values.ravel(), result.n_prompts)


def lens_story(result: PromptResult) -> str:
    """Say where the curve makes its largest step, and where it ends."""
    steps = np.diff(result.values)
    biggest, labels = int(np.argmax(steps)), result.axes["stage"]
    kind = "attention" if labels[biggest].endswith("_pre") else "MLP"
    writer = f"{kind} {labels[biggest].split('_')[0]}"
    largest, end = float(np.abs(result.values).max()), result.values[-1]
    verdict = "favours IO" if end > 0 else "favours S, which is the wrong name" if end < 0 else "favours neither"
    return (
        f"The largest step up is {writer}'s: {signed(steps[biggest], largest)} logits. At the end logit_diff is "
        f"{end:+.2f} ({with_interval(result.per_prompt[-1])}): the model {verdict}."
    )
