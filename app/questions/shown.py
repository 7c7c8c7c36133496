"""Which numbers of its results a figure draws. No Streamlit here."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from app.questions.ask import Request
from ioi_core import PromptResult

Requests = Sequence[Request[Any]]
PROMPT = "prompt"
"""The axis of values of single prompts, numbered from 1."""

MOST_NUMBERS = 60_000
"""Numbers of one array that a file holds: more are held as means over prompts, and of still more every n-th."""


@dataclass(frozen=True)
class Shown:
    """Numbers that a figure draws: a field of one of its results, or some cells of it.

    Attributes:
        field: "per_prompt", or one of a result within, "evaluation.per_prompt".
        of: the number of the request, from 0.
        cells: an index into each of the first axes, as NumPy takes it; None takes all of an axis.
        axes: the names of the field's axes, where they are not those of the result (and `prompt` last).
        groups: name and rows of groups of prompts, where the figure shows each one's mean.
    """

    field: str
    of: int = 0
    cells: tuple[int | None, ...] = ()
    axes: tuple[str, ...] | None = None
    groups: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def read(self, results: Sequence[Any]) -> "Numbers":
        """Return the numbers from the results of all of a record's requests, in their order."""
        *path, name = self.field.split(".")
        owner = results[self.of]
        for step in path:
            owner = getattr(owner, step)
        values = np.asarray(getattr(owner, name))
        axes = self._axes(owner, values)
        taken = tuple(slice(None) if cell is None else cell for cell in self.cells)
        kept = [n for n in range(values.ndim) if n >= len(self.cells) or self.cells[n] is None]
        left = {name: labels for n, (name, labels) in enumerate(axes.items()) if n in kept}
        gaps = getattr(owner, "gaps", None)
        return Numbers(
            self.field.rsplit(".", 1)[-1], values[taken], left, str(getattr(owner, "unit", "")),
            gaps if gaps is not None and PROMPT in left and np.shape(gaps) == (len(left[PROMPT]),) else None,
        )  # fmt: skip

    def _axes(self, owner: object, values: np.ndarray) -> dict[str, tuple[str, ...]]:
        """Return name -> labels of each axis of the whole field; numbers from 0 where nothing names the cells."""
        known: Mapping[str, tuple[str, ...]] = getattr(owner, "axes", {})
        names = self.axes
        if names is None:
            names = tuple(known) if known and tuple(map(len, known.values())) == values.shape[: len(known)] else ()
            if values.ndim == len(names) + 1 and values.shape[-1] == getattr(owner, "n_prompts", None):
                names = (*names, PROMPT)
        names = (*names, *(f"axis {n}" for n in range(len(names), values.ndim)))
        return {name: self._labels(name, n, known) for name, n in zip(names, values.shape, strict=True)}

    @staticmethod
    def _labels(name: str, n: int, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
        if name == PROMPT:
            return tuple(str(row + 1) for row in range(n))
        labels = known.get(name, ())
        return labels if len(labels) == n else tuple(map(str, range(n)))


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of a figure: name of their field, values, axis -> its labels, unit; `gaps` as in `TwoRunResult`."""

    name: str
    values: np.ndarray
    axes: Mapping[str, tuple[str, ...]]
    unit: str
    gaps: np.ndarray | None

    @cached_property
    def reduced(self) -> str:
        """The Python that makes few enough numbers of the values, after their name; "" where they are not too many."""
        if self.values.size <= MOST_NUMBERS:
            return ""
        mean, left = "", self.values.size
        if list(self.axes)[-1:] == [PROMPT] and self.values.ndim > 1:
            mean, left = ".mean(-1)", left // self.values.shape[-1]
        return mean if left <= MOST_NUMBERS else f"{mean}.ravel()[::{-(-left // MOST_NUMBERS)}]"

    @property
    def recorded(self) -> np.ndarray:
        """The values, as few of them as `reduced` says."""
        values = self.values
        if self.reduced.startswith(".mean"):
            values = values.mean(-1)
        return values.ravel()[:: int(self.reduced.rsplit(":", 1)[1][:-1])] if "ravel" in self.reduced else values


def shown_by_default(requests: Requests) -> tuple[Shown, ...]:
    """Return the main numbers of each request's result: those of single prompts, where it has them."""
    return tuple(Shown(_main_field(request), n) for n, request in enumerate(requests))


def _main_field(request: Request[Any]) -> str:
    kind = inspect.signature(request.function).return_annotation
    return "per_prompt" if isinstance(kind, type) and issubclass(kind, PromptResult) else "values"


def effects_shown(of: int = 0) -> list[Shown]:
    """Return the effects of every sender, heads and MLPs, of a `PathResult`."""
    return [Shown("effects", of), Shown("mlp_effects", of, axes=("layer", PROMPT))]
