"""Sentences on the lens and on direct effects."""

from collections.abc import Sequence

import numpy as np

from app.words.effects import least, not_shown, shows, sure
from app.words.phrases import capitalised, component, head_names, mean_over, number, size, threshold, with_interval
from ioi_core import HeadAttribution, PromptResult, Result, bootstrap_interval


def effects(names: Sequence[str], values: np.ndarray, n_prompts: int) -> str:
    """Name who adds most to logit_diff and who takes most away, from 5 % of the sum of all sizes up."""
    if not shows(values, least()):
        return not_shown(f"every effect is below {threshold(least())} logits")
    order, largest = np.argsort(values), float(np.abs(values).max())
    counts = max(0.05 * float(np.abs(values).sum()), least())
    added = [f"{names[n]} adds {number(values[n], largest)} logits" for n in order[::-1][:3] if values[n] > counts]
    taken = [f"{names[n]} takes {size(values[n], largest)} away" for n in order[:2] if values[n] < -counts]
    if not added and not taken:
        return "Nothing stands out: every effect is below 5 % of the sum of all."
    text = ", ".join([*added, *taken])
    return f"{capitalised(text)}.\n{capitalised(mean_over(n_prompts))}."


def layer_effects(result: Result) -> str:
    """Name the largest effects of embeddings, layers and bias."""
    return effects([component(label) for label in result.axes["component"]], result.values, result.n_prompts)


def head_effects(result: HeadAttribution) -> str:
    """Name the largest effects of heads."""
    names = [name for row in head_names(result) for name in row]
    return effects(names, result.values.ravel(), result.n_prompts)


def lens_story(result: PromptResult) -> str:
    """Say where the curve makes its largest step, and where it ends."""
    if not shows(result.values, least()):
        return not_shown(f"logit_diff stays within {threshold(least())} logits of 0 at every stage")
    steps, end = np.diff(result.values), float(result.values[-1])
    biggest, labels = int(np.argmax(np.abs(steps))), result.axes["stage"]
    kind = "attention" if labels[biggest].endswith("_pre") else "MLP"
    whose, step = f"{kind} of layer {labels[biggest].split('_')[0]}", f"{number(float(steps[biggest]))} logits"
    told = f"The largest step comes from the {whose}: {step}."
    if abs(steps[biggest]) < least(end):
        told = "No step stands out."
    if abs(end) < least():
        verdict = "the model favours neither answer"
    elif not sure(*bootstrap_interval(result.per_prompt[-1])):
        verdict = "the model does not clearly favour either answer"
    else:
        verdict = f"the model favours the {'right' if end > 0 else 'other'} answer"
    return f"{told} At the end {verdict}.\nlogit_diff there: {number(end)} ({with_interval(result.per_prompt[-1])})."
