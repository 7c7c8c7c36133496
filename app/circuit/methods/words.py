"""Sentences and tables of heads under several methods, and of direct and total effects. No Streamlit here."""

from dataclasses import dataclass

import numpy as np

from app.circuit.backup.numbers import Stage
from app.circuit.members import EVERYWHERE
from app.words.effects import least, not_shown, shows, sure
from app.words.phrases import (
    NO_SHARE,
    capitalised,
    heads_words,
    in_percent,
    interval,
    mean_over,
    number,
    size,
    threshold,
)
from ioi_core import METHODS, Circuit, Head, MethodContrast, PromptResult, bootstrap_interval

METHOD_WORDS = {
    "zero": "zero ablation: the heads write nothing but their value bias",
    "mean": "mean ablation: what they write on average over the twins of the same template",
    "resample": "resample ablation: what they write in the prompt's own twin",
    "noising": "noising: activation patching, the twin's into the clean run",
    "denoising": "denoising: activation patching, the clean prompt's into the twin's run",
}
"""Method -> what it replaces the heads' output by; the page says which twins (`twins_story`)."""


_NAMED = 8


_FAR = 0.1  # of the largest effect: heads that are nearer than this to the diagonal and to 0 are not named


@dataclass(frozen=True)
class Change:
    """The change by one method.

    Attributes:
        run: the run it starts from, "clean run" or "twin's run" (denoising); start: that run's mean logit_diff.
        change: mean over prompts in logits, with its 95 % interval.
        share: of the distance between clean and corrupted run; nan where that is not clearly anything.
    """

    method: str
    run: str
    start: float
    after: float
    change: float
    low: float
    high: float
    share: float


def changes(result: MethodContrast) -> list[Change]:
    """Return every method's change."""
    low, high = bootstrap_interval(result.changes)
    gap = result.clean - result.corrupted
    apart = abs(gap) >= least(result.clean) and sure(
        *bootstrap_interval(result.clean_per_prompt - result.corrupted_per_prompt)
    )
    by_method = []
    for n, method in enumerate(METHODS):
        run, start = ("twin's run", result.corrupted) if method == "denoising" else ("clean run", result.clean)
        after, change = float(result.values[n]), float(result.changes[n].mean())
        share = change / gap if apart else float("nan")
        by_method.append(Change(method, run, start, after, change, float(low[n]), float(high[n]), share))
    return by_method


def heads_at_role(circuit: Circuit) -> str:
    """Return "9.6 and 9.9 at END" for heads that are all ablated at the same role."""
    [role] = circuit.roles
    return f"{heads_words(tuple(circuit))} at {'every position' if role == EVERYWHERE else role}"


def shows_change(result: MethodContrast) -> bool:
    """Return whether any method changes logit_diff to speak of."""
    return shows(result.changes.mean(-1), least(result.clean))


def contrast_story(result: MethodContrast, twin: str) -> str:
    """Say how far apart the methods are, and what that means here; `twin` is what a corrupted prompt is."""
    if not shows_change(result):
        why = f"by none of the methods does logit_diff change by {threshold(least(result.clean))} logits or more"
        return not_shown(why, f"{heads_at_role(result.heads)} {'do' if len(result.heads) > 1 else 'does'}")
    by_method = {change.method: change for change in changes(result)}
    zero, mean, resample = (by_method[method].change for method in ("zero", "mean", "resample"))
    sentences = [
        f"Without these heads logit_diff changes by {number(zero)} (zero), {number(mean)} (mean) or {number(resample)} "
        f"(resample) logits.\nWithout {heads_at_role(result.heads)}, from the clean run's {number(result.clean)} "
        f"({mean_over(result.n_prompts)})."
    ]
    needed, enough = -by_method["noising"].share, by_method["denoising"].share
    if np.isnan([needed, enough]).any():
        sentences.append(
            f"On average the {twin}s score {number(result.corrupted)}, not clearly apart from the clean prompts, so no "
            "share of the way between is given."
        )
    else:
        sentences.append(
            f"Needed? Noising goes {in_percent(needed)} of the way from the clean prompts to their {twin}s. "
            f"Enough? Denoising goes {in_percent(enough)} of the way back."
        )
        if min(needed, enough) <= -NO_SHARE:
            sentences.append("Below 0: away from there.")
    if abs(zero - mean) > max(0.2 * abs(zero), least(result.clean)):
        sentences.append(
            f"Zero and mean ablation are {size(zero - mean)} logits apart: zero ablation also takes away what the "
            "heads write in every prompt of a template."
        )
    return " ".join(sentences)


