"""Sentences about a broken circuit, computed from its numbers. No Streamlit here."""

from collections.abc import Sequence
from operator import attrgetter

import numpy as np

from app.circuit.breaking.numbers import Broken, TemplateFaithfulness, minimality_order, no_share
from app.circuit.members import member_words, place_words
from app.words.effects import clearly_above_0, least, not_shown, shows, sure
from app.words.phrases import (
    capitalised,
    in_percent,
    interval_in_percent,
    mean_over,
    number,
    prompts,
    size,
    threshold,
)
from ioi_core import Circuit, CircuitEvaluation, Completeness, Minimality

_MATTERS = 0.01  # of F(M): less is nothing
_SHOWN = 3


NO_CLASSES = (
    "These prompts have no role but END, the last token: a circuit keeps heads at END or at every position. The roles "
    "of names, the paper's circuit and the classes of heads are about IOI prompts and are left out here."
)

PLACES_LEGEND = (
    "Each column is a place: heads kept at END, or at every position. No lines are drawn: which of these heads act on "
    "each other is measured on Path patching."
)


def too_many_everywhere(n: int, most: int) -> str:
    """Say why there is no minimality of heads kept at every position."""
    return (
        f"Minimality is not computed here: {n} heads are kept at every position, each of them takes two runs of nearly "
        f"the whole model, and at most {most} are tried."
    )


def graph_legend(*, published: bool) -> str:
    """Say what the lines of the circuit's graph are."""
    source = "Lines join classes as the paper's circuit does; in this model they are not measured (see Path patching)."
    if published:
        source = "Lines join classes as figure 2 of the paper does."
    return f"{source} Dotted: a head at one of its ends is off."


def size_words(circuit: Circuit) -> str:
    """Return "11 heads", or "11 heads at 12 places" where some are kept at several roles."""
    heads, members = len(circuit), len(circuit.members)
    text = f"{heads} head{'' if heads == 1 else 's'}" if heads else "no head"
    return text if members == heads else f"{text} at {members} places"


def faithfulness_words(result: CircuitEvaluation) -> str:
    """Say what F(C) / F(M) is, with its interval, or why there is none."""
    if reason := no_share(result):
        return f"There is no faithfulness here: {reason}."
    low, high = result.faithfulness_interval()
    return f"Faithfulness is {in_percent(result.faithfulness)}{interval_in_percent(low, high)}."


def shows_levels(broken: Broken) -> bool:
    """Return whether the model or the circuit, whole or broken, prefers either answer to speak of."""
    now, both = broken.now, broken.completeness
    runs = [now.logit_diff, now.model_logit_diff, broken.before.logit_diff, float(both.model_values)]
    return shows(np.array(runs), least())


def broken_story(broken: Broken, circuit: Circuit, off: Circuit) -> str:
    """Say what the circuit does, what was switched off, and whether the model misses it as much."""
    now, before = broken.now, broken.before
    if not shows_levels(broken):
        return not_shown(f"neither the whole model nor the circuit has a logit_diff of {threshold(least())} or more")
    sentences = [
        f"{size_words(circuit.without(off)).capitalize()} on: logit_diff is {number(now.logit_diff)} against "
        f"{number(now.model_logit_diff)} in the whole model.\n{capitalised(mean_over(now.n_prompts))}. "
        f"{faithfulness_words(now)}"
    ]
    low, high = (bound - 1 for bound in now.faithfulness_interval())
    if not no_share(now) and now.faithfulness > 1.005 and sure(low, high):
        sentences.append("More than 100 %: ablating everything outside the circuit raises logit_diff.")
    if not off:
        return " ".join(sentences)
    model_before, model_now = now.model_logit_diff, float(broken.completeness.model_values)
    sentences.append(
        f"Without what you switched off ({size_words(off)}) the circuit goes from {number(before.logit_diff)} to "
        f"{number(now.logit_diff)}, the whole model from {number(model_before)} to {number(model_now)}: the two now "
        f"differ by {size(float(broken.completeness.incompleteness))} logits (0 for a complete circuit)."
    )
    circuit_loss, model_loss = before.logit_diff - now.logit_diff, model_before - model_now
    if circuit_loss > max(0.1 * abs(model_before), least(model_before)) and model_loss < circuit_loss / 2:
        sentences.append(
            "The model loses less than half as much as the circuit: there something else makes up for it, or did the "
            "same work all along."
        )
    return " ".join(sentences)


WHOLE_MODEL = "This is the whole model: every head is on, so there is no circuit yet to compare it with"
"""Where a circuit is no part of the model, and every comparison of the two is true of itself."""


def circuit_story(broken: Broken, circuit: Circuit, off: Circuit, *, is_whole: bool) -> str:
    """Say how much of the whole model's logit_diff the circuit keeps, and the whole model without the same heads."""
    now = broken.now
    if is_whole:
        return f"{WHOLE_MODEL}. Switch heads off and watch."
    model, without = now.model_logit_diff, float(broken.completeness.model_values)
    if no_share(now):
        return f"The circuit's logit_diff is {number(now.logit_diff)}, the whole model's {number(model)}."
    some = f"{size_words(circuit).capitalize()} {'keep' if len(circuit) > 1 else 'keeps'}"
    all_on = some if circuit else "Without any head the model keeps"
    who = f"With {size_words(off)} off, the circuit keeps" if off else all_on
    kept = f"{who} {in_percent(now.faithfulness)} of the whole model's logit_diff"
    if not clearly_above_0(now.model_per_prompt - now.per_prompt[2]):
        nothing = in_percent(now.empty_logit_diff / model)
        return f"{kept}{f', no head at all {nothing}' * bool(circuit)}: choose prompts that need the heads."
    return f"{kept}; the whole model itself keeps {in_percent(without / model)}." if off else f"{kept}."


