"""Token against position in sentences and tables, computed from the fit's numbers. No Streamlit here."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.words.phrases import ends, over_prompts
from ioi_core import PromptPairs, SignalFit
from ioi_core.circuit.signals import SIGNALS

FLIP_WORDS = {
    "ABB": "same token, same place",
    "CDD": "new token, same place",
    "BAA": "other token, same place",
    "BAB": "same token, other place",
    "DCD": "new token, other place",
    "ABA": "other token, other place",
}
"""What a flip's S2 tells the heads, against the clean prompt's: which name is repeated, and at whose place it stood."""


@dataclass(frozen=True)
class Coefficients:
    """a of S_pos and b of S_tok in logits, each with its 95 % interval (nan for a single prompt)."""

    position: float
    position_interval: tuple[float, float]
    token: float
    token_interval: tuple[float, float]


def coefficients(result: SignalFit) -> Coefficients:
    """The fit's two numbers and how sure they are."""
    position, token = result.coefficients
    if result.n_prompts < 2:
        unknown = (float("nan"), float("nan"))
        return Coefficients(position, unknown, token, unknown)
    low, high = np.quantile(result.coefficient_draws(), [0.025, 0.975], axis=0)
    return Coefficients(position, (float(low[0]), float(high[0])), token, (float(low[1]), float(high[1])))


def fit_story(result: SignalFit, found: Coefficients) -> str:
    """What the heads tell by, and how well two signals that add up describe it."""
    over = over_prompts(result.n_prompts)
    said = (
        f"logit_diff = {found.position:+.2f} S_pos {_then(found.token)} S_tok"
        f" ({over}{_intervals(found)}). {_which(found)}"
    )
    return f"{said} {_error_words(result)}"


def _intervals(found: Coefficients) -> str:
    """Both intervals; nothing with a single prompt."""
    if np.isnan(found.token_interval[0]):
        return ""
    return f"; 95 % intervals: S_pos {ends(*found.position_interval)}, S_tok {ends(*found.token_interval)}"


def _then(value: float) -> str:
    return f"{'+' if value >= 0 else '-'} {abs(value):.2f}"


def _which(found: Coefficients) -> str:
    """Which of the two signals is the stronger one, and by how much."""
    position, token = abs(found.position), abs(found.token)
    larger, smaller = max(position, token), min(position, token)
    if larger < 1e-3:
        return "These heads tell neither the token nor the place."
    one, other = ("place", "token") if position > token else ("token", "place")
    if smaller < 0.1 * larger:
        return f"These heads tell which {one} is repeated, and next to nothing about the {other}."
    return f"Both count: the {one} {larger / smaller:.1f} times as much as the {other}."


def _error_words(result: SignalFit) -> str:
    error, share = result.mean_error, result.relative_error
    said = f"The formula is off by {error:.2f} logits on average over the six"
    if np.isnan(share):
        return f"{said}; the clean logit_diff is 0, so there is no share of it."
    said += f", {100 * share:.0f} % of the clean run's {result.values[0]:+.2f}"
    if share > 0.2:
        return f"{said}: these heads' signals do not simply add up, and the diamonds are not to be relied on."
    return f"{said}: so the two signals nearly add up."


def flips_frame(result: SignalFit) -> pd.DataFrame:
    """Every flip: its signals, what was measured and what the formula says."""
    low, high = result.interval()
    return pd.DataFrame(
        {
            "flip": list(SIGNALS),
            "meaning": [FLIP_WORDS[flip] for flip in SIGNALS],
            "S_pos": [position for position, _ in SIGNALS.values()],
            "S_tok": [token for _, token in SIGNALS.values()],
            "logit_diff": result.values,
            "low_95": low,
            "high_95": high,
            "fit": result.fitted,
            "coefficient_S_pos": result.coefficients[0],
            "coefficient_S_tok": result.coefficients[1],
            "heads": " ".join(map(str, result.heads)),
            "unit": "logits",
            "prompts": result.n_prompts,
        }
    )


def examples_frame(flips: Mapping[str, PromptPairs], row: int) -> pd.DataFrame:
    """One prompt's six variants."""
    return pd.DataFrame(
        {
            "flip": list(SIGNALS),
            "S2 tells": [FLIP_WORDS[flip] for flip in SIGNALS],
            "S_pos": [position for position, _ in SIGNALS.values()],
            "S_tok": [token for _, token in SIGNALS.values()],
            "the variant of the prompt shown": [flips[flip].corrupted_text[row] for flip in SIGNALS],
        }
    )
