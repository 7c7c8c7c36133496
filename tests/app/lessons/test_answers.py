"""Answers: any value is checked in words, is read back from an address, and is right or wrong."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lessons.answers import check_answer, counts_as_right, in_words, is_right, read_answer, write_answer
from app.lessons.place import read_answers, write_answers

QUESTIONS: dict[str, dict[str, Any]] = {
    "choice": {"kind": "choice", "choices": ["a", "b", "c"]},
    "number": {"kind": "number", "low": 0, "high": 100, "step": 1, "unit": "%"},
    "cell": {"kind": "cell", "rows": ["layer 0", "layer 1"], "columns": ["When", "John (S1)"]},
    "heads": {"kind": "heads", "layers": 6, "heads": 4, "most": 3},
    "curve": {"kind": "curve", "x": ["before 0", "end"], "low": -1, "high": 5, "unit": "logits"},
}
GOOD = {"choice": 2, "number": 36.5, "cell": [1, 1], "heads": [[3, 0], [5, 3]], "curve": [0.5, -1.0]}
BAD: dict[str, list[Any]] = {
    "choice": [None, -1, 3, True, "0", 1.0, [0]],
    "number": [None, -1, 101, float("nan"), float("inf"), True, "5", [5]],
    "cell": [None, [], [0], [2, 0], [0, 2], [-1, 0], [0, 0, 0], [True, 0], "00", {0: 0}],
    "heads": [None, [], [[6, 0]], [[0, 4]], [[0, 0], [0, 0]], [[0, 0]] * 4, [0, 0], [[0, "0"]], "0.0"],
    "curve": [None, [], [0], [0, 0, 0], [0, 6], [0, None], [0, float("nan")], "00"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", QUESTIONS)
def test_answers_are_checked_and_read_back(kind: str):
    question, answer = QUESTIONS[kind], GOOD[kind]
    assert check_answer(question, answer) is None
    assert read_answer(question, write_answer(kind, answer)) == answer
    assert in_words(question, answer)
    for bad in BAD[kind]:
        assert check_answer(question, bad), bad


@pytest.mark.parametrize(
    ("right", "step", "said"),
    [
        ([14.5, 38.5], 1, "Every answer from 15 to 38 % counts as right."),
        ([0.4, 0.6], 0.1, "Every answer from 0.4 to 0.6 % counts as right."),  # 0.6 / 0.1 is below 6
        ([69.2, 130], 1, "Every answer from 70 to 100 % counts as right."),  # not beyond the scale
        ([8, 8], 1, ""), ([7.6, 8.4], 1, ""),
    ],
)  # fmt: skip
def test_what_counts_as_right_is_what_is_right(right: list[float], step: float, said: str):
    question = {**QUESTIONS["number"], "step": step}
    assert counts_as_right(question, {"right": right}) == [said] * bool(said)
    if said:
        low, high = (float(part) for part in re.findall(r"[\d.]+\d|\d+", said))
        assert all(is_right(question, {"right": right}, round(end, 9)) for end in (low, high))
        assert not is_right(question, {"right": right}, low - step)
        assert high == 100 or not is_right(question, {"right": right}, high + step)


def test_how_far_off_a_curve_may_be_is_said():
    assert counts_as_right(QUESTIONS["curve"], {"right": 0.8}) == [
        "A curve is right that is off by 0.8 logits on average, or less."
    ]
    assert counts_as_right(QUESTIONS["choice"], {"right": [1]}) == []


@pytest.mark.parametrize("kind", QUESTIONS)
@given(value=JSON, text=st.text(max_size=40))
def test_whatever_a_browser_sends_is_an_answer_or_refused(kind: str, value: Any, text: str):
    question = QUESTIONS[kind]
    if (why_not := check_answer(question, value)) is None:
        assert in_words(question, value)
    else:
        assert 0 < len(why_not) < 100
    read = read_answer(question, text)
    assert read is None or check_answer(question, read) is None


@pytest.mark.parametrize(
    ("kind", "right", "key", "answer", "expected"),
    [
        ("choice", [1], 1, 1, True), ("choice", [1], 1, 0, False),
        ("number", [20, 40], 30, 40, True), ("number", [20, 40], 30, 41, False),
        ("cell", [[0, 0], [1, 1]], [0, 0], [1, 1], True), ("cell", [[0, 0]], [0, 0], [1, 1], False),
        ("heads", [[3, 0], [2, 0]], [[3, 0], [2, 0]], [[2, 0]], True),
        ("heads", [[3, 0], [2, 0]], [[3, 0], [2, 0]], [[2, 0], [1, 0]], False),
        ("curve", 0.6, [0.0, 4.0], [0.0, 3.0], True), ("curve", 0.6, [0.0, 4.0], [1.0, 3.0], False),
    ],
)  # fmt: skip
def test_what_is_right(kind: str, right: Any, key: Any, answer: Any, expected: bool):
    assert is_right(QUESTIONS[kind], {"right": right, "key": key}, answer) is expected


def test_answers_stand_in_an_address_and_nothing_else_does():
    answers = {1: "0", 2: "36.5", 3: "4,10", 4: "9.9 9.6", 10: "0,-1,2e-3"}
    assert read_answers(write_answers(answers)) == answers
    for hostile in ("1", "1:", "x:1", "1:<b>", "1:1;;2:2", "1:1;" * 2000, "１:1", "-1:0"):
        assert read_answers(hostile) == {}
