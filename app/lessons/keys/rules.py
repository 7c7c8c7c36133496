"""The rules that read the key off what was measured, and say whether the question is fair. No Streamlit here.

A question is fair where what is right stands clear of what is wrong by the step's margin; else the model does not show
what is asked about, and the step says so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.lessons.answers import with_unit
from app.lessons.keys.measured import Measured
from app.lessons.lesson import Step
from app.words.phrases import listed

_PART = 4  # what is right is at least a fourth of the best
_LEAST = 100  # a hundredth of the best counts as this much where ratios are taken
FACTS = ("model", "key", "value", "second", "answer")
"""Placeholders that every rule fills, "answer" with the visitor's own."""


@dataclass(frozen=True)
class Key:
    """What is right.

    Attributes:
        key: the best answer, as a question of this kind has it; right: what counts as right, see `is_right`.
        values: the numbers behind it, as plain lists, None where there is none.
        clear: by how much what is right stands above what is wrong; fair: that is the margin or more.
        facts: placeholder -> what it is filled with.
    """

    key: Any
    right: Any
    values: Any
    clear: float
    fair: bool
    facts: Mapping[str, str] = field(default_factory=dict)


def _plain(values: np.ndarray) -> Any:
    """Return numbers as lists, None for nan."""
    if values.ndim == 0:
        return float(values) if np.isfinite(values) else None
    return [_plain(part) for part in values]


def _standing_out(sizes: Sequence[float]) -> int:
    """Return how many of some sizes, the largest first, stand out: up to where the next is smallest for its size."""
    best = sizes[0]
    floor = best / _LEAST
    few = [n for n, size in enumerate(sizes[:-1]) if size >= best / _PART]
    return max(few, key=lambda n: sizes[n] / max(sizes[n + 1], floor), default=0) + 1


def _cells(measured: Measured, step: Step, sign: int, names: Callable[[int, int], str]) -> Key:
    """Return the cells with the largest effects of one sign."""
    values = np.where(np.isfinite(measured.values), sign * measured.values, -np.inf)
    order = np.argsort(-values, axis=None, kind="stable")
    sizes = [float(values.ravel()[n]) for n in order if np.isfinite(values.ravel()[n])]
    if not sizes or sizes[0] <= 0:
        return Key(None, [], _plain(measured.values), 0.0, False)
    count = _standing_out(sizes)
    cells = [[int(part) for part in divmod(int(n), values.shape[1])] for n in order[:count]]
    clear = sizes[count - 1] - max(0.0, sizes[count] if count < len(sizes) else 0.0)
    facts = {
        "key": listed([names(*cell) for cell in cells]),
        "value": with_unit(sign * sizes[0], measured.unit),
        "second": with_unit(sign * sizes[1], measured.unit) if len(sizes) > 1 else "0",
    }
    if step.ask.kind == "heads":
        return Key(cells[: step.ask.most], cells, _plain(measured.values), clear, clear >= step.margin, facts)
    return Key(cells[0], cells, _plain(measured.values), clear, clear >= step.margin, facts)


def _short(column: str) -> str:
    """Return a token's role, where it has one; else the token."""
    token, has_role, role = column.removesuffix(")").partition(" (")
    return role if has_role else f"“{token}”"


def _largest_cell(measured: Measured, step: Step) -> Key:
    rows, columns = measured.labels
    return _cells(measured, step, 1, lambda row, column: f"{rows[row]} at {_short(columns[column])}")


def _largest_heads(measured: Measured, step: Step) -> Key:
    return _cells(measured, step, 1, lambda layer, head: f"{layer}.{head}")


def _smallest_heads(measured: Measured, step: Step) -> Key:
    return _cells(measured, step, -1, lambda layer, head: f"{layer}.{head}")


def _largest_choice(measured: Measured, step: Step) -> Key:
    [labels] = measured.labels
    values = np.array([float(measured.values[labels.index(choice.of or "")]) for choice in step.ask.choices])
    first, second = np.argsort(-values, kind="stable")[:2]
    clear = float(values[first] - values[second])
    facts = {
        "key": step.ask.choices[first].text, "value": with_unit(float(values[first]), measured.unit),
        "second": with_unit(float(values[second]), measured.unit),
    }  # fmt: skip
    fair = bool(np.isfinite(values).all()) and clear >= step.margin
    return Key(int(first), [int(first)], _plain(values), clear, fair, facts)


def _largest_place(measured: Measured, step: Step) -> Key:
    values = measured.values
    first, second = np.argsort(-values, kind="stable")[:2]
    clear = float(values[first] - values[second])
    facts = {
        "key": measured.labels[0][first], "value": with_unit(float(values[first]), measured.unit),
        "second": with_unit(float(values[second]), measured.unit),
    }  # fmt: skip
    right = [float(first) - step.within, float(first) + step.within]
    return Key(float(first), right, float(first), clear, clear >= step.margin, facts)


def _range(measured: Measured, step: Step) -> Key:
    value = float(measured.values)
    holds = [n for n, choice in enumerate(step.ask.choices) if choice.low <= value < choice.high]
    if len(holds) != 1:
        return Key(None, [], None, 0.0, False, {"value": with_unit(value, measured.unit)} if np.isfinite(value) else {})
    choice = step.ask.choices[holds[0]]
    clear = min(value - choice.low, choice.high - value)
    facts = {"key": choice.text, "value": with_unit(value, measured.unit)}
    return Key(holds[0], holds, None, clear, clear >= step.margin, facts)


def _value(measured: Measured, step: Step) -> Key:
    value = float(measured.values)
    if not np.isfinite(value):
        return Key(None, [0, 0], None, 0.0, False)
    top = step.ask.high if isinstance(step.ask.high, float) else np.inf
    said = with_unit(value, measured.unit)
    right, fair = [value - step.within, value + step.within], step.ask.low <= value <= top and value >= step.margin
    return Key(value, right, value, value, fair, {"key": said, "value": said})


def _curve(measured: Measured, step: Step) -> Key:
    values = measured.values
    if not np.isfinite(values).all():
        return Key(None, step.within, None, 0.0, False)
    clear = float(values.max() - values.min())
    facts = {"value": with_unit(float(values[-1]), measured.unit), "key": with_unit(float(values[-1]), measured.unit)}
    return Key(_plain(values), step.within, _plain(values), clear, clear >= step.margin, facts)


@dataclass(frozen=True)
class Rule:
    """A rule: the kind of question it is for, the shape of numbers it reads, and how."""

    kind: str
    shape: str
    read: Callable[[Measured, Step], Key]


RULES: Mapping[str, Rule] = {
    "largest choice": Rule("choice", "labels", _largest_choice),
    "range": Rule("choice", "scalar", _range),
    "value": Rule("number", "scalar", _value),
    "largest place": Rule("number", "labels", _largest_place),
    "largest cell": Rule("cell", "cells", _largest_cell),
    "largest heads": Rule("heads", "heads", _largest_heads),
    "smallest heads": Rule("heads", "heads", _smallest_heads),
    "curve": Rule("curve", "curve", _curve),
}
"""Name in a lesson's file -> the rule."""
