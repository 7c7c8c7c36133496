"""Checks of what callers and visitors hand in, which may be of any type.

To a type checker the aliases below are the types that are meant. At run time they are `object`, so that a wrong value
reaches a check, here or in the analysis that takes it, and is refused with an error that a page can show.
"""

from collections.abc import Collection, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from ioi_core.errors import ChoiceError, PromptError, PromptMismatchError
from ioi_core.vocabulary import Ablation, Direction, Head

if TYPE_CHECKING:
    Texts = str | Sequence[str]
    Choice = str
    WholeNumber = int
    TemplateChoice = str | Sequence[int]
    TokenIds = Sequence[int] | np.ndarray
    Position = str | int
    HeadList = Sequence[Head]
    Receivers = str | Sequence[Head]
    Heads = Mapping[Head, str | Collection[str]] | tuple[tuple[Head, tuple[str, ...]], ...]
else:
    Texts = Choice = WholeNumber = TemplateChoice = TokenIds = Position = HeadList = Receivers = Heads = object


_SHOWN = 40


def shown(value: object) -> str:
    """Return any value for a message: at most 40 characters of text, in quotes; small numbers; else only its type."""
    if isinstance(value, str):
        return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "...")
    if value is None or isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 64):
        return repr(value)
    return f"{type(value).__name__} of length {len(value)}" if isinstance(value, list | tuple) else type(value).__name__


def as_whole_number(value: object, name: str, low: int, high: int) -> int:
    """Return `value` as an int between `low` and `high`, both included.

    Raises:
        PromptError: not a whole number, or outside these bounds.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
        raise PromptError(f"{name} must be a whole number from {low} to {high}, got {shown(value)}")
    return int(value)


def as_texts(texts: Texts) -> list[object]:
    """Return one text or a list of texts as a list; its items are checked where they are read.

    Raises:
        PromptError: neither text nor a list, or an empty list.
    """
    if isinstance(texts, str):
        return [texts]
    if not isinstance(texts, list | tuple):
        raise PromptError(f"a prompt must be text, or a list of texts, got {shown(texts)}")
    if not texts:
        raise PromptError("there is no prompt: got an empty list, give at least one text")
    return list(texts)


def one_a_row(texts: Texts | None, name: str, n_rows: int) -> list[object]:
    """Return one text for each row, given one for all, one for each, or None (then None for each).

    Raises:
        PromptMismatchError: a list whose length is not the number of prompts.
        PromptError: neither text nor a list.
    """
    if texts is None:
        return [None] * n_rows
    if isinstance(texts, str):
        return [texts] * n_rows
    if not isinstance(texts, list | tuple):
        raise PromptError(f"{name} must be text, or a list of texts, got {shown(texts)}")
    if len(texts) != n_rows:
        raise PromptMismatchError(
            f"{name} has {len(texts)} rows, the prompts have {n_rows}: give one for all, or one for each prompt"
        )
    return list(texts)


def check_direction(direction: Choice) -> Direction:
    """Return `direction` if it exists.

    Raises:
        ChoiceError: it does not; the text says which ones do.
    """
    if direction not in tuple(Direction):
        raise ChoiceError(f"direction {shown(direction)} is not known: use {' or '.join(Direction)}")
    return Direction(direction)


def check_ablation(ablation: Choice) -> Ablation:
    """Return `ablation` if it exists.

    Raises:
        ChoiceError: it does not; the text says which ones do.
    """
    if ablation not in tuple(Ablation):
        raise ChoiceError(f"ablation {shown(ablation)} is not known: use {', '.join(Ablation)}")
    return Ablation(ablation)
