"""`PromptPairs`: clean and corrupted prompts, token by token, with the answers and the role of each position.

`stack_rows` puts BOS in front and pads.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from ioi_core.errors import PromptError
from ioi_core.inputs import RowChoice, shown
from ioi_core.model.weights import END_OF_TEXT, Model
from ioi_core.vocabulary import ROLES

AnswerSets = tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
"""For each prompt the ids that are right and those that are wrong."""

_ARRAYS = ("clean_tokens", "corrupted_tokens", "lengths", "answers", "templates")
_TUPLES = ("clean_text", "corrupted_text", "answer_sets", "labels")


@dataclass(frozen=True, eq=False)
class PromptPairs:
    """A batch of clean prompts and their corrupted twins. `pairs[3]`, `pairs[:8]` and a walk over it give pairs again.

    Attributes:
        clean_tokens, corrupted_tokens: [batch pos] token ids, padded on the right with 50256.
        lengths: [batch] tokens of each row, BOS included; the same for its clean and corrupted prompt.
        answers: [batch 2] token ids of (IO, S); they are the clean prompt's also where the corrupted one is scored.
            The first of each set where an answer is a set of tokens.
        roles: role -> [batch] position in the row; only "END" for a task that is not IOI.
        templates: [batch] template number; typed prompts have one number a row.
        clean_text, corrupted_text: the rows as text, without BOS.
        prepend_bos: true if position 0 is a BOS that was put in front.
        answer_sets: [batch] of (right ids, wrong ids) where an answer is a set of tokens: logit_diff is then the
            difference of the sets' mean logits. None: `answers` is all there is.
        labels: [batch] a name for the group that a row belongs to, from a data set; None if there is none.
        people: true if IO and S were said to be people's names: twins may put first names in their place.
    """

    clean_tokens: Int[np.ndarray, "batch pos"]
    corrupted_tokens: Int[np.ndarray, "batch pos"]
    lengths: Int[np.ndarray, " batch"]
    answers: Int[np.ndarray, "batch 2"]
    roles: Mapping[str, Int[np.ndarray, " batch"]]
    templates: Int[np.ndarray, " batch"]
    clean_text: tuple[str, ...]
    corrupted_text: tuple[str, ...]
    prepend_bos: bool
    answer_sets: AnswerSets | None = None
    labels: tuple[str, ...] | None = None
    people: bool = False

    def __post_init__(self) -> None:
        """Make every array read-only: pairs are shared between threads and are part of cache keys."""
        for array in (*(getattr(self, name) for name in _ARRAYS), *self.roles.values()):
            array.setflags(write=False)

    @property
    def has_all_roles(self) -> bool:
        """True for IOI prompts."""
        return all(role in self.roles for role in ROLES)

    def take(self, rows: RowChoice) -> "PromptPairs":
        """Return some of the rows, with their padding: a slice, row numbers, or true and false a row.

        Raises:
            PromptError: no rows are left, or there is no such row.
        """
        try:
            numbers = np.arange(len(self))[rows if isinstance(rows, slice) else np.asarray(rows)]
        except (IndexError, TypeError, ValueError):
            numbers = np.array([])
        if numbers.ndim != 1 or not len(numbers):
            raise PromptError(f"rows {shown(rows)} cannot be taken of {len(self)} prompts: give a slice or numbers")
        index = rows if isinstance(rows, slice) else numbers  # a slice of an array is a view of it
        taken: dict[str, Any] = {name: getattr(self, name)[index] for name in _ARRAYS}
        for name in _TUPLES:
            if (column := getattr(self, name)) is not None:
                taken[name] = tuple(column[number] for number in numbers)
        roles = {role: positions[index] for role, positions in self.roles.items()}
        return replace(self, roles=roles, **taken)

    def __getitem__(self, rows: RowChoice) -> "PromptPairs":
        return self.take([int(rows)] if isinstance(rows, int | np.integer) and not isinstance(rows, bool) else rows)

    def __iter__(self) -> Iterator["PromptPairs"]:
        return (self.take(slice(row, row + 1)) for row in range(len(self)))

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        first = f"{self.clean_text[0][:50]!r}, " if self.clean_text else ""
        return f"PromptPairs({len(self)} prompts: {first}..., roles {', '.join(self.roles)})"


def check_pairs_given(pairs: object) -> PromptPairs:
    """Return `pairs` if they are pairs of prompts; PromptError if they are something else."""
    if not isinstance(pairs, PromptPairs):
        raise PromptError(f"pairs of prompts are wanted, got {shown(pairs)}: give prompt_pairs(model, ...)")
    return pairs


def check_roles(need: str, roles: Collection[str], wanted: Collection[str] = ROLES) -> None:
    """Refuse prompts that have only `roles` where those `wanted` are needed.

    Args:
        need: the beginning of the message: what needs the roles.
    Raises:
        PromptError: says which roles are missing and which there are.
    """
    if missing := [role for role in wanted if role not in roles]:
        raise PromptError(
            f"{need}, and these prompts have no {', '.join(missing)}, only {', '.join(roles)}",
            "choose prompts in which one name stands twice and another once",
        )


@dataclass(frozen=True)
class PromptRow:
    """One clean prompt and its corrupted twin; ids and positions are those of the text itself, without BOS.

    Attributes:
        answers: token ids of (IO, S).
        positions: role -> index into the ids; all rows of a batch have the same roles.
        answer_sets: (right ids, wrong ids) where one of them is several, each beginning with that of `answers`.
    """

    clean_text: str
    corrupted_text: str
    clean_ids: Sequence[int]
    corrupted_ids: Sequence[int]
    answers: tuple[int, int]
    positions: Mapping[str, int]
    template: int
    answer_sets: tuple[tuple[int, ...], tuple[int, ...]] | None = None


def stack_rows(rows: Sequence[PromptRow], *, prepend_bos: bool, people: bool = False) -> PromptPairs:
    """Return rows as one batch: BOS in front if asked for, padding to the right, positions counted with the BOS."""
    roles = [role for role in ROLES if role in rows[0].positions]
    several = any(row.answer_sets for row in rows)
    return PromptPairs(
        clean_tokens=_with_bos_and_padding([row.clean_ids for row in rows], prepend_bos),
        corrupted_tokens=_with_bos_and_padding([row.corrupted_ids for row in rows], prepend_bos),
        lengths=np.array([len(row.clean_ids) + prepend_bos for row in rows], dtype=np.int64),
        answers=np.array([row.answers for row in rows], dtype=np.int64),
        roles={role: np.array([row.positions[role] + prepend_bos for row in rows], dtype=np.int64) for role in roles},
        templates=np.array([row.template for row in rows], dtype=np.int64),
        clean_text=tuple(row.clean_text for row in rows),
        corrupted_text=tuple(row.corrupted_text for row in rows),
        prepend_bos=prepend_bos,
        answer_sets=tuple(row.answer_sets or _sets_of_one(row.answers) for row in rows) if several else None,
        people=people,
    )


def _sets_of_one(answers: tuple[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    io, s = answers
    return (io,), (s,)


def check_context(model: Model, rows: Sequence[PromptRow], *, prepend_bos: bool) -> None:
    """Refuse rows of which one is longer than the model's context."""
    longest = max(len(row.clean_ids) for row in rows) + prepend_bos
    if longest > model.cfg.n_ctx:
        raise PromptError(
            f"a prompt is {longest} tokens long, {model.name} reads at most {model.cfg.n_ctx}", "choose shorter prompts"
        )


def _with_bos_and_padding(rows: Sequence[Sequence[int]], prepend_bos: bool) -> Int[np.ndarray, "batch pos"]:
    first = int(prepend_bos)
    # GPT-2 has one special token, <|endoftext|>: in front it is BOS, at the end padding.
    tokens = np.full((len(rows), first + max(map(len, rows))), END_OF_TEXT, dtype=np.int64)
    for padded, ids in zip(tokens, rows, strict=True):
        padded[first : first + len(ids)] = ids
    return tokens
