"""One pair of prompts of a batch, and how rows become `PromptPairs`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from ioi_core.model import END_OF_TEXT
from ioi_core.pairs import PromptPairs
from ioi_core.vocabulary import ROLES


@dataclass(frozen=True)
class PromptRow:
    """One clean prompt and its corrupted twin; ids and positions are those of the text itself, without BOS.

    Attributes:
        answers: token ids of (IO, S).
        positions: role -> index into the ids; all rows of a batch have the same roles.
    """

    clean_text: str
    corrupted_text: str
    clean_ids: Sequence[int]
    corrupted_ids: Sequence[int]
    answers: tuple[int, int]
    positions: Mapping[str, int]
    template: int


def stack_rows(rows: Sequence[PromptRow], *, prepend_bos: bool) -> PromptPairs:
    """Put rows together: BOS in front if asked for, padding to the right, positions counted with the BOS."""
    roles = [role for role in ROLES if role in rows[0].positions]
    return PromptPairs(
        clean_tokens=_pad([row.clean_ids for row in rows], prepend_bos),
        corrupted_tokens=_pad([row.corrupted_ids for row in rows], prepend_bos),
        lengths=np.array([len(row.clean_ids) + prepend_bos for row in rows], dtype=np.int64),
        answers=np.array([row.answers for row in rows], dtype=np.int64),
        roles={role: np.array([row.positions[role] + prepend_bos for row in rows], dtype=np.int64) for role in roles},
        templates=np.array([row.template for row in rows], dtype=np.int64),
        clean_text=tuple(row.clean_text for row in rows),
        corrupted_text=tuple(row.corrupted_text for row in rows),
        prepend_bos=prepend_bos,
    )


def _pad(rows: Sequence[Sequence[int]], prepend_bos: bool) -> Int[np.ndarray, "batch pos"]:
    first = int(prepend_bos)
    tokens = np.full((len(rows), first + max(map(len, rows))), END_OF_TEXT, dtype=np.int64)
    for padded, ids in zip(tokens, rows, strict=True):
        padded[first : first + len(ids)] = ids
    return tokens