def template_story(templates: Sequence[TemplateFaithfulness], overall: float) -> str:
    """Say how far apart the templates are, and why that matters."""
    defined = [template for template in templates if np.isfinite(template.value)]
    if len(templates) < 2:
        return "With one template there is nothing to compare: choose generated prompts to see how much it varies."
    missing = [template.name for template in templates if not np.isfinite(template.value)]
    undefined = ""
    if missing:
        undefined = f" Undefined, for the whole model is not clearly above 0 there: {', '.join(missing[:_SHOWN])}."
    if len(defined) < 2:
        return f"There is nothing to compare.{undefined}"
    low, high = min(defined, key=attrgetter("value")), max(defined, key=attrgetter("value"))
    if high.value - low.value < _MATTERS:
        return f"It is the same within 1 %: {in_percent(overall)} over all.{undefined}"
    text = (
        f"From {in_percent(low.value)} in {low.name} to {in_percent(high.value)} in {high.name}; "
        f"{in_percent(overall)} over all."
    )
    text += "\n"
    if low.value < 1 < high.value:
        text += "Templates above and below the whole model cancel out in that. "
    return f"{text}Other prompts would give another figure.{undefined}"


def set_words(sets: Completeness, n: int) -> str:
    """Return one of several K as a sentence says it."""
    name, kind = sets.axes["set"][n], sets.kinds[n]
    if kind == "class":
        return f"everything {place_words(name.removeprefix('at '))}" if name.startswith("at ") else f"every {name} head"
    return "nothing" if kind == "empty" else f"{kind} set {name.split()[-1]}"


def completeness_story(sets: Completeness) -> str:
    """Say how far from complete the circuit is, and by which K that shows most."""
    worst, typical = int(sets.incompleteness.argmax()), float(np.median(sets.incompleteness))
    circuit, model = float(sets.circuit_values[worst]), float(sets.model_values[worst])
    if abs(circuit - model) < least(sets.model_logit_diff):
        return (
            f"Circuit and model do the same without any of these {len(sets.kinds)} sets, within "
            f"{threshold(least(sets.model_logit_diff))} logits ({mean_over(sets.n_prompts)})."
        )
    ahead = "the model has more: heads outside the circuit raise logit_diff"
    if circuit > model:
        ahead = "the circuit has more: heads outside it lower logit_diff"
    return (
        f"For half of these {len(sets.kinds)} sets circuit and model differ by at least {size(typical)} logits.\nThey "
        f"are furthest apart without {set_words(sets, worst)} ({sets.removed[worst]}): {number(circuit)} against "
        f"{number(model)}; {ahead} ({mean_over(sets.n_prompts)})."
    )


def minimality_story(result: Minimality, *, is_claimed: bool) -> str:
    """Say which members count most, and which could be left out.

    Args:
        is_claimed: they are a circuit, not the whole model or what is left while heads are off: it can be minimal.
    """
    if reason := no_share(result):
        return f"There is no minimality here: {reason}."
    order, scores = minimality_order(result), result.signed_scores
    strong = [n for n in order if abs(scores[n]) >= _MATTERS]
    if not strong:
        return f"None of the {len(order)} changes as much as 1 % of F(M)."
    text = f"Most changes with {_with_scores(result, strong)}.\n"
    low, high = result.signed_scores_interval()
    if below := [n for n in strong if scores[n] < 0 and sure(low[n], high[n])]:
        text += f"Below 0, logit_diff rises without that member: {_with_scores(result, below)}. "
    weak = [member_words(result.members[n]) for n in order if abs(scores[n]) < _MATTERS]
    if weak:
        some = ", ".join(weak[:_SHOWN]) + (" and others" if len(weak) > _SHOWN else "")
        verdict = ": the circuit is not minimal" * is_claimed
        return f"{text}{len(weak)} of {len(order)} change less than 1 % of F(M) ({some}){verdict}."
    return f"{text}Each of the {len(order)} changes at least 1 % of F(M)."


def _with_scores(result: Minimality, members: Sequence[int]) -> str:
    scores = result.signed_scores
    return ", ".join(
        f"{member_words(result.members[n])} ({'' if scores[n] < 0 else '+'}{in_percent(float(scores[n]))})"
        for n in members[:_SHOWN]
    )


def differing_words(circuits: Sequence[Circuit], names: tuple[str, str]) -> str:
    """Say which members only one of two circuits has."""
    sentences = []
    for name, here, there in zip(names, circuits, circuits[::-1], strict=True):
        only = [member_words(member) for member in here.members if member not in set(there.members)]
        if only:
            some = ", ".join(only[:12]) + (f" and {len(only) - 12} more" if len(only) > 12 else "")
            sentences.append(f"Only in {name}: {some}.")
    return " ".join(sentences) or "Both have the same members."


def compare_story(results: Sequence[CircuitEvaluation], names: tuple[str, str]) -> str:
    """Say what F(C) and the faithfulness of two circuits are, and on how many prompts the first is ahead."""
    sentences = [
        f"{name[0].upper()}{name[1:]}: logit_diff {number(result.logit_diff)}. {faithfulness_words(result)}"
        for name, result in zip(names, results, strict=True)
    ]
    change = results[0].per_prompt[0] - results[1].per_prompt[0]
    ahead = f"The first is ahead in {int((change > 0).sum())} of {prompts(len(change))}"
    if not change.any():
        ahead = "Both do the same in every prompt"
    return f"{ahead}.\n{' '.join(sentences)}"
