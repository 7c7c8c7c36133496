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

MEANINGS = {
    "direct effect": "what its own output at END adds to logit_diff",
    "patching effect": "share of logit_diff that comes back with its clean output in the corrupted run",
    "previous-token score": "attention to the token before, on random repeated tokens",
    "duplicate-token score": "attention to the same token earlier on, on random repeated tokens",
    "induction score": "attention to what followed the same token earlier on, on random repeated tokens",
    "positive copy score": "share of names that it would write when it looks at them",
    "negative copy score": "share of names that it would write against when it looks at them",
}
"""What can be said of every head, and what it is."""

SCORES = {
    "previous-token score": "previous_token",
    "duplicate-token score": "duplicate_token",
    "induction score": "induction",
}
"""Those that are attention on random repeated tokens, as `head_scores` calls them."""

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

    def top(self, n: int) -> list[Head]:
        """The heads with the largest values, whatever their sign."""
        order = np.argsort(-np.abs(self.values), axis=None, kind="stable")[:n]
        return [Head(*divmod(int(place), self.values.shape[1])) for place in order]

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
    names = f"of {copying.n_prompts} names"
    return [
        direct_effect(direct),
        patching_effect(patched),
        *(attention_score(scores, name) for name in SCORES),
        *(
            Measure(name, MEANINGS[name], "share of names", names, copying.at(sign=sign).values)
            for sign in ("positive", "negative") for name in [f"{sign} copy score"]
        ),
    ]  # fmt: skip


def direct_effect(direct: PromptResult) -> Measure:
    """Read `attribute_heads`."""
    return Measure(
        "direct effect", MEANINGS["direct effect"], "logits", over_prompts(direct.n_prompts), direct.values, True,
        per_prompt=direct.per_prompt, by_template=True,
    )  # fmt: skip


def patching_effect(patched: PatchResult) -> Measure:
    """Read `patch_activations`, the second of `measure_requests`."""
    return Measure(
        "patching effect", MEANINGS["patching effect"], "share", over_prompts(patched.n_prompts),
        patched.effects.mean(-1), True, patched.undefined, patched.effects, patched.gaps, True,
    )  # fmt: skip


def attention_score(scores: PromptResult, name: str) -> Measure:
    """Read one of `SCORES` off `head_scores`."""
    over, found = f"mean over {scores.n_prompts} random sequences", scores.at(score=SCORES[name])
    return Measure(name, MEANINGS[name], "attention", over, found.values, per_prompt=found.per_prompt)


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
