"""What callers and visitors hand in: taken in every spelling that has one meaning, anything else refused in words.

To a type checker the aliases below are the types that are meant. At run time any value passes for them, so that a wrong
one reaches a check, here or in the analysis that takes it, and is refused with an error that a page can show.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.errors import ChoiceError, HeadError, PromptError, PromptMismatchError
from ioi_core.vocabulary import Ablation, Direction, Head


class _Meant(type):
    """A type for annotations that every value is an instance of; `help` shows its name, the types that are meant."""

    def __new__(cls, name: str) -> "_Meant":
        return super().__new__(cls, name, (), {"__module__": "builtins"})

    def __init__(cls, name: str) -> None:
        super().__init__(name, (), {})

    def __instancecheck__(cls, _: object) -> bool:
        return True


if TYPE_CHECKING:

    class HasTokens(Protocol):
        """Pairs, whose clean prompts are meant."""

        @property
        def clean_tokens(self) -> np.ndarray:
            """Rows of token ids."""

    class HasCircuit(Protocol):
        """A result that carries a circuit."""

        @property
        def circuit(self) -> Mapping[Head, Collection[str]]:
            """Head -> roles."""

    class HasEdges(Protocol):
        """A result that carries a circuit of edges."""

        @property
        def edges(self) -> tuple[tuple[str, str], ...]:
            """(sender, receiver) names."""

    class HasScores(Protocol):
        """A result, or a circuit, over edges."""

        @property
        def values(self) -> np.ndarray:
            """[sender receiver] a number an edge."""

    FilePath = str | PathLike[str]
    FileText = str | bytes
    OptionalPath = str | PathLike[str] | None
    PromptChoice = HasTokens | int
    Parameters = Mapping[str, object] | None
    Texts = str | Sequence[str]
    Choice = str
    OptionalChoice = str | None
    WholeNumber = int
    Fraction = float
    Flag = bool
    TemplateChoice = str | Sequence[int]
    TokenIds = int | Sequence[int] | np.ndarray | Tensor
    Tokens = HasTokens | Sequence[int] | Sequence[Sequence[int]] | np.ndarray | Tensor
    Positions = int | Sequence[int] | np.ndarray | Tensor
    Numbers = Sequence[float] | np.ndarray | Tensor
    Position = str | int
    RowChoice = int | slice | Sequence[int] | np.ndarray
    OneHead = Head | str | tuple[int, int]
    HeadList = OneHead | Sequence[OneHead]
    Receivers = HeadList
    _Roles = str | Collection[str]
    _ByHead = Mapping[Head, _Roles] | Mapping[str, _Roles] | Mapping[tuple[int, int], _Roles]
    Heads = _ByHead | Sequence[tuple[OneHead, _Roles]] | HeadList | HasCircuit
    EdgeChoice = str | Iterable[str | tuple[str, str]] | np.ndarray | HasEdges
    EdgeValues = HasScores | np.ndarray
else:
    FilePath = _Meant("str | Path")
    FileText = _Meant("str | bytes")
    OptionalPath = _Meant("str | Path | None")
    PromptChoice = _Meant("int | PromptPairs")
    Parameters = _Meant("dict | None")
    Texts = _Meant("str | list[str]")
    Choice = _Meant("str")
    OptionalChoice = _Meant("str | None")  # a union of its own would be taken for the real one by its name
    WholeNumber = _Meant("int")
    Fraction = _Meant("float")
    Flag = _Meant("bool")
    TemplateChoice = _Meant("str | list[int]")
    TokenIds = _Meant("int | list[int] | ndarray | Tensor")
    Tokens = _Meant("list[list[int]] | ndarray | Tensor | PromptPairs")
    Positions = _Meant("int | list[int] | ndarray | Tensor")
    Numbers = _Meant("list[float] | ndarray | Tensor")
    Position = _Meant("str | int")
    RowChoice = _Meant("int | slice | list[int] | ndarray")
    OneHead = _Meant("Head | str | tuple[int, int]")
    HeadList = _Meant("Head | str | list[Head | str]")
    Receivers = _Meant("str | Head | list[Head | str]")
    EdgeChoice = _Meant("list[tuple[str, str]] | ndarray | MinimalEdges")
    EdgeValues = _Meant("EdgeScores | ndarray")
    Heads = _Meant("Circuit | dict[Head | str, str | list[str]] | list[Head | str]")


_Name = TypeVar("_Name", bound=str)

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
    """Return one text or a list of texts, or a column of them, as a list; its items are checked where they are read.

    Raises:
        PromptError: neither text nor a list, or an empty list.
    """
    if isinstance(texts, str):
        return [texts]
    if not isinstance(texts := _column(texts), list | tuple):
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
    if not isinstance(texts := _column(texts), list | tuple):
        raise PromptError(f"{name} must be text, or a list of texts, got {shown(texts)}")
    if len(texts) != n_rows:
        raise PromptMismatchError(
            f"{name} has {len(texts)} rows, the prompts have {n_rows}",
            f"give one {name} for all, or one for each prompt",
        )
    return list(texts)


def _column(texts: Any) -> Any:
    """Return a column of a table or an array as a list, anything else as it is."""
    return texts.tolist() if hasattr(texts, "tolist") else texts


def as_fraction(value: object, name: str) -> float:
    """Return `value` as a float above 0 and below 1.

    Raises:
        PromptError: no number, or outside these bounds.
    """
    if isinstance(value, bool) or not isinstance(value, float | int) or not 0 < value < 1:
        raise PromptError(f"{name} must be a number between 0 and 1, such as 0.1, got {shown(value)}")
    return float(value)


def as_flag(value: object, name: str) -> bool:
    """Return `value` as a bool.

    Raises:
        ChoiceError: it is anything but True or False.
    """
    if not isinstance(value, bool | np.bool_):
        raise ChoiceError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def as_choice(value: object, name: str, allowed: Sequence[_Name]) -> _Name:
    """Return the one of the names allowed that `value` is.

    Raises:
        ChoiceError: it is none of them; the text says which there are.
    """
    if not isinstance(value, str) or value not in allowed:
        *most, last = allowed
        names = f"{', '.join(most)} or {last}" if most else last
        raise ChoiceError(f"{name} {shown(value)} is not known: use {names}")
    return allowed[allowed.index(value)]


def check_direction(direction: Choice) -> Direction:
    """Return `direction` if it exists; ChoiceError if it does not."""
    return as_choice(direction, "direction", tuple(Direction))


def check_ablation(ablation: Choice) -> Ablation:
    """Return `ablation` if it exists; ChoiceError if it does not."""
    return as_choice(ablation, "ablation", tuple(Ablation))


def is_head(value: object) -> bool:
    """Return whether a value is one head in some spelling: a `Head`, a text, or a pair of whole numbers."""
    return isinstance(value, str | Head) or _is_pair(value)


def _is_pair(value: object) -> TypeGuard[Sequence[int]]:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(part, Integral) and not isinstance(part, bool) for part in value)
    )


def as_head(value: object) -> Head:
    """Return one head, given as "9.9", (9, 9) or `Head(9, 9)`.

    Raises:
        HeadError: it is none of these.
    """
    if isinstance(value, str):
        return Head.parse(value)
    pair = (value.layer, value.head) if isinstance(value, Head) else value
    if not _is_pair(pair):
        raise HeadError(f"{shown(value)} is not a head: write '9.9', (9, 9) or Head(9, 9)")
    layer, head = pair
    return Head(int(layer), int(head))


def as_heads(value: object) -> tuple[Head, ...]:
    """Return heads in their order, given as one head or as a sequence of them, each as in `as_head`.

    Raises:
        HeadError: one of them is no head.
    """
    if is_head(value):
        return (as_head(value),)
    if isinstance(value, np.ndarray | Tensor):  # rows of layer and head, as of np.argwhere
        value = value.tolist()
    if not isinstance(value, Sequence):
        raise HeadError(f"heads are wanted, got {shown(value)}: write ['9.9', '9.6'], or one head such as '9.9'")
    return tuple(map(as_head, value))


def as_integers(value: object) -> Int[np.ndarray, "..."] | None:
    """Return whole numbers as an array, from an array, a tensor on any device, or lists of one length; else None."""
    if isinstance(value, Tensor):
        value = None if value.is_floating_point() else value.detach().cpu().numpy()
    if isinstance(value, list | tuple) and any(isinstance(part, Tensor) for part in value):
        value = [part.tolist() if isinstance(part, Tensor) else part for part in value]
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        return None
    return array.astype(np.int64, copy=False) if array.dtype.kind in "iu" else None


def as_numbers(value: Numbers, name: str) -> Float[np.ndarray, "*cells batch"]:
    """Return numbers as an array of floats with at least one axis, from an array, a tensor on any device, or lists.

    Raises:
        PromptError: it is none of these.
    """
    given = value.detach().cpu() if isinstance(value, Tensor) else value
    try:
        array = np.asarray(given.float() if isinstance(given, Tensor) and given.dtype is torch.bfloat16 else given)
    except ValueError:  # lists of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise PromptError(f"{name} must be numbers, one a prompt along the last axis, got {shown(value)}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)
