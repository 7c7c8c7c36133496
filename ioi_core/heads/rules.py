"""The rules by which a head's role is read off measurements; the same for every head of every model.

A role is the conjunction of a few conditions, each a measured quantity and a bound. The roles are those of Wang et al.
2022; the paper assigned them by hand, from the same kinds of evidence. Bounds are round numbers:

- attention of a quarter: the paper's classes average half or more, uniform attention over a prompt is below a tenth;
- .1 on random tokens, where uniform attention gives .042 (previous token) or .014 (the others). It only asks that a
  head does this at all outside of IOI prompts; how much it does so on them is for its attention there to show;
- a twentieth of logit_diff for an effect, direct or total;
- half of the names for a copy score: the paper has above .95 for name movers, below .2 on average.

Rules on behaviour alone (duplicate token, induction, previous token) do not ask whether the head matters to the answer.
A head may have several roles, and most have none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

QUANTITIES: Mapping[str, str] = {
    "direct_effect": "direct effect on logit_diff, as a share of logit_diff",
    "effect_at_end": "effect of patching its z at END, as a share of the distance between the two runs",
    "direct_share": "share of the effect at END that is its direct effect",
    "end_to_io": "attention from END to IO",
    "end_to_s2": "attention from END to S2",
    "s2_to_s1": "attention from S2 to S1",
    "s2_to_s1_next": "attention from S2 to S1+1",
    "s1_next_to_s1": "attention from S1+1 to S1",
    "positive_copy": "share of names it would write when it attends to them",
    "negative_copy": "share of names it would write against when it attends to them",
    "previous_token": "attention to the previous token on random repeated tokens",
    "duplicate_token": "attention to the same token's earlier place on random repeated tokens",
    "induction": "attention to the token after that place on random repeated tokens",
}
"""Name of a quantity measured of each head -> its description; all are fractions."""

_ATTENDS = 0.25
_ON_RANDOM_TOKENS = 0.1
_EFFECT = 0.05
_COPIES = 0.5
_MOSTLY_INDIRECT = 0.5


@dataclass(frozen=True)
class Condition:
    """A bound on one quantity.

    Attributes:
        quantity: a key of `QUANTITIES`.
        bound: the least value that will do, or the greatest if `at_most`.
    """

    quantity: str
    bound: float
    at_most: bool = False

    def holds(self, value: Float[np.ndarray, "*heads"]) -> Bool[np.ndarray, "*heads"]:
        """True where the condition holds; never at nan."""
        return np.asarray(value <= self.bound if self.at_most else value >= self.bound)


HEAD_ROLES: Mapping[str, tuple[Condition, ...]] = {
    "previous token": (Condition("s1_next_to_s1", _ATTENDS), Condition("previous_token", _ON_RANDOM_TOKENS)),
    "duplicate token": (Condition("s2_to_s1", _ATTENDS), Condition("duplicate_token", _ON_RANDOM_TOKENS)),
    "induction": (Condition("s2_to_s1_next", _ATTENDS), Condition("induction", _ON_RANDOM_TOKENS)),
    "S-inhibition": (
        Condition("end_to_s2", _ATTENDS),
        Condition("effect_at_end", _EFFECT),
        Condition("direct_share", _MOSTLY_INDIRECT, at_most=True),
    ),
    "name mover": (
        Condition("direct_effect", _EFFECT),
        Condition("end_to_io", _ATTENDS),
        Condition("positive_copy", _COPIES),
    ),
    "negative name mover": (
        Condition("direct_effect", -_EFFECT, at_most=True),
        Condition("end_to_io", _ATTENDS),
        Condition("negative_copy", _COPIES),
    ),
}
"""Role -> its conditions, all of which must hold."""


@dataclass(frozen=True)
class Evidence:
    """One condition of a role and what was measured; its `str` is what visitors read."""

    condition: Condition
    value: float

    @property
    def holds(self) -> bool:
        """True if the measured value meets the bound; never for nan."""
        return bool(self.condition.holds(np.array(self.value)))

    def __str__(self) -> str:
        bound = f"{'at most' if self.condition.at_most else 'at least'} {self.condition.bound:.2f} is wanted"
        value = "undefined" if np.isnan(self.value) else f"{self.value:.2f}"
        return f"{QUANTITIES[self.condition.quantity]}: {value} ({bound})"
