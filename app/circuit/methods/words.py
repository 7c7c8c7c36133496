"""The same heads under several methods, and direct against total effects: sentences and tables. No Streamlit here."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.circuit.backup.numbers import Stage
from app.circuit.members import EVERYWHERE
from app.words.phrases import heads_words, interval, over_prompts, prompts
from ioi_core import Circuit, Head, MethodContrast, PromptResult, bootstrap_interval
from ioi_core.circuit.methods import METHODS

METHOD_WORDS = {
    "zero": "zero ablation: the heads write nothing",
    "mean": "mean ablation: what they write on average over the ABC twins of the same template",
    "resample": "resample ablation: what they write in the prompt's own ABC twin",
    "noising": "noising: activation patching, corrupted into clean",
    "denoising": "denoising: activation patching, clean into corrupted",
}
"""What each method puts in the heads' place, in words."""

_NAMED = 8
_FAR = 0.1  # of the largest effect: heads that are nearer than this to the diagonal and to 0 are not named


@dataclass(frozen=True)
class Change:
    """What one method changes.

    Attributes:
        start: the mean logit_diff it starts from, of the clean run, or of the corrupted one (denoising).
        change: mean over prompts in logits, with its 95 % interval.
        share: of the distance between clean and corrupted run; nan where they coincide.
    """

    method: str
    start: float
    after: float
    change: float
    low: float
    high: float
    share: float

    @property
    def run(self) -> str:
        """Which run it starts from."""
        return "corrupted" if self.method == "denoising" else "clean"


def changes(result: MethodContrast) -> list[Change]:
    """Every method's change."""
    low, high = bootstrap_interval(result.changes)
    gap = result.clean - result.corrupted
    found = []
    for n, method in enumerate(METHODS):
        start = result.corrupted if method == "denoising" else result.clean
        change = float(result.changes[n].mean())
        share = change / gap if abs(gap) > 1e-4 else float("nan")
        found.append(Change(method, start, float(result.values[n]), change, float(low[n]), float(high[n]), share))
    return found


def places_words(circuit: Circuit) -> str:
    """ "9.6 and 9.9 at END": heads that are all ablated at the same place."""
    [role] = circuit.roles
    return f"{heads_words(tuple(circuit))} at {'every position' if role == EVERYWHERE else role}"


def contrast_story(result: MethodContrast, smallest_mean: int) -> str:
    """How far the methods are apart, and what that says here."""
    found = {change.method: change for change in changes(result)}
    over = over_prompts(result.n_prompts)
    noising, denoising = found["noising"], found["denoising"]
    zero, mean = found["zero"].change, found["mean"].change
    said = [
        f"Without {places_words(result.heads)} logit_diff changes by {zero:+.2f} (zero), {mean:+.2f} (mean) or "
        f"{found['resample'].change:+.2f} (resample) from the clean run's {result.clean:+.2f} ({over}).",
        f"Needed? Noising takes {_share(-noising.share)} of the distance to the corrupted run. Enough? Denoising "
        f"brings back {_share(denoising.share)} of it.",
    ]
    largest = max(abs(change.change) for change in found.values())
    if abs(zero - mean) > 0.2 * max(largest, 1e-6):
        said.append(
            f"Zero and mean ablation are {abs(zero - mean):.2f} logits apart: a good part of the zero bar is not the "
            "loss of what the heads tell about this prompt, but of what they always write."
        )
    if smallest_mean == 1:
        said.append("The mean is taken over a single prompt for some template, so mean ablation is resample there.")
    return " ".join(said)


def _share(share: float) -> str:
    return "an undefined share" if np.isnan(share) else f"{100 * share:.0f} %"


def hidden_story(found: list[Stage]) -> str:
    """What direct effects let one expect of zero ablation, and what happens.

    Args:
        found: the stages of a zero ablation of these heads at END.
    """
    before, last = found[0], found[-1]
    return (
        f"Direct effects would make it {last.naive:+.2f} without {heads_words(last.gone)} at END; zero ablation there "
        f"leaves {last.real:+.2f}. The difference of {last.repair:+.2f} is what others do then, and LayerNorm's scale, "
        f"which goes from {before.scale:.2f} to {last.scale:.2f} ({100 * (last.scale / before.scale - 1):+.0f} %)."
    )