def hidden_story(before: Stage, last: Stage) -> str:
    """Say what direct effects let one expect of a zero ablation of heads at END, and what it does."""
    return (
        f"Direct effects would make it {number(last.naive)} without these heads at END; zero ablation there leaves "
        f"{number(last.real)}.\nHeads: {heads_words(last.gone)}. The difference of {number(last.repair)} is what "
        f"the rest of the model does then, LayerNorm's scale included, which goes from {size(before.scale)} to "
        f"{size(last.scale)} ({round(100 * (last.scale / before.scale - 1)):+d} %)."
    )


def outliers(result: PromptResult) -> list[Head]:
    """Return the heads to name: those farthest from the diagonal, and the largest direct and total effects."""
    direct, total = result.values
    far = max(_FAR * _largest(result), least())
    picked: list[int] = []
    for distance in (np.abs(total - direct), np.abs(direct), np.abs(total)):
        order = np.argsort(-distance, axis=None, kind="stable")[:_NAMED]
        picked += [int(n) for n in order if distance.ravel()[n] > far]
    return [Head(*divmod(n, direct.shape[1])) for n in dict.fromkeys(picked)]


def _largest(result: PromptResult) -> float:
    return float(np.abs(result.values).max())


def farthest(result: PromptResult) -> Head:
    """Return the head whose two effects differ most, which `total_story` names first."""
    direct, total = result.values
    return Head(*divmod(int(np.abs(total - direct).argmax()), direct.shape[1]))


def total_story(result: PromptResult) -> str:
    """Say which heads' two effects differ most, in both directions."""
    direct, total = result.values
    gap, largest, sample = total - direct, _largest(result), mean_over(result.n_prompts)
    if not shows(result.values, least()):
        nothing = not_shown(f"no head has an effect of {threshold(least())} logits or more, direct or total")
        return f"{nothing}\n{capitalised(sample)}."
    far = max(_FAR * largest, least())
    sentences, named = [], []
    for sign, where in sorted(((1, "above"), (-1, "below")), key=lambda side: -float((side[0] * gap).max())):
        layer, head = (int(n) for n in np.unravel_index(int(np.argmax(sign * gap)), gap.shape))
        if sign * gap[layer, head] > far:
            named.append(Head(layer, head))
            sentences.append(
                f"Farthest {where} the line: head {layer}.{head}, direct effect {number(direct[layer, head])}, total "
                f"{number(total[layer, head])} logits."
            )
    if not sentences:
        return (
            f"All heads lie near the line: what each writes itself is what is lost without it.\n{capitalised(sample)}."
        )
    if last := [head for head in named if head.layer == gap.shape[0] - 1]:
        sentences.append(
            f"No head comes after {heads_words(last)}: the difference is the last MLP's and LayerNorm's scale's."
        )
    low, high = result.interval()
    certain = sure(low, high)  # of one prompt there is no interval, and nothing to doubt
    opposite = int((certain.all(0) & (direct * total < 0) & (np.abs(gap) > far)).sum())
    if opposite:
        sentences.append(f"For {opposite} head{'s' * (opposite > 1)} the two even have opposite signs.")
    small = int((certain[1] & (np.abs(direct) < 0.05 * largest) & (total > far)).sum())
    if small:
        sentences.append(f"{small} head{'s' * (small > 1)} with hardly any direct effect would be missed.")
    answer, *others = sentences
    return f"{answer}\n{' '.join(others)} {capitalised(sample)}."


def effects_text(values: np.ndarray, low: np.ndarray, high: np.ndarray, sample: str) -> str:
    """Return a head's two effects as hover text; each array is of (direct, total)."""
    return ",<br>".join(
        f"{name} effect {number(values[n])} logits ({interval(float(low[n]), float(high[n]), sample)})"
        for n, name in enumerate(("direct", "total"))
    )
