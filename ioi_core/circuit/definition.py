"""Circuits: which heads count at which token roles (Wang et al. 2022, section 3).

A circuit says for each of its heads at which roles its output is kept; what becomes of all other heads and positions is
an `Ablation`. Circuits are values: they compare, hash and are part of cache keys; a changed one is a new one.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ioi_core.edges.notation import heads_of, listed_edges
from ioi_core.engine.checks import check_pairs
from ioi_core.errors import IOIError
from ioi_core.heads.published import PUBLISHED_CLASSES
from ioi_core.inputs import Heads, OneHead, as_head, as_heads, is_head, shown
from ioi_core.model.weights import Model
from ioi_core.notation import ARROW, NO_HEADS_TEXT, kept_heads, one_line
from ioi_core.prompts.pairs import PromptPairs, check_roles
from ioi_core.vocabulary import ALL, ROLES, Head

Member = tuple[Head, str]
"""A head and one role at which it is kept (or removed); the role "all" means every position."""


class CircuitError(IOIError):
    """A circuit that cannot be read, or that an analysis cannot be made of."""


@dataclass(frozen=True)
class Circuit(Mapping[Head, frozenset[str]]):
    """Head -> the roles at which it is kept: "IO", "S1", "S1+1", "S2", "END", or "all" for every position.

    Attributes:
        heads: given as a mapping from heads to a role or roles; as heads alone, one or several, which are kept at every
            position; as (head, roles) pairs; as text, "9.9:END, 4.1 at S2 END, 3.0"; or as a result that has a
            `circuit`. A head is "9.9", (9, 9) or `Head(9, 9)`. A circuit of edges, as text "0.1->3.2<q>, ..." or as a
            result, gives the heads that its edges touch, at every position. Kept sorted, as ((head, roles), ...). A
            head without roles is left out; "all" includes every other role.
    Raises:
        HeadError, CircuitTextError, EdgeError: something that is no head, no such text, or no edge.
        CircuitError: a role that does not exist, or nothing that says which heads.
    """

    heads: Heads = ()

    def __post_init__(self) -> None:
        """Put heads and roles in order, so that equal circuits are equal values."""
        members: dict[Head, list[object]] = {}
        for head, roles in _entries(self.heads):
            members.setdefault(as_head(head), []).extend(_listed_roles(head, roles))
        ordered = {head: _ordered_roles(head, roles) for head, roles in members.items()}
        object.__setattr__(self, "heads", tuple(sorted((head, roles) for head, roles in ordered.items() if roles)))

    @classmethod
    def of(cls, members: Collection[Member]) -> "Circuit":
        """The circuit of some (head, role) pairs."""
        roles: dict[Head, list[str]] = {}
        for head, role in members:
            roles.setdefault(head, []).append(role)
        return cls(roles)

    @classmethod
    def full(cls, model: Model) -> "Circuit":
        """Every head at every position: the whole model."""
        return cls(dict.fromkeys(model.heads, ALL))

    @property
    def members(self) -> tuple[Member, ...]:
        """Every (head, role), by layer, head and position in the sentence."""
        return tuple((head, role) for head, roles in self._ordered for role in roles)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles at which any head is kept."""
        return tuple(role for role in (*ROLES, ALL) if any(role in roles for _, roles in self._ordered))

    def at(self, role: str) -> tuple[Head, ...]:
        """The heads kept at a role by name, those at "all" not counted."""
        return tuple(head for head, roles in self._ordered if role in roles)

    def with_(self, other: "Heads | Circuit") -> "Circuit":
        """The members of both."""
        return Circuit.of([*self.members, *Circuit(other).members])

    def without(self, other: "Heads | Circuit") -> "Circuit":
        """The members that are not in `other`; a head that `other` has at "all" is removed.

        Raises:
            CircuitError: `other` has single roles of a head that is kept at every position.
        """
        removed = Circuit(other)
        left = {head: _roles_left(head, roles, removed.get(head, frozenset())) for head, roles in self._ordered}
        return Circuit(left)

    @property
    def _ordered(self) -> tuple[tuple[Head, tuple[str, ...]], ...]:
        assert isinstance(self.heads, tuple)
        return self.heads

    def __getitem__(self, head: OneHead) -> frozenset[str]:
        return frozenset(dict(self._ordered)[as_head(head)])

    def __iter__(self) -> Iterator[Head]:
        return iter(head for head, _ in self._ordered)

    def __len__(self) -> int:
        """The number of heads."""
        return len(self._ordered)

    def __repr__(self) -> str:
        members = ", ".join(f"{head}:{' '.join(roles)}" for head, roles in self._ordered)
        return one_line(f"Circuit of {len(self)} head{'s' * (len(self) != 1)}: {members or NO_HEADS_TEXT}")

    def __str__(self) -> str:
        return ", ".join(f"{head} at {' '.join(roles)}" for head, roles in self._ordered) or NO_HEADS_TEXT


