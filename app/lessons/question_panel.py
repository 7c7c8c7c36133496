"""A question before it is answered: its words, its figure, hints, and the button that takes an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.drawing.look import literal_markdown, notice, says
from app.lessons.answers import check_answer, in_words, write_answer
from app.lessons.controls import answer_control, start_of
from app.lessons.lesson import Lesson
from app.lessons.place import Place, go_to
from app.lessons.steps import Answered, ask_of, hint
from app.view import View

_REFUSED = "_lesson_refused"


def question_rooms(kind: str, *, large: bool) -> tuple[DeltaGenerator, DeltaGenerator | None]:
    """Return where the words of a question go, and where its figure: on a projector, which is low, beside them."""
    if large and kind in ("cell", "heads", "curve"):
        left, right = st.columns([2, 3])
        return left, right
    return st.container(), None


def show_text(text: Sequence[str]) -> None:
    """Draw paragraphs."""
    for paragraph in text:
        st.markdown(literal_markdown(paragraph))


def show_question(
    view: View, place: Place, lesson: Lesson, question: Mapping[str, Any], answered: Answered,
    beside: DeltaGenerator | None,
) -> None:  # fmt: skip
    """Draw the controls that an answer is given with, and the hints that were asked for."""
    step = lesson.steps[place.step - 1]
    key = f"lesson-{lesson.id}-{place.step}"
    words = ask_of(step, view.model)
    answer = answer_control(question, words, key, beside, large=view.large)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Show the answer", type="primary", key=f"{key}-show", on_click=_take,
            args=(place, lesson, question, answer),
        )  # fmt: skip
        shown = int(st.session_state.get(f"_{key}-hints", 0))
        if shown < len(step.hints):
            label = "Show me" if shown == len(step.hints) - 1 else f"Hint {shown + 1} of {len(step.hints)}"
            st.button(
                label, type="tertiary", icon=":material/lightbulb:", key=f"{key}-hint",
                on_click=st.session_state.__setitem__, args=(f"_{key}-hints", shown + 1),
            )  # fmt: skip
    if refused := st.session_state.pop(_REFUSED, ""):
        notice(refused)
        if (start := start_of(question)) is not None:
            st.button(
                f"I mean {in_words(question, start)}" if question["kind"] == "number" else "I mean it as it stands",
                key=f"{key}-start", on_click=_take, args=(place, lesson, question, start),
            )  # fmt: skip
    for n in range(shown):
        says(hint(step, n, view.model, answered))


def _take(place: Place, lesson: Lesson, question: Mapping[str, Any], answer: Any | None) -> None:
    """Take an answer, if it is one."""
    do = "move a slider" if question["kind"] == "curve" else "move the slider" if question["kind"] == "number" else ""
    why_not = (do or "choose an answer") if answer is None else check_answer(question, answer)
    if why_not:
        st.session_state[_REFUSED] = f"To see the answer, {why_not} first."
    else:
        go_to(lesson, place.step, {**(place.answers or {}), place.step: write_answer(question["kind"], answer)})
