"""`PromptPairs`: clean and corrupted prompts, token by token, with the answers and the role of each position."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True, eq=False)
class PromptPairs:
    """A batch of clean prompts and their corrupted twins.

    Attributes:
        clean_tokens, corrupted_tokens: [batch pos] token ids, padded on the right with 50256.
        lengths: [batch] tokens of each row, BOS included; the same for its clean and corrupted prompt.
        answers: [batch 2] token ids of (IO, S); they are the clean prompt's also where the corrupted one is scored.
        roles: role -> [batch] position in the row; only "END" for a task that is not IOI.
        templates: [batch] template number; typed prompts have one number a row.
        clean_text, corrupted_text: the rows as text, without BOS.
        prepend_bos: whether position 0 is a BOS that was put in front.
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

    def __post_init__(self) -> None:
        """Make every array read-only: pairs are shared between threads and are part of cache keys."""
        arrays = (self.clean_tokens, self.corrupted_tokens, self.lengths, self.answers, self.templates)
        for array in (*arrays, *self.roles.values()):
            array.setflags(write=False)

    def take(self, rows: slice) -> "PromptPairs":
        """Some of the rows, their padding kept."""
        arrays = ("clean_tokens", "corrupted_tokens", "lengths", "answers", "templates", "clean_text", "corrupted_text")
        taken = {name: getattr(self, name)[rows] for name in arrays}
        roles = {role: positions[rows] for role, positions in self.roles.items()}
        return replace(self, roles=roles, **taken)

    def __len__(self) -> int:
        return len(self.lengths)
