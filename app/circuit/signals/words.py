"""Sentences and tables of token against position, computed from the fit's numbers. No Streamlit here."""

import numpy as np

from app.words.phrases import ends, over_prompts
from ioi_core import SignalFit

NO_NAMES = (
    "This part tells a repeated name from its place in the sentence, so it needs IOI prompts: two people, one of them "
    "named twice. These prompts have no role but END. The other parts of this page work on them."
)

FLIP_WORDS = {
    "ABB": "same token, same place",
    "CDD": "new token, same place",
    "BAA": "other token, same place",
    "BAB": "same token, other place",
    "DCD": "new token, other place",
    "ABA": "other token, other place",
}
"""Flip -> what its S2 tells the heads, against the clean prompt's: which name is repeated, and at whose place."""


Interval = tuple[float, float]


def coefficient_intervals(result: SignalFit) -> tuple[Interval, Interval] | None:
    """Return the 95 % intervals of a of S_pos and b of S_tok in logits; a single prompt has none."""
    if result.n_prompts < 2:
        return None
    (low_pos, low_tok), (high_pos, high_tok) = np.quantile(result.coefficient_draws(), [0.025, 0.975], axis=0).tolist()
    return (low_pos, high_pos), (low_tok, high_tok)


def fit_story(result: SignalFit) -> str:
    """Say what the heads go by, and how well two signals that add up describe it."""
    position, token = result.coefficients
    sample, sure = over_prompts(result.n_prompts), ""
    if intervals := coefficient_intervals(result):
        sure = "; 95 % intervals: S_pos {}, S_tok {}".format(*(ends(*bounds) for bounds in intervals))
    formula = f"logit_diff = {position:+.2f} S_pos {'+' if token >= 0 else '-'} {abs(token):.2f} S_tok"
    return f"{formula} ({sample}{sure}). {_stronger_signal(abs(position), abs(token))} {_error_words(result)}"


def _stronger_signal(position: float, token: float) -> str:
    """Say which of the two signals is the stronger one, and by how much."""
    larger, smaller = max(position, token), min(position, token)
    if larger < 1e-3:
        return "These heads tell neither the token nor the place."
    first, second = ("place", "token") if position > token else ("token", "place")
    if smaller < 0.1 * larger:
        return f"These heads tell which {first} is repeated, and next to nothing about the {second}."
    return f"Both count: the {first} {larger / smaller:.1f} times as much as the {second}."


def _error_words(result: SignalFit) -> str:
    error, share = result.mean_error, result.relative_error
    text = f"The formula is off by {error:.2f} logits on average over the six"
    if np.isnan(share):
        return f"{text}; the clean logit_diff is 0, so there is no share of it."
    text += f", {100 * share:.0f} % of the clean run's {result.values[0]:+.2f}"
    if share > 0.2:
        return f"{text}: these heads' signals do not simply add up, and the diamonds are not to be relied on."
    return f"{text}: so the two signals nearly add up."
