"""What counts as an effect, and which way it goes; every page says "nothing" of the same sizes. No Streamlit here.

Nothing is what is below 1 % of the runs' own logit_diff (of 1 logit, where that is smaller), whatever its unit. A
sentence that claims a sign wants more: the 95 % interval, where there is one, must not hold 0.
"""

import numpy as np

from ioi_core import TwoRunResult, bootstrap_interval
from ioi_core.edges.results import BetweenRuns

_SHARE = 0.01
_CLOSE = 0.1
_SMALLEST = {"prob": 0.1, "prob_diff": 0.1}
"""Metric -> the smallest size of a run that `_SHARE` is taken of; 1 logit or nat for all others."""

NOTHING = _SHARE * min(_SMALLEST.values())
"""What is nothing whatever the metric: no `least_effect` is smaller."""


def least(*sizes: float) -> float:
    """Return the smallest effect in logits that is not nothing, in runs of these mean logit_diffs."""
    return _SHARE * max([1.0, *map(abs, sizes)])


def logits_a_unit(result: TwoRunResult) -> float:
    """Return the logits that 1 in the result's metric stands for.

    It is below 0 for a share of a negative number: where the clean runs score below the corrupted ones, or below 0.
    1 for metrics that are no scale of logit_diff.
    """
    match result.metric:
        case "logit_diff_recovered" | "logit_diff_change":
            return result.clean - result.corrupted
        case "percent_of_clean":
            return result.clean / 100
        case _:
            return 1.0


def least_effect(result: TwoRunResult) -> float:
    """Return the smallest effect that is not nothing, in the result's own metric; infinite where that has no unit."""
    size = max(abs(result.clean), abs(result.corrupted), _SMALLEST.get(result.metric, 1.0))
    unit = abs(logits_a_unit(result))
    return _SHARE * size / unit if unit else float("inf")


def shows(effects: np.ndarray, least: float) -> bool:
    """Return whether any effect is more than nothing; where none is, a page says `not_shown` and draws no noise."""
    return float(np.nanmax(np.abs(effects), initial=0)) >= least


def not_shown(why: str, who: str = "This model does") -> str:
    """Return the sentence that stands in place of a figure of nothing."""
    return f"{who} not show it on these prompts: {why}."


def blown_up(result: TwoRunResult | BetweenRuns, advice: str = "") -> str:
    """Return a sentence where the two runs are so close, or so unsure, that shares of their difference say little.

    Args:
        advice: the sentence's end, from its colon on.
    """
    gap = result.clean - result.corrupted
    unsure = result.gaps is not None and not bool(sure(*bootstrap_interval(gap * result.gaps)))
    if not unsure and abs(gap) >= _CLOSE * max(abs(result.clean), abs(result.corrupted)):
        return ""
    return f" The clean and the corrupted runs hardly differ, so shares of that difference are blown up{advice}."


def sure(low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """Return where a sign is beyond doubt: no interval, as with a single prompt, or one that does not hold 0."""
    return np.logical_not(np.less_equal(low, 0) & np.greater_equal(high, 0))


def clearly_above_0(per_prompt: np.ndarray) -> bool:
    """Return whether a mean logit_diff is more than nothing, and its interval all above 0."""
    mean = float(per_prompt.mean())
    return mean >= least(mean) and bool(sure(*bootstrap_interval(per_prompt)))