def contrast_frame(result: MethodContrast) -> pd.DataFrame:
    """Every method: where it starts, where it ends, and by how much it changes logit_diff."""
    return pd.DataFrame(
        [
            {
                "method": one.method,
                "starts_from": f"{one.run} run",
                "start": one.start,
                "logit_diff": one.after,
                "change": one.change,
                "low_95": one.low,
                "high_95": one.high,
                "share_of_clean_minus_corrupted": one.share,
                "heads": str(result.heads),
                "unit": "logits",
                "prompts": result.n_prompts,
            }
            for one in changes(result)
        ]
    )


def outliers(result: PromptResult) -> list[Head]:
    """The heads to name: those farthest from the diagonal, and the largest direct and total effects."""
    direct, total = result.values
    reach = max(float(np.abs(result.values).max()), 1e-6)
    picked: list[int] = []
    for distance in (np.abs(total - direct), np.abs(direct), np.abs(total)):
        order = np.argsort(-distance, axis=None, kind="stable")[:_NAMED]
        picked += [int(place) for place in order if distance.ravel()[place] > _FAR * reach]
    return [Head(*divmod(place, direct.shape[1])) for place in dict.fromkeys(picked)]


def total_story(result: PromptResult) -> str:
    """The heads whose two effects differ most, in both ways."""
    direct, total = result.values
    gap = total - direct
    reach = max(float(np.abs(result.values).max()), 1e-6)
    said = []
    for sign in (1, -1):
        place = np.unravel_index(int(np.argmax(sign * gap)), gap.shape)
        if sign * gap[place] > _FAR * reach:
            said.append(
                f"Head {place[0]}.{place[1]} {_apart(float(direct[place]), float(total[place]))}: "
                f"direct effect {direct[place]:+.2f}, total {total[place]:+.2f}."
            )
    if not said:
        return "All heads lie near the line: here, what each of them writes itself is what is missed without it."
    low, high = result.interval()
    certain = np.all(~((low < 0) & (high > 0)), axis=0)  # of one prompt there is no interval, and nothing to doubt
    opposite = int((certain & (direct * total < 0) & (np.abs(gap) > _FAR * reach)).sum())
    if opposite:
        said.append(f"For {opposite} head{'s' * (opposite > 1)} the two even have opposite signs.")
    small = int(((np.abs(direct) < 0.05 * reach) & (total > _FAR * reach)).sum())
    if small:
        said.append(f"{small} head{'s' * (small > 1)} with hardly any direct effect would be missed.")
    return f"{' '.join(said)} ({prompts(result.n_prompts)})"


def _apart(direct: float, total: float) -> str:
    """What it means that a head's two effects differ."""
    if abs(total) > abs(direct):
        helps = "does more" if total > 0 else "does more against the answer"
        return f"{helps} by way of others than by what it writes itself"
    if direct > 0:
        return "writes more than is missed without it, since what is left makes up for some of it"
    return "writes more against the answer than its loss helps, since what is left makes up for some of it"


def total_frame(result: PromptResult, classes: dict[Head, str], ablation: str) -> pd.DataFrame:
    """Every head's two effects."""
    low, high = result.interval()
    layer, head = (axis.ravel() for axis in np.indices(result.values.shape[1:]))
    heads = [Head(int(n), int(m)) for n, m in zip(layer, head, strict=True)]
    columns: dict[str, object] = {
        "head": [str(one) for one in heads],
        "class": [classes.get(one, "") for one in heads],
    }
    for n, effect in enumerate(result.axes["effect"]):
        columns |= {
            f"{effect}_effect": result.values[n].ravel(),
            f"{effect}_low_95": low[n].ravel(),
            f"{effect}_high_95": high[n].ravel(),
        }
    return pd.DataFrame(columns).assign(ablation=ablation, unit="logits", prompts=result.n_prompts)


def gap_words(values: np.ndarray, low: np.ndarray, high: np.ndarray, over: str) -> str:
    """What a head's two effects are, for hovering; each argument is of (direct, total)."""
    return ",<br>".join(
        f"{name} effect {values[n]:+.3f} logits ({interval(float(low[n]), float(high[n]), over)})"
        for n, name in enumerate(("direct", "total"))
    )
