"""Sentences computed from the numbers of a figure: what stands out, in plain words."""

from collections.abc import Sequence

import numpy as np

from app.tokens import token_label
from ioi_core import HeadAttribution, Model, Predictions, PromptPairs, Result, bootstrap_interval


def prompts(n: int) -> str:
    """ "1 prompt", "8 prompts"."""
    return f"{n} prompt{'' if n == 1 else 's'}"


def over_prompts(n: int) -> str:
    """What a value is taken over: one prompt, or a mean."""
    return "1 prompt" if n == 1 else f"mean over {n} prompts"


def component(label: str) -> str:
    """A component of `attribute_layers` as people say it."""
    fixed = {"embed": "token embedding", "pos_embed": "position embedding", "bias": "bias b_U"}
    if label in fixed:
        return fixed[label]
    layer, part = label.split("_", 1)
    return f"{'attention' if part == 'attn_out' else 'MLP'} {layer}"


def stage(label: str) -> str:
    """A stage of the logit lens as people say it."""
    layer, when = label.split("_", 1)
    return {"pre": f"before layer {layer}", "mid": f"after the attention of layer {layer}"}.get(
        when, "after the last layer"
    )


def ordinal(rank: int) -> str:
    """ "1st", "2nd", "11th" of a rank that counts from 1."""
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank:,}{ending}"


def percent(probability: float) -> str:
    """A probability as per cent, small ones not rounded to nothing."""
    if probability > 0.99995:
        return "over 99.99 %"
    if probability >= 0.995:
        return f"{100 * probability:.2f} %"
    if probability >= 0.0995:
        return f"{100 * probability:.0f} %"
    return f"{100 * probability:.1f} %" if probability >= 0.0005 else "less than 0.05 %"


def signed(value: float, reach: float) -> str:
    """A value with its sign; two decimals, more where everything (`reach`, the largest of all) is small."""
    text = f"{value:+.2f}" if reach >= 0.1 else f"{value:+.4f}"
    return text if float(text) else text[1:]


def interval(low: float, high: float, over: str) -> str:
    """Over which prompts a mean is taken, and how far it could have come out otherwise; no interval with one prompt.

    Where the interval holds 0 it says so: with other prompts the sign might be the other one.
    """
    if not np.isfinite([low, high]).all():
        return over
    least, most = (f"{x:+.2f}" if abs(x) >= 0.1 or abs(x) < 1e-6 else f"{x:+.2g}" for x in (low, high))
    return f"{over}, 95 % interval {least} to {most}{', sign uncertain' * bool(low < 0 < high)}"


def changed(metric: str) -> str:
    """What it is that changes; a metric may itself be a change."""
    return metric.removesuffix("_change")


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


def head_names(result: Result) -> list[list[str]]:
    """What each cell of layers by heads is called."""
    return [[f"head {layer}.{head}" for head in result.axes["head"]] for layer in result.axes["layer"]]


def lens_story(result: Result) -> str:
    """Where the curve makes its largest step, and where it ends."""
    assert result.per_prompt is not None
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


def with_interval(per_prompt: np.ndarray) -> str:
    """What a mean over these prompts is taken over, and its interval."""
    low, high = bootstrap_interval(per_prompt)
    return interval(float(low), float(high), over_prompts(len(per_prompt)))


def prediction_story(model: Model, pairs: PromptPairs, result: Predictions, row: int) -> str:
    """What the model says after one prompt and where the right answer stands."""
    assert result.top_ids is not None
    assert result.top_probs is not None
    assert result.answer_probs is not None
    assert result.answer_ranks is not None
    top, prob = token_label(model, result.top_ids[0, row, 0]), float(result.top_probs[0, row, 0])
    io, s = (token_label(model, token) for token in pairs.answers[row])
    rank, io_prob = int(result.answer_ranks[0, row, 0]) + 1, float(result.answer_probs[0, row, 0])
    where = "the right answer" if rank == 1 else f"the right answer {io} comes {ordinal(rank)} with {percent(io_prob)}"
    return (
        f"After prompt {row + 1} the model's first choice is {top} with {percent(prob)}, {where}. "
        f"Its logit_diff ({io} over {s}) is {result.clean_logit_diff[row]:+.2f}."
    )


def all_prompts_story(result: Predictions) -> str:
    """How often IO beats S, and what the corruption does to the mean."""
    clean, corrupted = result.clean_logit_diff, result.corrupted_logit_diff
    right = int((clean > 0).sum())
    share = "the one prompt" if len(clean) == 1 else f"{right} of {len(clean)} prompts"
    verdict = share if len(clean) > 1 or right else "no prompt"
    mean = "Mean logit_diff" if len(clean) > 1 else "logit_diff"
    return (
        f"IO is more likely than S in {verdict}. {mean}: {clean.mean():+.2f} on the clean prompts "
        f"({with_interval(clean)}), {corrupted.mean():+.2f} on the corrupted ones ({with_interval(corrupted)})."
    )
