"""Sentences and tables of token against position, computed from the fit's numbers. No Streamlit here."""

import numpy as np

from app.words.effects import least, not_shown, shows, sure
from app.words.phrases import capitalised, ends, in_percent, mean_over, number, size, threshold
from ioi_core import SignalFit

NO_NAMES = (
    "This part tells a repeated name from its position in the sentence, so it needs IOI prompts: two people, one of "
    "them named twice. These prompts have no role but END. The other parts of this page work on them."
)

FLIP_WORDS = {
    "ABB": "same token, same position",
    "CDD": "new token, same position",
    "BAA": "other token, same position",
    "BAB": "same token, other position",
    "DCD": "new token, other position",
    "ABA": "other token, other position",
}
"""Flip -> what its S2 tells the heads, against the clean prompt's: which name is repeated, and at whose position."""


_GOOD = 0.2  # of the clean logit_diff: an error up to which the two signals are said to add up

Interval = tuple[float, float]


def coefficient_intervals(result: SignalFit) -> tuple[Interval, Interval] | None:
    """Return the 95 % intervals of a of S_pos and b of S_tok in logits; a single prompt has none."""
    if result.n_prompts < 2:
        return None
    (low_pos, low_tok), (high_pos, high_tok) = np.quantile(result.coefficient_draws(), [0.025, 0.975], axis=0).tolist()
    return (low_pos, high_pos), (low_tok, high_tok)


def shows_signal(result: SignalFit) -> bool:
    """Return whether any variant changes logit_diff to speak of."""
    clean = float(result.values[0])
    return shows(np.array([*result.coefficients, *(result.values - clean)]), least(clean))


def fit_story(result: SignalFit) -> str:
    """Say what the heads go by, and how well two signals that add up describe it."""
    position, token = result.coefficients
    clean, sample, intervals = float(result.values[0]), mean_over(result.n_prompts), coefficient_intervals(result)
    nothing = threshold(least(clean))
    if not shows_signal(result):
        why = f"no variant changes logit_diff by {nothing} logits or more"
        return f"{not_shown(why, 'These heads do')}\n{capitalised(sample)}."
    if not shows(np.array([position, token]), least(clean)):
        return (
            "These heads signal neither the token nor the position: variants change logit_diff, but neither signal by "
            f"{nothing} logits or more.\n{capitalised(sample)}."
        )
    bounds = "; 95 % intervals: S_pos {}, S_tok {}".format(*(ends(*one) for one in intervals)) if intervals else ""
    largest = max(abs(position), abs(token))
    signs = "-" if position < 0 else "", "+" if token >= 0 else "-"
    formula = f"logit_diff = {signs[0]}{size(position, largest)} S_pos {signs[1]} {size(token, largest)} S_tok"
    answer = _stronger_signal(result) or "What these heads tell is no sum of the two signals."
    return f"{answer}\n{formula} ({sample}{bounds}). {_error_words(result)}"


def _stronger_signal(result: SignalFit) -> str:
    """Say which of the two signals is the stronger one, and by how much; "" where they do not add up."""
    if not result.relative_error <= _GOOD:
        return ""
    sizes = dict(zip(("position", "token"), map(abs, result.coefficients), strict=True))
    first, second = sorted(sizes, key=sizes.__getitem__, reverse=True)
    weak = dict(zip(sizes, coefficient_intervals(result) or [(np.nan, np.nan)] * 2, strict=True))[second]
    if sizes[second] < 0.1 * sizes[first]:
        return f"These heads tell which {first} is repeated, and next to nothing about the {second}."
    if not sure(*weak):
        return f"These heads tell which {first} is repeated; whether also the {second} is uncertain."
    return f"Both count: the {first} {size(sizes[first] / sizes[second])} times as much as the {second}."


def _error_words(result: SignalFit) -> str:
    error, share = result.mean_error, result.relative_error
    text = f"The formula is off by {size(error)} logits on average over the six"
    if np.isnan(share):
        return f"{text}; the clean logit_diff is 0, so there is no share of it."
    text += f", {in_percent(share)} of the clean run's {number(float(result.values[0]))}"
    if share > _GOOD:
        return f"{text}: these heads' signals do not simply add up, and the diamonds are not to be relied on."
    return f"{text}: so the two signals nearly add up."


def letters(flip: str, *, io_first: bool) -> str:
    """Return a flip's names as they stand in the sentence, A for IO and B for S: its code, which is of IO first."""
    return flip if io_first else flip[1] + flip[0] + flip[2]
