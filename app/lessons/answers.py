"""What an answer to each kind of question must be, and whether it is right. Answers come from anybody's browser."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

Json = Mapping[str, Any]


def check_answer(question: Json, answer: object) -> str | None:
    """Return None for an answer to `question`, else what is wrong with it, in words that quote nothing of it."""
    return {"choice": _choice, "number": _number, "cell": _cell, "heads": _heads, "curve": _curve}[question["kind"]](
        question, answer
    )


def is_right(question: Json, reveal: Json, answer: Any) -> bool:
    """Return whether `answer`, which `check_answer` has passed, is a right one.

    `reveal["right"]`: a number's and a curve's tolerance; the right answers of a choice or a cell; heads, all of which
    are right ones.
    """
    key, right = reveal["key"], reveal["right"]
    if question["kind"] == "number":
        return abs(answer - key) <= right
    if question["kind"] == "curve":
        return sum(abs(a - b) for a, b in zip(answer, key, strict=True)) / len(key) <= right
    if question["kind"] == "heads":
        return all(list(head) in [list(one) for one in right] for head in answer)
    return answer == key or answer in right


def _choice(question: Json, answer: object) -> str | None:
    return None if _index(answer, len(question["choices"])) else "Choose one of the answers."


def _number(question: Json, answer: object) -> str | None:
    if _finite(answer) and question["low"] <= answer <= question["high"]:
        return None
    return f"Choose a number from {question['low']} to {question['high']}."


def _cell(question: Json, answer: object) -> str | None:
    sizes = (len(question["rows"]), len(question["columns"]))
    return None if _pair(answer, sizes) else "Choose a cell of the grid."


def _heads(question: Json, answer: object) -> str | None:
    sizes, most = (question["layers"], question["heads"]), question["most"]
    if not isinstance(answer, list) or not 1 <= len(answer) <= most or not all(_pair(one, sizes) for one in answer):
        return f"Choose 1 to {most} heads of the grid."
    return None if len({tuple(one) for one in answer}) == len(answer) else "Choose each head once."


def _curve(question: Json, answer: object) -> str | None:
    if not isinstance(answer, list) or len(answer) != len(question["x"]):
        return f"Draw the whole curve, {len(question['x'])} points."
    if not all(_finite(one) and question["low"] <= one <= question["high"] for one in answer):
        return f"Draw the curve between {question['low']} and {question['high']}."
    return None


def _index(value: object, size: int) -> bool:
    return type(value) is int and 0 <= value < size


def _pair(value: object, sizes: tuple[int, int]) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_index, value, sizes))


def _finite(value: object) -> bool:
    return (type(value) is int and abs(value) < 10**15) or (type(value) is float and isfinite(value))
