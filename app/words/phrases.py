"""Sentences computed from the numbers of a figure: what stands out, in plain words."""

from collections.abc import Callable, Sequence

import numpy as np

from ioi_core import (
    Head,
    Result,
    bootstrap_interval,
)


def prompts(n: int) -> str:
    """ "1 prompt", "8 prompts"."""
    return f"{n} prompt{'' if n == 1 else 's'}"


def over_prompts(n: int) -> str:
    """What a value is taken over: one prompt, or a mean."""
    return "1 prompt" if n == 1 else f"mean over {n} prompts"


def component(label: str, bias: str = "bias b_U") -> str:
    """A component of `attribute_layers` or `explain_attention` as people say it; `bias` is what "bias" stands for."""
    fixed = {"embed": "token embedding", "pos_embed": "position embedding", "bias": bias}
    if label in fixed:
        return fixed[label]
    if "." in label:
        return f"head {label}"
    layer, part = label.split("_", 1)
    kind = {"attn_out": "attention", "mlp_out": "MLP", "b_O": "bias b_O"}[part]
    return f"{kind} {layer}"


def adds_or_takes(who: str, value: float) -> str:
    """ "Head 9.9 adds 3.000 logits to logit_diff", or that it takes them away."""
    verb, where = ("adds", "to") if value >= 0 else ("takes", "away from")
    return f"{who} {verb} {number(abs(value)).removeprefix('+')} logits {where} logit_diff"


def head_names(result: Result) -> list[list[str]]:
    """What each cell of layers by heads is called."""
    return [[f"head {layer}.{head}" for head in result.axes["head"]] for layer in result.axes["layer"]]


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


def signed(value: float, reach: float = 1.0) -> str:
    """A value with its sign; two decimals, more where everything (`reach`, the largest of all) is small."""
    text = f"{value:+.2f}" if reach >= 0.1 else f"{value:+.4f}"
    return text if float(text) else text[1:]


def interval(low: float, high: float, over: str) -> str:
    """Over which prompts a mean is taken, and how far it could have come out otherwise; no interval with one prompt.

    Where the interval holds 0 it says so: with other prompts the sign might be the other one.
    """
    if not np.isfinite([low, high]).all():
        return over
    return f"{over}, 95 % interval {ends(low, high)}{', sign uncertain' * bool(low < 0 < high)}"


def _end(value: float) -> str:
    return f"{value:+.2f}" if abs(value) >= 0.1 or abs(value) < 1e-6 else f"{value:+.2g}"


def ends(low: float, high: float, show: Callable[[float], str] = _end) -> str:
    """The two ends of an interval, each as `show` writes it."""
    return f"{show(low)} to {show(high)}"


def changed(metric: str) -> str:
    """What it is that changes; a metric may itself be a change."""
    return metric.removesuffix("_change")


def with_interval(per_prompt: np.ndarray) -> str:
    """What a mean over these prompts is taken over, and its interval."""
    low, high = bootstrap_interval(per_prompt)
    return interval(float(low), float(high), over_prompts(len(per_prompt)))


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"; "" of nothing."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def heads_words(heads: Sequence[Head]) -> str:
    """ "9.9", "9.9 and 9.6", "9.9, 9.6 and 10.0"."""
    return listed(list(map(str, heads))) or "no head"


def number(effect: float) -> str:
    """An effect with its sign: three decimals, three digits where it is small, and no minus before nothing."""
    text = f"{effect:+.3f}" if abs(effect) >= 0.01 or effect == 0 else f"{effect:+.2g}"
    return text if float(text) else "0"
