"""What can be said of every head in one number: scores and effects, each with every head's rank. No Streamlit here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.compute import Request, ask
from app.effects import number
from app.words import ordinal, over_prompts
from ioi_core import (
    HEAD_ROLES,
    CopyScores,
    Direction,
    Head,
    HeadRoles,
    Model,
    PatchResult,
    PromptPairs,
    Result,
    bootstrap_interval,
    published_class,
)

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


def measure_requests(pairs: PromptPairs) -> list[Request]:
    """What `measures` reads, in its order."""
    return [
        ask("attribute_heads", pairs=pairs),
        ask("patch_activations", pairs=pairs, site="z", direction=Direction.DENOISING, positions="all",
            metric="logit_diff_recovered"),
        ask("head_scores"),
        ask("copy_scores"),
    ]  # fmt: skip


def measures(direct: Result, patched: PatchResult, scores: Result, copying: CopyScores) -> list[Measure]:
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
    assert scores.per_prompt is not None
    attention = [
        Measure(name, meaning, "attention", sequences, scores.values[n], per_prompt=scores.per_prompt[n])
        for score, (name, meaning) in _ON_RANDOM_TOKENS.items()
        for n in [scores.axes["score"].index(score)]
    ]
    names = f"of {copying.n_prompts} names"
    return effects + attention + [
        Measure(name, meaning, "share of names", names, copying.values[copying.axes["sign"].index(sign)])
        for sign, (name, meaning) in _COPYING.items()
    ]  # fmt: skip


def look_measures(attention: Result) -> list[Measure]:
    """Attention between the roles that rules of roles are about, as far as the prompts have them."""
    roles, over = attention.axes["query_role"], over_prompts(attention.n_prompts)
    assert attention.per_prompt is not None
    return [
        Measure(
            f"{query} to {key}", f"attention from {query} to {key}, clean prompts", "attention", over,
            attention.values[place], per_prompt=attention.per_prompt[place], by_template=True,
        )
        for query, key in _LOOKS if query in roles and key in roles
        for place in [(roles.index(query), roles.index(key))]
    ]  # fmt: skip


def rank_frame(found: Sequence[Measure], head: Head) -> pd.DataFrame:
    """One head's values with their intervals and ranks, a row a measure."""
    low, high = np.array([one.interval(head) for one in found]).T
    return pd.DataFrame(
        {
            "measure": [one.name for one in found],
            "head": str(head),
            "value": [one.of(head) for one in found],
            "low_95": low,
            "high_95": high,
            "unit": [one.unit for one in found],
            "rank": pd.array([one.rank(head) for one in found], dtype="Int64"),
            "heads": [one.values.size for one in found],
            "taken": [one.over for one in found],
            "what_it_is": [one.meaning for one in found],
        }
    )


def rank_story(found: Sequence[Measure], head: Head) -> str:
    """Where the head stands highest, and where it is undefined."""
    ranked = [(rank, one) for one in found if (rank := one.rank(head)) is not None and one.of(head) != 0]
    best = sorted(ranked, key=lambda pair: pair[0])[:3]
    said = ", ".join(f"{ordinal(rank)} by {one.name} ({one.said(head)})" for rank, one in best)
    reasons = "".join(f" There is no {one.name}: {one.undefined}." for one in found if one.undefined)
    return f"Among {found[0].values.size} heads, head {head} is {said}.{reasons}"


def all_heads_frame(model: Model, found: Sequence[Measure], roles: HeadRoles | None) -> pd.DataFrame:
    """Every head with all its numbers; with measured roles if there are any, the published class beside them."""
    layer, head = (axis.ravel() for axis in np.indices(found[0].values.shape))
    heads = [Head(int(n), int(m)) for n, m in zip(layer, head, strict=True)]
    published = [published_class(model, one) for one in heads]
    columns: dict[str, object] = {"name": [str(one) for one in heads], "layer": layer, "head": head}
    if roles is not None:
        columns["measured role"] = [", ".join(roles.roles_of(one)) for one in heads]
    if any(published):
        columns["published class"] = ["" if group is None else group.name for group in published]
    return pd.DataFrame(columns | {one.name: one.values.ravel().astype(np.float64) for one in found})


def bounds(one: Measure) -> tuple[str, str]:
    """What the columns of its interval are called."""
    return f"{one.name}, 95 % from", f"{one.name}, 95 % to"


def with_intervals(shown: pd.DataFrame, found: Sequence[Measure]) -> pd.DataFrame:
    """The same heads, with these measures' intervals behind their values, where they have any."""
    rows = shown["layer"].to_numpy(), shown["head"].to_numpy()
    shown = shown.copy()
    for one in found:
        if one.per_prompt is not None:
            place = list(shown.columns).index(one.name)
            for n, (name, bound) in enumerate(zip(bounds(one), one.interval(), strict=True), 1):
                shown.insert(place + n, name, bound[rows])
    return shown


def filtered(frame: pd.DataFrame, layers: Sequence[str], role: str, measure: str, least: float) -> pd.DataFrame:
    """The heads of some layers (none: of all), with a role (unless it is none of the roles), above a bound."""
    keep = np.ones(len(frame), dtype=bool)
    if layers:
        keep &= frame["layer"].astype(str).isin(layers).to_numpy()
    if role in HEAD_ROLES:
        # A column of joined names: "name mover" is also part of "negative name mover".
        keep &= np.array([role in text.split(", ") for text in frame["measured role"]])
    if least > 0:
        keep &= frame[measure].abs().ge(least).to_numpy()
    return frame[keep].reset_index(drop=True)
