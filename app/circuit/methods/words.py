"""Sentences and tables of heads under several methods, and of direct and total effects. No Streamlit here."""

from dataclasses import dataclass

import numpy as np

from app.circuit.backup.numbers import Stage
from app.circuit.members import EVERYWHERE
from app.words.phrases import heads_words, interval, over_prompts, prompts
from ioi_core import METHODS, Circuit, Head, MethodContrast, PromptResult, bootstrap_interval

METHOD_WORDS = {
    "zero": "zero ablation: the heads write nothing",
    "mean": "mean ablation: what they write on average over the ABC twins of the same template",
    "resample": "resample ablation: what they write in the prompt's own ABC twin",
    "noising": "noising: activation patching, corrupted into clean",
    "denoising": "denoising: activation patching, clean into corrupted",
}
"""Method -> what it replaces the heads' output by."""


_NAMED = 8


_FAR = 0.1  # of the largest effect: heads that are nearer than this to the diagonal and to 0 are not named


@dataclass(frozen=True)
class Change:
    """The change by one method.

    Attributes:
        run: the run it starts from, "clean run" or "corrupted run" (denoising); start: that run's mean logit_diff.
        change: mean over prompts in logits, with its 95 % interval.
        share: of the distance between clean and corrupted run; nan where they coincide.
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
    by_method = []
    for n, method in enumerate(METHODS):
        run, start = ("corrupted run", result.corrupted) if method == "denoising" else ("clean run", result.clean)
        after, change = float(result.values[n]), float(result.changes[n].mean())
        share = change / gap if abs(gap) > 1e-4 else float("nan")
        by_method.append(Change(method, run, start, after, change, float(low[n]), float(high[n]), share))
    return by_method


def heads_at_role(circuit: Circuit) -> str:
    """Return "9.6 and 9.9 at END" for heads that are all ablated at the same role."""
    [role] = circuit.roles
    return f"{heads_words(tuple(circuit))} at {'every position' if role == EVERYWHERE else role}"


def contrast_story(result: MethodContrast, smallest_mean: int) -> str:
    """Say how far apart the methods are, and what that means here."""
    by_method = {change.method: change for change in changes(result)}
    zero, mean, resample = (by_method[method].change for method in ("zero", "mean", "resample"))
    sentences = [
        f"Without {heads_at_role(result.heads)} logit_diff changes by {zero:+.2f} (zero), {mean:+.2f} (mean) or "
        f"{resample:+.2f} (resample) from the clean run's {result.clean:+.2f} ({over_prompts(result.n_prompts)}).",
        f"Needed? Noising takes {_share(-by_method['noising'].share)} of the distance to the corrupted run. Enough? "
        f"Denoising brings back {_share(by_method['denoising'].share)} of it.",
    ]
    largest = max(abs(change.change) for change in by_method.values())
    if abs(zero - mean) > 0.2 * max(largest, 1e-6):
        sentences.append(
            f"Zero and mean ablation are {abs(zero - mean):.2f} logits apart: a good part of the zero bar is not the "
            "loss of what the heads tell about this prompt, but of what they always write."
        )
    if smallest_mean == 1:
        sentences.append(
            "The mean is taken over a single prompt for some template, so mean ablation is resample there."
        )
    return " ".join(sentences)


def _share(share: float) -> str:
    return "an undefined share" if np.isnan(share) else f"{100 * share:.0f} %"


def hidden_story(before: Stage, last: Stage) -> str:
    """Say what direct effects let one expect of a zero ablation of heads at END, and what it does."""
    return (
        f"Direct effects would make it {last.naive:+.2f} without {heads_words(last.gone)} at END; zero ablation there "
        f"leaves {last.real:+.2f}. The difference of {last.repair:+.2f} is what others do then, and LayerNorm's scale, "
        f"which goes from {before.scale:.2f} to {last.scale:.2f} ({100 * (last.scale / before.scale - 1):+.0f} %)."
    )


def outliers(result: PromptResult) -> list[Head]:
    """Return the heads to name: those farthest from the diagonal, and the largest direct and total effects."""
    direct, total = result.values
    far = _FAR * _largest(result)
    picked: list[int] = []
    for distance in (np.abs(total - direct), np.abs(direct), np.abs(total)):
        order = np.argsort(-distance, axis=None, kind="stable")[:_NAMED]
        picked += [int(n) for n in order if distance.ravel()[n] > far]
    return [Head(*divmod(n, direct.shape[1])) for n in dict.fromkeys(picked)]


def _largest(result: PromptResult) -> float:
    return max(float(np.abs(result.values).max()), 1e-6)


def total_story(result: PromptResult) -> str:
    """Say which heads' two effects differ most, in both directions."""
    direct, total = result.values
    gap, largest = total - direct, _largest(result)
    sentences = []
    for sign in (1, -1):
        head = np.unravel_index(int(np.argmax(sign * gap)), gap.shape)
        if sign * gap[head] > _FAR * largest:
            sentences.append(
                f"Head {head[0]}.{head[1]} {_meaning_of_gap(float(direct[head]), float(total[head]))}: "
                f"direct effect {direct[head]:+.2f}, total {total[head]:+.2f}."
            )
    if not sentences:
        return "All heads lie near the line: here, what each of them writes itself is what is missed without it."
    low, high = result.interval()
    certain = np.all(~((low < 0) & (high > 0)), axis=0)  # of one prompt there is no interval, and nothing to doubt
    opposite = int((certain & (direct * total < 0) & (np.abs(gap) > _FAR * largest)).sum())
    if opposite:
        sentences.append(f"For {opposite} head{'s' * (opposite > 1)} the two even have opposite signs.")
    small = int(((np.abs(direct) < 0.05 * largest) & (total > _FAR * largest)).sum())
    if small:
        sentences.append(f"{small} head{'s' * (small > 1)} with hardly any direct effect would be missed.")
    return f"{' '.join(sentences)} ({prompts(result.n_prompts)})"


def _meaning_of_gap(direct: float, total: float) -> str:
    """Say what it means that a head's two effects differ."""
    if abs(total) > abs(direct):
        helps = "does more" if total > 0 else "does more against the answer"
        return f"{helps} by way of others than by what it writes itself"
    if direct > 0:
        return "writes more than is missed without it, since what is left makes up for some of it"
    return "writes more against the answer than its loss helps, since what is left makes up for some of it"


def effects_text(values: np.ndarray, low: np.ndarray, high: np.ndarray, sample: str) -> str:
    """Return a head's two effects as hover text; each array is of (direct, total)."""
    return ",<br>".join(
        f"{name} effect {values[n]:+.3f} logits ({interval(float(low[n]), float(high[n]), sample)})"
        for n, name in enumerate(("direct", "total"))
    )
