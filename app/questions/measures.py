"""What can be said of every head in one number: scores and effects, each with every head's rank. No Streamlit here."""

from dataclasses import dataclass

import numpy as np

import ioi_core
from app.questions.ask import Request, ask
from app.words.phrases import number, over_prompts
from ioi_core import (
    CopyScores,
    Direction,
    Head,
    HeadAttribution,
    PatchResult,
    PromptPairs,
    PromptResult,
    bootstrap_interval,
)
from ioi_core.vocabulary import ALL

_ON_RANDOM_TOKENS = {
    "previous_token": ("previous-token score", "attention to the token before, on random tokens that repeat"),
    "duplicate_token": ("duplicate-token score", "attention to the same token earlier on, on random tokens"),
    "induction": ("induction score", "attention to what followed the same token earlier on, on random tokens"),
}


_COPYING = {
    "positive": ("positive copy score", "share of names that it would write when it looks at them"),
    "negative": ("negative copy score", "share of names that it would write against when it looks at them"),
}


_LOOKS = (("END", "IO"), ("END", "S1"), ("END", "S2"), ("S2", "S1"), ("S2", "S1+1"), ("S1+1", "S1"))


@dataclass(frozen=True)
class Measure:
    """A number for each head.

    Attributes:
        name, meaning: in words.
        unit: of the values.
        over: what they are means of.
        per_prompt: [layer head batch] what they are means of: prompts, or random sequences; None for copy scores, which
            are counted over a list of names. gaps: by what a resampled mean must be divided (`PatchResult`).
        values: [layer head]; nan where undefined.
        signed: values go both ways, and heads are ranked by size.
        undefined: why values are nan, if they are.
        by_template: means over prompts, which have templates.
    """

    name: str
    meaning: str
    unit: str
    over: str
    values: np.ndarray
    signed: bool = False
    undefined: str | None = None
    per_prompt: np.ndarray | None = None
    gaps: np.ndarray | None = None
    by_template: bool = False

    def interval(self, head: Head | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The 95 % intervals of one head or [layer head] of all; nan where there is none."""
        place = (head.layer, head.head) if head else ...
        if self.per_prompt is None:
            return np.full_like(self.values[place], np.nan), np.full_like(self.values[place], np.nan)
        return bootstrap_interval(self.per_prompt[place], gaps=self.gaps)

    def of(self, head: Head) -> float:
        """A head's value."""
        return float(self.values[head.layer, head.head])

    def rank(self, head: Head) -> int | None:
        """How many heads are ahead, and one; None where the value is undefined."""
        sizes = np.abs(self.values) if self.signed else self.values
        own = sizes[head.layer, head.head]
        return None if np.isnan(own) else int((sizes > own).sum()) + 1

    def said(self, head: Head) -> str:
        """A head's value as text."""
        value = self.of(head)
        return "undefined" if np.isnan(value) else number(value) if self.signed else f"{value:.2f}"


def patching_request(
    pairs: PromptPairs, site: str = "z", direction: Direction = Direction.DENOISING, positions: str = ALL
) -> Request[PatchResult]:
    """Every head's output, or another of its activations, patched: shares of logit_diff."""
    return ask(
        ioi_core.patch_activations, pairs=pairs, site=site, direction=direction, positions=positions,
        metric="logit_diff_recovered",
    )  # fmt: skip


def measure_requests(
    pairs: PromptPairs,
) -> tuple[Request[HeadAttribution], Request[PatchResult], Request[PromptResult], Request[CopyScores]]:
    """What `measures` reads, in its order."""
    return (
        ask(ioi_core.attribute_heads, pairs=pairs),
        patching_request(pairs),
        ask(ioi_core.head_scores),
        ask(ioi_core.copy_scores),
    )


def measures(direct: PromptResult, patched: PatchResult, scores: PromptResult, copying: CopyScores) -> list[Measure]:
    """Effects on these prompts, and scores that need no prompts."""
    over = over_prompts(direct.n_prompts)
    effects = [
        Measure(
            "direct effect", "what its own output at END adds to logit_diff", "logits", over, direct.values, True,
            per_prompt=direct.per_prompt, by_template=True,
        ),
        Measure(
            "patching effect", "share of logit_diff that comes back with its clean output in the corrupted run",
            "share", over, patched.effects.mean(-1), True, patched.undefined, patched.effects, patched.gaps, True,
        ),
    ]  # fmt: skip
    sequences = f"mean over {scores.n_prompts} random sequences"
    attention = [
        Measure(name, meaning, "attention", sequences, found.values, per_prompt=found.per_prompt)
        for score, (name, meaning) in _ON_RANDOM_TOKENS.items()
        for found in [scores.at(score=score)]
    ]
    names = f"of {copying.n_prompts} names"
    return effects + attention + [
        Measure(name, meaning, "share of names", names, copying.at(sign=sign).values)
        for sign, (name, meaning) in _COPYING.items()
    ]  # fmt: skip


def look_measures(attention: PromptResult) -> list[Measure]:
    """Attention between the roles that rules of roles are about, as far as the prompts have them."""
    roles, over = attention.axes["query_role"], over_prompts(attention.n_prompts)
    return [
        Measure(
            f"{query} to {key}", f"attention from {query} to {key}, clean prompts", "attention", over,
            found.values, per_prompt=found.per_prompt, by_template=True,
        )
        for query, key in _LOOKS if query in roles and key in roles
        for found in [attention.at(query_role=query, key_role=key)]
    ]  # fmt: skip
