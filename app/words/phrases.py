"""Phrases for numbers, means, intervals and names that several pages use."""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np

from app.words.effects import NOTHING, sure
from ioi_core import Head, IOIError, PromptError, PromptPairs, Result, bootstrap_interval

IN_SIDEBAR = "in the sidebar (on a phone: Menu)"
"""Where the prompts are chosen; what opens it on a phone is named in style.css."""

_LONGEST_LABEL = 28
_LISTED = 5


def counted(n: int, noun: str) -> str:
    """Return "1 row" or "8 rows"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def prompts(n: int) -> str:
    """Return "1 prompt" or "8 prompts"."""
    return counted(n, "prompt")


def mean_over(n: int) -> str:
    """Return "1 prompt", or "mean over 8 prompts"."""
    return prompts(n) if n == 1 else f"mean over {prompts(n)}"


def grouped_by(pairs: PromptPairs) -> str:
    """Return what `grouped` goes by: "label" or "template"."""
    return "label" if pairs.labels else "template"


def grouped(pairs: PromptPairs) -> dict[str, list[int]]:
    """Return group -> its rows: prompts of one label, else of one template, in the order in which these first occur.

    A group is called "template 3, ABBA", without the order of names on prompts of another task than IOI; "prompt 1"
    where each prompt is a template of its own; or by its label.
    """
    keys: list[str | int] = list(pairs.labels) if pairs.labels else pairs.templates.tolist()
    rows_of: dict[str | int, list[int]] = {}
    for row, key in enumerate(keys):
        rows_of.setdefault(key, []).append(row)
    alone = all(len(rows) == 1 for rows in rows_of.values())
    named: dict[str, list[int]] = {}
    for key, rows in rows_of.items():
        name = _group_name(pairs, key, rows, alone)
        named[name if name not in named else f"{name} ({len(named) + 1})"] = rows
    return named


def _group_name(pairs: PromptPairs, key: str | int, rows: Sequence[int], alone: bool) -> str:
    if isinstance(key, int):
        return f"prompt {rows[0] + 1}" if alone else f"template {key}{name_order(pairs, rows[0], ', ')}"
    return f"{key[:_LONGEST_LABEL]}..." if len(key) > _LONGEST_LABEL else key or "no label"


def name_order(pairs: PromptPairs, row: int, separator: str) -> str:
    """Return `separator` and "ABBA", where IO is named before S, or "BABA"; nothing where the prompts are not IOI."""
    if not pairs.has_all_roles:
        return ""
    return f"{separator}{'ABBA' if pairs.roles['IO'][row] < pairs.roles['S1'][row] else 'BABA'}"


def component(label: str, bias: str = "bias b_U") -> str:
    """Return the name of a component of `attribute_layers` or `explain_attention`; `bias` is that of "bias"."""
    fixed = {"embed": "token embedding", "pos_embed": "position embedding", "bias": bias}
    if label in fixed:
        return fixed[label]
    if "." in label:
        return f"head {label}"
    layer, part = label.split("_", 1)
    kind = {"attn_out": "attention", "mlp_out": "MLP", "b_O": "bias b_O"}[part]
    return f"{kind} {layer}"


def adds_or_takes(who: str, value: float, about: str = "") -> str:
    """Return "Head 9.9 adds 3.00 logits to logit_diff", or "takes ... away from"; `about` stands before the number."""
    verb, where = ("adds", "to") if value >= 0 else ("takes", "away from")
    return f"{who} {verb} {about}{size(value)} logits {where} logit_diff"


def unpatched_means(metric: str, clean: float, corrupted: float) -> str:
    """Return what the two unpatched runs score, without a full stop."""
    runs = f"{number(clean)} in the clean runs and {number(corrupted)} in the corrupted runs"
    return f"Unpatched, the mean {metric} is {runs}"


def head_names(result: Result) -> list[list[str]]:
    """Return the name of each head, by layer."""
    return [[f"head {layer}.{head}" for head in result.axes["head"]] for layer in result.axes["layer"]]


def stage(label: str) -> str:
    """Return the name of a stage of the logit lens."""
    layer, when = label.split("_", 1)
    return {"pre": f"before layer {layer}", "mid": f"after the attention of layer {layer}"}.get(
        when, "after the last layer"
    )


def capitalised(text: str) -> str:
    """Return `text` with a capital first letter, all others as they are."""
    return text[:1].upper() + text[1:]


def refusal(error: IOIError) -> str:
    """Return an error's sentence: what to change, if it says so, before what was got."""
    return capitalised(f"{error.change}: {error.got}." if error.change else f"{error}.")


def ordinal(rank: int) -> str:
    """Return "1st", "2nd", "11th" of a rank that counts from 1."""
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank:,}{ending}"


def unbroken(text: str) -> str:
    """Return a text, in which "95 %" may not be parted at the end of a line: said by all that put texts on a page."""
    return re.sub(r"(?<=\d) (?=%)", "\u00a0", text)


def percent(probability: float) -> str:
    """Return a probability in per cent, never rounded to 0 or to 100."""
    if probability > 0.99995:
        return "over 99.99 %"
    if probability >= 0.995:
        return f"{100 * probability:.2f} %"
    if probability >= 0.0995:
        return f"{100 * probability:.0f} %"
    return f"{100 * probability:.1f} %" if probability >= 0.0005 else "less than 0.05 %"