def _entries(given: object) -> Iterable[tuple[Any, object]]:
    """Return (head, roles) of whatever says which heads, and where; a head alone is meant at every position."""
    given = getattr(given, "circuit", given)  # of a result
    if isinstance(given, Mapping):
        return given.items()
    if isinstance(given, str) and not given.strip().replace(".", "").isdigit():
        return _of_text(given)
    if isinstance(edges := getattr(given, "edges", None), tuple):
        return [(head, ALL) for head in heads_of(edges)]
    if is_head(given) or isinstance(given, np.ndarray | Tensor):
        return [(head, ALL) for head in as_heads(given)]
    if not isinstance(given, list | tuple | set | frozenset):
        raise CircuitError(
            f"heads are wanted, got {shown(given)}: write {{'9.9': 'END'}}, or ['9.9', '9.6'] for every position"
        )
    return [entry if _is_entry(entry) else (entry, ALL) for entry in given]


def _of_text(given: str) -> Iterable[tuple[Any, object]]:
    if ARROW in given:
        return [(head, ALL) for head in heads_of(listed_edges(given))]
    if not given.strip():
        raise CircuitError("heads are wanted, got an empty text: write '9.9:END, 9.6', or 'no heads'")
    return [(item.head, item.roles) for item in kept_heads(given)]


def _is_entry(given: object) -> bool:
    """Return whether this is a head with its roles, and no head in itself."""
    return isinstance(given, tuple) and len(given) == 2 and not is_head(given)


def _listed_roles(head: object, given: object) -> list[object]:
    if not isinstance(given, Collection):
        raise CircuitError(f"head {head} wants roles, got {shown(given)}: use {', '.join(ROLES)} or {ALL}")
    return [given] if isinstance(given, str) else list(given)


def _ordered_roles(head: Head, roles: Collection[object]) -> tuple[str, ...]:
    if unknown := [role for role in roles if role not in (*ROLES, ALL)]:
        raise CircuitError(f"head {head}: role {shown(unknown[0])} is not known: use {', '.join(ROLES)} or {ALL}")
    return (ALL,) if ALL in roles else tuple(role for role in ROLES if role in roles)


def _roles_left(head: Head, roles: tuple[str, ...], removed: frozenset[str]) -> tuple[str, ...]:
    if ALL in removed:
        return ()
    if ALL in roles and removed:
        raise CircuitError(
            f"head {head} is kept at every position, so it cannot lose {', '.join(sorted(removed))} alone",
            f"switch {head} off everywhere, or keep it at single roles",
        )
    return tuple(role for role in roles if role not in removed)


def check_circuit(model: Model, pairs: PromptPairs, circuit: "Heads | Circuit") -> Circuit:
    """Return `circuit` as a `Circuit`, once the model can read the pairs and has its heads, and the pairs its roles.

    Raises:
        HeadError: a head that the model lacks. CircuitError: a role that does not exist.
        PromptError: a role that these prompts lack, or prompts that the model cannot read.
    """
    check_pairs(model, pairs)
    checked = Circuit(circuit)
    for head in checked:
        model.check_head(head)
    for role in checked.roles:
        heads = ", ".join(map(str, checked.at(role)[:8]))
        if role != ALL:
            check_roles(f"the circuit keeps {heads} at {role}", pairs.roles, [role])
    return checked


NO_HEADS = Circuit()
"""The circuit that keeps nothing."""

IOI_CIRCUIT = Circuit({head: group.kept_at for group in PUBLISHED_CLASSES for head in group.heads})
"""The 26 heads of GPT-2 small's circuit (Wang et al. 2022, figure 2). They mean nothing in another model."""

_NAIVE = "9.6 9.9 10.0 7.3 7.9 8.6 8.10 5.5 5.9 3.0 0.10 2.2 4.11"
NAIVE_CIRCUIT = Circuit({head: IOI_CIRCUIT[head] for head in map(Head.parse, _NAIVE.split())})
"""The circuit without backup and negative name movers and with fewer heads in each class (section 4 of the paper)."""
