"""Which heads to look at first: all heads, ranked by one of several measures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import ioi_core
from app.questions.ask import ask
from app.questions.compute import compute
from app.questions.measures import patching_request
from app.words.phrases import over_prompts, signed
from ioi_core import Head, Model, PromptPairs

MEASURES = {
    "direct effect": "what the head itself writes towards IO rather than S, in logits",
    "patching": "share of logit_diff that comes back when its clean output is put into the corrupted run",
    "previous-token score": "attention to the token before, on random repeated tokens",
    "duplicate-token score": "attention to the same token earlier on, on random repeated tokens",
    "induction score": "attention to what followed the same token earlier on, on random repeated tokens",
}
"""What heads can be ranked by, in words."""


_SCORES = {
    "previous-token score": "previous_token",
    "duplicate-token score": "duplicate_token",
    "induction score": "induction",
}


@dataclass(frozen=True)
class Ranking:
    """A number for each head.

    Attributes:
        measure: one of `MEASURES`.
        values: [layer head].
        unit: of the values.
        over: what they were taken from.
        undefined: why there is no ranking, if there is none.
    """

    measure: str
    values: np.ndarray
    unit: str
    over: str
    undefined: str | None = None

    def top(self, n: int) -> list[Head]:
        """The heads with the largest values, whatever their sign."""
        order = np.argsort(-np.abs(self.values), axis=None, kind="stable")[:n]
        return [Head(*divmod(int(place), self.values.shape[1])) for place in order]

    def story(self, heads: Sequence[Head]) -> str:
        """These heads with their values."""
        reach = float(np.abs(self.values).max())
        values = [self.values[head.layer, head.head] for head in heads]
        said = ", ".join(
            f"{head} {signed(value, reach) if (self.values < 0).any() else f'{value:.2f}'}"
            for head, value in zip(heads, values, strict=True)
        )
        strongest = f"the {len(heads)} strongest" if len(heads) > 1 else "the strongest"
        return f"By {self.measure}, {strongest} of {self.values.size} heads: {said} {self.unit} ({self.over})."


def ranking(model: Model, pairs: PromptPairs, measure: str) -> Ranking:
    """Rank all heads on all prompts."""
    over = over_prompts(len(pairs))
    if measure == "patching":
        patched = compute(model, patching_request(pairs))
        return Ranking(measure, patched.effects.mean(-1), "of logit_diff recovered", over, patched.undefined)
    if measure in _SCORES:
        scores = compute(model, ask(ioi_core.head_scores))
        values = scores.at(score=_SCORES[measure]).values
        return Ranking(measure, values, "of attention", f"mean over {scores.n_prompts} random sequences")
    direct = compute(model, ask(ioi_core.attribute_heads, pairs=pairs))
    return Ranking(measure, direct.values, "logits", over)
