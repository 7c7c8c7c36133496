"""Where a visitor is in a lesson: all of it is in the address, so that a link or Back brings it back. Hostile."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from app import url
from app.lessons.lesson import Lesson
from app.shell.widgets import link_refusals

_LONGEST = 2000
_ONE = r"\d{1,2}:[\d., e+-]{1,300}"
Answers = Mapping[int, str]
"""Step, from 1 -> the answer as `write_answer` writes it."""


@dataclass(frozen=True)
class Place:
    """A step of a lesson.

    Attributes:
        step: from 1; one more than there are steps is the end.
        unknown: a lesson that the address asks for and that is not here.
    """

    lesson: Lesson | None
    step: int = 1
    answers: Answers | None = None
    unknown: str = ""


def read_answers(text: str) -> dict[int, str]:
    """Return the answers that an address holds; what is none is left out."""
    if len(text) > _LONGEST or not re.fullmatch(f"({_ONE}(;{_ONE})*)?", text, re.ASCII):
        return {}
    pairs = (one.split(":", 1) for one in text.split(";") if one)
    return {int(step): answer for step, answer in pairs}


def write_answers(answers: Answers) -> str:
    """Return answers as an address holds them."""
    return ";".join(f"{step}:{answer}" for step, answer in sorted(answers.items()))


def current_place(lessons: Sequence[Lesson]) -> Place:
    """Return where the address says that the visitor is; what it says that cannot be is said above the page."""
    wanted = st.query_params.get(url.LESSON, "")
    lesson = next((one for one in lessons if one.id == wanted), None)
    if lesson is None:
        return Place(None, unknown=wanted[:40])
    step, end = st.query_params.get(url.STEP, "1"), len(lesson.steps) + 1
    number = int(step) if re.fullmatch(r"[0-9]{1,2}", step, re.ASCII) else 0
    shown = min(max(number, 1), end)
    if number != shown:
        link_refusals()[url.STEP] = f"'Step' is {step[:40]!r} in this link, but can be 1 to {end}: showing {shown}."
    text = st.query_params.get(url.ANSWERS, "")
    answers = read_answers(text)
    if text and not answers:
        link_refusals()[url.ANSWERS] = (
            "The answers in this link cannot be read: it may have been cut. They are left out."
        )
    return Place(lesson, shown, answers)


def go_to(lesson: Lesson | None, step: int = 1, answers: Answers | None = None) -> None:
    """Lead the visitor to a step of a lesson, or to the list of all."""
    wanted = {} if lesson is None else {url.LESSON: lesson.id, url.STEP: str(step)}
    if lesson is not None and answers:
        wanted[url.ANSWERS] = write_answers(answers)
    for name in (url.LESSON, url.STEP, url.ANSWERS):
        if name in wanted:
            st.query_params[name] = wanted[name]
        else:
            st.query_params.pop(name, None)