def percent_in_table(probability: float) -> str:
    """Return the same, as short as a narrow column needs it."""
    return percent(probability).replace("less than", "<").replace("over", ">")


NO_SHARE = 0.0005
"""A share of less is nothing, and reads "≈ 0 %"."""


def in_percent(fraction: float, nothing: float = NO_SHARE) -> str:
    """Return a share of F(M), of a gap or of all edges in per cent: it may be below 0 or above 100.

    Args:
        nothing: the smallest share that is not nothing; of 32,491 edges one is a share of 0.00003.
    """
    if not np.isfinite(fraction):
        return "undefined"
    if 0 < abs(fraction) < nothing:
        return "≈ 0 %"
    return f"{100 * fraction:.0f} %" if abs(fraction) >= 0.0995 else f"{100 * fraction:.2g} %"


def interval(low: float, high: float, sample: str, show: Callable[[float], str] | None = None) -> str:
    """Return `sample` (such as `mean_over`) and the 95 % interval, if there is one; say so where it holds 0."""
    if not np.isfinite([low, high]).all():
        return sample
    return f"{sample}, 95 % interval {ends(low, high, show)}{', sign uncertain' * (not sure(low, high))}"


def interval_in_percent(low: float, high: float) -> str:
    """Return a share's 95 % interval in brackets, a space in front; "" where there is none."""
    return f" (95 % interval {ends(low, high, in_percent)})" if np.isfinite([low, high]).all() else ""


def ends(low: float, high: float, show: Callable[[float], str] | None = None) -> str:
    """Return the two ends of an interval, each as `show` writes it, or as numbers side by side."""
    if show is None:
        largest = max(abs(low), abs(high))
        return f"{number(low, largest)} to {number(high, largest)}"
    return f"{show(low)} to {show(high)}"


def with_interval(per_prompt: np.ndarray) -> str:
    """Return "mean over 8 prompts" and the mean's interval."""
    low, high = bootstrap_interval(per_prompt)
    return interval(float(low), float(high), mean_over(len(per_prompt)))


def listed(names: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"; "" for none."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def cannot_be_scaled(undefined: str | None, pairs: PromptPairs) -> PromptError:
    """Return what to choose instead of a metric that is undefined on these prompts, and why it is."""
    if until := until_twins_change(pairs):
        return PromptError(until)
    one_pair = len(pairs) > 1 and bool((pairs.answers == pairs.answers[0]).all())
    own = ", or give each prompt its own answers, by a data set" * one_pair
    return PromptError(f"{undefined}", f"choose another corruption or metric{own}")


def until_twins_change(pairs: PromptPairs) -> str:
    """Say why there is no figure where all twins are the clean prompts: `same_twins` says what to do, above."""
    which = "the corrupted prompt is" if len(pairs) == 1 else "the corrupted prompts are"
    return f"until {which} changed, there is nothing to draw" if _same_twins(pairs).all() else ""


def same_twins(pairs: PromptPairs) -> str:
    """Say which corrupted prompts to change, since they are the same as the clean ones; nothing where none is."""
    same = np.flatnonzero(_same_twins(pairs)) + 1
    if not len(same):
        return ""
    numbers = listed([*map(str, same[:_LISTED]), *["others"] * (len(same) > _LISTED)])
    if len(same) == 1:
        which = f"corrupted prompt {numbers}" if len(pairs) > 1 else "the corrupted prompt"
        return f"Change {which}: it is the same as the clean one, so nothing changes from one to the other."
    return f"Change corrupted prompts {numbers}: they are the same as the clean ones, so nothing changes between them."


def _same_twins(pairs: PromptPairs) -> np.ndarray:
    same: np.ndarray = (pairs.clean_tokens == pairs.corrupted_tokens).all(1)
    return same


def heads_words(heads: Sequence[Head]) -> str:
    """Return "9.9", "9.9 and 9.6" or "9.9, 9.6 and 10.0"; "no head" for none."""
    return listed(list(map(str, heads))) or "no head"


def number(value: float, largest: float = 0.0, nothing: float = NOTHING) -> str:
    """Return a value with its sign, to three significant digits; "≈ 0" where it is nothing, "0" where it is exactly 0.

    Args:
        largest: of the values that stand side by side, all of which are rounded like it.
        nothing: the smallest size that is not nothing on the figure's scale (`app.words.effects`).
    """
    if not np.isfinite(value):
        return "undefined"
    if value == 0:
        return "0"
    size = float(f"{max(abs(value), abs(largest)):.2e}")
    decimals = max(0, 2 - math.floor(math.log10(size)))
    text = f"{value:+.{decimals}f}"
    return "≈ 0" if abs(value) < nothing or not float(text) else text


def fit_words(r: float) -> str:
    """Return what to think of an estimate that correlates so with what it estimates: good, fair or poor."""
    return "good" if r > 0.95 else "fair" if r > 0.8 else "poor"


def threshold(value: float) -> str:
    """Return a limit that was set, not measured: as short as it is."""
    return f"{value:.2g}"


def size(value: float, largest: float = 0.0, nothing: float = NOTHING) -> str:
    """Return the same without a sign, for what has none or whose sign is said in words."""
    return number(abs(value), largest, nothing).removeprefix("+")
