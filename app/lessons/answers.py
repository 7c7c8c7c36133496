"""Answers: plain values, as a question wants them; checked, compared with the key, said in words. No Streamlit here.

A question is a dictionary without its key, and so can be sent to anybody; a reveal holds key and numbers. What comes
from a browser is hostile: `check_answer` takes any value.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from app.words.phrases import listed, number

Question = Mapping[str, Any]
Reveal = Mapping[str, Any]

_MOST_TEXT = 600
_NOTHING = 0.01  # logits, or a share
_ROUNDED = 1e-9  # of a step: that much is an error of floating point


def check_answer(question: Question, answer: object) -> str | None:
    """Return what is wrong with an answer, in words; None if it can be taken.

    An answer is an index (choice), a number, [row, column] (cell), some different [layer, head] (heads), or a list of
    numbers, one for each x (curve).
    """
    kind = question["kind"]
    if kind == "choice":
        count = len(question["choices"])
        return None if _is_index(answer, count) else f"choose one of the {count} answers"
    if kind == "number":
        low, high = question["low"], question["high"]
        return None if _is_between(answer, low, high) else f"give a number from {low:g} to {high:g}"
    if kind == "cell":
        rows, columns = len(question["rows"]), len(question["columns"])
        return None if _is_pair(answer, rows, columns) else "choose one cell of the grid"
    if kind == "heads":
        return _check_heads(question, answer)
    low, high, count = question["low"], question["high"], len(question["x"])
    given = isinstance(answer, list) and len(answer) == count and all(_is_between(y, low, high) for y in answer)
    return None if given else f"give {count} numbers from {low:g} to {high:g}"


def _check_heads(question: Question, answer: object) -> str | None:
    layers, heads, most = question["layers"], question["heads"], question["most"]
    if not isinstance(answer, list) or not 0 < len(answer) <= most:
        return "choose a head" if most == 1 else f"choose 1 to {most} heads"
    if not all(_is_pair(head, layers, heads) for head in answer):
        return f"heads are 0 to {heads - 1} in layers 0 to {layers - 1}"
    return None if len({tuple(head) for head in answer}) == len(answer) else "choose each head once"


def _is_index(value: object, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def _is_between(value: object, low: float, high: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and low <= value <= high  # type: ignore[operator]


def _is_pair(value: object, rows: int, columns: int) -> bool:
    return isinstance(value, list) and len(value) == 2 and _is_index(value[0], rows) and _is_index(value[1], columns)


def is_right(question: Question, reveal: Reveal, answer: Any) -> bool:
    """Return whether an answer that was checked is right.

    A choice or a cell must be one of the right ones, a number lie between two, heads all be right ones, and a curve be
    near the real one, on average over its points.
    """
    right = reveal["right"]
    match question["kind"]:
        case "choice" | "cell":
            return answer in right
        case "number":
            return bool(right[0] <= answer <= right[1])
        case "heads":
            return all(head in right for head in answer)
        case _:
            apart = [abs(y - real) for y, real in zip(answer, reveal["key"], strict=True)]
            return sum(apart) / len(apart) <= right


def counts_as_right(question: Question, reveal: Reveal) -> list[str]:
    """Return a sentence on how far from the key an answer may be, none where a question's answer is one or another."""
    right, unit = reveal["right"], question.get("unit", "")
    if question["kind"] == "curve":
        return [f"A curve is right that is off by {right:g} {unit} on average, or less."]
    if question["kind"] != "number" or right[0] == right[1]:
        return []
    step, low = question["step"], question["low"]
    ends = (
        low + step * math.ceil((right[0] - low) / step - _ROUNDED),
        low + step * math.floor((right[1] - low) / step + _ROUNDED),
    )
    first, last = max(ends[0], low), min(ends[1], question["high"])
    if first >= last:
        return []
    from_, to = (with_unit(end, unit) for end in (first, last))
    return [f"Every answer from {from_.removesuffix(unit).rstrip()} to {to} counts as right."]


def in_words(question: Question, answer: Any) -> str:
    """Return an answer in words, as part of a sentence."""
    match question["kind"]:
        case "choice":
            return str(question["choices"][answer])
        case "number":
            return with_unit(float(answer), question["unit"])
        case "cell":
            return f"{question['rows'][answer[0]]} at “{question['columns'][answer[1]]}”"
        case "heads":
            return listed([f"{layer}.{head}" for layer, head in answer])
        case _:
            return ", ".join(number(float(y)) for y in answer)


def with_unit(value: float, unit: str) -> str:
    """Return a number as a question of this unit counts: "+1.5 logits", "83 %", "26 times", "layer 4"."""
    if unit == "layer":
        return f"layer {value:.0f}"
    if unit == "logits":
        return f"{number(value, nothing=_NOTHING)} logits"
    if unit == "share":
        return number(value, nothing=_NOTHING)
    plain = f"{value:.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.1f}"
    return f"{plain} {unit}".strip()


def write_answer(kind: str, answer: Any) -> str:
    """Return an answer as letters of an address; `read_answer` reads it."""
    if kind == "heads":
        return " ".join(f"{layer}.{head}" for layer, head in answer)
    values: Sequence[float] = answer if isinstance(answer, list) else [answer]
    return ",".join(f"{value:g}" for value in values)


def read_answer(question: Question, text: str) -> Any:
    """Return the answer that an address holds; None if it is none to this question."""
    kind = question["kind"]
    answer: Any
    try:
        if len(text) > _MOST_TEXT:
            return None
        if kind == "heads":
            answer = [[int(part) for part in name.split(".")] for name in text.split(" ")]
        else:
            values = [int(part) if kind in ("choice", "cell") else float(part) for part in text.split(",")]
            answer = values[0] if kind in ("choice", "number") and len(values) == 1 else values
    except ValueError:
        return None
    return answer if check_answer(question, answer) is None else None
