"""Simulated students, with whom a teacher rehearses alone: some right, more of them in the second vote."""

import random
from collections.abc import Mapping
from typing import Any

from app.lessons.answers import check_answer, is_right

MOST = 200
_RIGHT_AT_ONCE, _CONVINCED = 0.45, 0.6

Json = Mapping[str, Any]


def answers(question: Json, reveal: Json, students: int, vote: int, seed: str) -> dict[str, Any]:
    """Return name -> answer; the same for the same `seed`. A student right at first stays so in the second vote."""
    given = {}
    for n in range(students):
        name = f"simulated {n}"
        chance = random.Random(f"{seed} {n}")
        guess = _guess(question, chance)
        right = chance.random() < _RIGHT_AT_ONCE
        if right or (chance.random() < _CONVINCED and vote == 2):
            guess = _near(question, reveal, chance)
        given[name] = guess
    return given


def _near(question: Json, reveal: Json, chance: random.Random) -> Any:
    """Return an answer close to the key, and right if that is found soon."""
    for width in (0.1, 0.03, 0.01):
        answer = _moved(question, reveal["key"], width, chance)
        if check_answer(question, answer) is None and is_right(question, reveal, answer):
            return answer
    return _moved(question, reveal["key"], 0.0, chance)


def _moved(question: Json, key: Any, width: float, chance: random.Random) -> Any:
    if question["kind"] == "heads":
        return key[: question["most"]]
    if question["kind"] in ("choice", "cell"):
        return key
    spread = (question["high"] - question["low"]) * width
    if question["kind"] == "curve":
        return [_within(question, value + chance.gauss(0, spread)) for value in key]
    return _on_step(question, key + chance.gauss(0, spread))


def _guess(question: Json, chance: random.Random) -> Any:
    match question["kind"]:
        case "choice":
            return chance.randrange(len(question["choices"]))
        case "number":
            return _on_step(question, chance.uniform(question["low"], question["high"]))
        case "cell":
            return [chance.randrange(len(question["rows"])), chance.randrange(len(question["columns"]))]
        case "heads":
            every = [[layer, head] for layer in range(question["layers"]) for head in range(question["heads"])]
            return chance.sample(every, min(len(every), chance.randint(1, question["most"])))
    low, high, value = question["low"], question["high"], 0.0
    end = chance.uniform(low, high)
    points = len(question["x"])
    bend = chance.uniform(0.5, 3)
    start = _within(question, value)
    return [_within(question, start + (end - start) * (n / max(1, points - 1)) ** bend) for n in range(points)]


def _on_step(question: Json, value: float) -> float:
    low, step = question["low"], question.get("step") or 1
    return _within(question, round(low + round((value - low) / step) * step, 6))


def _within(question: Json, value: float) -> float:
    return round(min(question["high"], max(question["low"], value)), 6)
