"""Measures of every head: scores and effects, one number a head, with ranks and intervals. No Streamlit here."""

from dataclasses import dataclass

import numpy as np

import ioi_core
from app.questions.ask import Request, ask
from app.questions.shown import Shown
from app.words.effects import least, least_effect
from app.words.phrases import mean_over, number, size
from ioi_core import ALL, Direction, Head, HeadAttribution, PatchResult, PromptPairs, PromptResult, bootstrap_interval

MEANINGS = {
    "direct effect": "what its own output at END adds to logit_diff",
    "patching effect": "share of clean minus corrupted logit_diff that its clean output brings to the corrupted run",
    "previous-token score": "attention to the token before, on random repeated tokens",
    "duplicate-token score": "attention to the same token earlier on, on random repeated tokens",
    "induction score": "attention to what followed the same token earlier on, on random repeated tokens",
    "positive copy score": "share of names that it would write when it looks at them",
    "negative copy score": "share of names that it would write against when it looks at them",
}
"""Measure -> its meaning."""

SCORES = {
    "previous-token score": "previous_token",
    "duplicate-token score": "duplicate_token",
    "induction score": "induction",
}
"""The measures that are attention on random repeated tokens -> their names in `head_scores`."""

_ROLE_PAIRS = (("END", "IO"), ("END", "S1"), ("END", "S2"), ("S2", "S1"), ("S2", "S1+1"), ("S1+1", "S1"))


@dataclass(frozen=True)
class Measure:
    """A number for each head.

    Attributes:
        name, meaning: in words.
        unit: of the values.
        sample: what a value is taken over, in words.
        per_prompt: [layer head batch] the values of each prompt or random sequence; None for copy scores, which are
            shares of a list of names.
        gaps: as in `PatchResult`.
        values: [layer head]; nan where undefined.
        signed: values go both ways, and heads are ranked by size.
        undefined: the reason why values are nan.
        by_template: means over prompts, which have templates.
        least: the smallest value that is not nothing (`app.words.effects`); a hundredth for attention and shares.
    """

    name: str
    meaning: str
    unit: str
    sample: str
    values: np.ndarray
    signed: bool = False
    undefined: str | None = None
    per_prompt: np.ndarray | None = None
    gaps: np.ndarray | None = None
    by_template: bool = False
    least: float = 0.01

    def interval(self, head: Head | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The 95 % intervals of one head or [layer head] of all; nan where there is none."""
        index = (head.layer, head.head) if head else ...
        if self.per_prompt is None:
            return np.full_like(self.values[index], np.nan), np.full_like(self.values[index], np.nan)
        return bootstrap_interval(self.per_prompt[index], gaps=self.gaps)

    def of(self, head: Head) -> float:
        """Return a head's value."""
        return float(self.values[head.layer, head.head])

    def top(self, n: int) -> list[Head]:
        """Return the `n` heads with the largest values, whatever their sign."""
        order = np.argsort(-np.abs(self.values), axis=None, kind="stable")[:n]
        return [Head(*divmod(int(index), self.values.shape[1])) for index in order]

    def rank(self, head: Head) -> int | None:
        """Return the head's rank, from 1; None where the value is undefined."""
        sizes = np.abs(self.values) if self.signed else self.values
        size = sizes[head.layer, head.head]
        return None if np.isnan(size) else int((sizes > size).sum()) + 1

    def text(self, head: Head) -> str:
        """Return a head's value as text."""
        value = self.of(head)
        return "undefined" if np.isnan(value) else (number if self.signed else size)(value)


def patching_request(
    pairs: PromptPairs, site: str = "z", direction: Direction = Direction.DENOISING, positions: str = ALL
) -> Request[PatchResult]:
    """Ask for every head's output, or another of its activations, to be patched; scored by logit_diff_recovered."""
    return ask(
        ioi_core.patch_activations, pairs=pairs, site=site, direction=direction, positions=positions,
        metric="logit_diff_recovered",
    )  # fmt: skip


def measure_requests(
    pairs: PromptPairs,
) -> tuple[Request[HeadAttribution], Request[PatchResult], Request[PromptResult], Request[ioi_core.CopyScores]]:
    """Ask for what `all_measures` reads, in its order."""
    return (
        ask(ioi_core.attribute_heads, pairs=pairs),
        patching_request(pairs),
        ask(ioi_core.head_scores),
        ask(ioi_core.copy_scores),
    )


MEASURES_SHOWN = (Shown("per_prompt", 0), Shown("effects", 1), Shown("per_prompt", 2), Shown("values", 3))
"""The numbers of these that `all_measures` reads."""


def all_measures(
    direct: PromptResult, patched: PatchResult, scores: PromptResult, copying: ioi_core.CopyScores
) -> list[Measure]:
    """Return the effects on these prompts, and the scores that need no prompts."""
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
        "direct effect", MEANINGS["direct effect"], "logits", mean_over(direct.n_prompts), direct.values, True,
        per_prompt=direct.per_prompt, by_template=True, least=least(),
    )  # fmt: skip


def patching_effect(patched: PatchResult) -> Measure:
    """Read `patch_activations`, the second of `measure_requests`."""
    return Measure(
        "patching effect", MEANINGS["patching effect"], "share", mean_over(patched.n_prompts),
        patched.effects.mean(-1), True, patched.undefined, patched.effects, patched.gaps, True, least_effect(patched),
    )  # fmt: skip


def attention_score(scores: PromptResult, name: str) -> Measure:
    """Read one of `SCORES` off `head_scores`."""
    sample, score = f"mean over {scores.n_prompts} random sequences", scores.at(score=SCORES[name])
    return Measure(name, MEANINGS[name], "attention", sample, score.values, per_prompt=score.per_prompt)


def role_attention_measures(attention: PromptResult) -> list[Measure]:
    """Return attention between the roles in the rules of `infer_roles`, as far as the prompts have them."""
    roles, sample = attention.axes["query_role"], mean_over(attention.n_prompts)
    return [
        Measure(
            f"{query} to {key}", f"attention from {query} to {key}, clean prompts", "attention", sample,
            pair.values, per_prompt=pair.per_prompt, by_template=True,
        )
        for query, key in _ROLE_PAIRS if query in roles and key in roles
        for pair in [attention.at(query_role=query, key_role=key)]
    ]  # fmt: skip


RoleRequests = tuple[
    Request[ioi_core.Predictions], Request[ioi_core.HeadAttribution], Request[ioi_core.PromptResult],
    Request[ioi_core.PromptResult], Request[ioi_core.CopyScores], Request[ioi_core.PatchResult],
]  # fmt: skip


def role_requests(pairs: PromptPairs) -> RoleRequests:
    """Ask for what `infer_roles` reads, in its order; `head_roles` computes the same in one call."""
    return (
        ask(ioi_core.predictions, pairs=pairs),
        ask(ioi_core.attribute_heads, pairs=pairs),
        ask(ioi_core.role_attention, pairs=pairs),
        ask(ioi_core.head_scores),
        ask(ioi_core.copy_scores),
        patching_request(pairs, direction=Direction.NOISING, positions="END"),
    )
