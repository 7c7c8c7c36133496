"""The page's parts: the list of lessons, a step before and after its reveal, the end of a lesson."""

import html
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from app import url
from app.drawing.look import give_scripts, literal_markdown, notice, says
from app.lessons.answers import is_right, read_answer
from app.lessons.files.library import Library
from app.lessons.keys.recipe import Recipe
from app.lessons.keys.run import Run
from app.lessons.lesson import Lesson
from app.lessons.place import Place, go_to, write_answers
from app.lessons.printout import print_out
from app.lessons.question_panel import question_rooms, show_question, show_text
from app.lessons.reveal_panel import show_link, show_links, show_reveal
from app.lessons.steps import (
    about,
    answer_step,
    lesson_pairs,
    link_of,
    outcome,
    question_of,
    reveal_of,
    text_of,
)
from app.questions.ask import Compute
from app.questions.compute import compute as compute_in_line
from app.shell.title import headline
from app.shell.way import LESSONS
from app.take_home.menu import download_button
from app.view import View
from app.words.glossary import in_words as glossary_in_words
from ioi_core import Model

SCRIPT = Path(__file__).with_name("lessons.js").read_text(encoding="utf-8")

_HOW = "Each question is asked before its answer is shown, and every answer is computed on **{}**. {}"
_HIDE_WORDS = "<style>.st-key-words { display: none; }</style>"
_GO_ON = '<p class="ioi-lessons"><a data-ioi-lesson="{}" hidden></a></p>'
"""Where lessons.js offers to go on with what this browser keeps of a lesson."""


def keep_progress() -> None:
    """Give the browser the script that keeps how far a visitor got."""
    give_scripts("lessons-script", SCRIPT)


def _computing(model: Model) -> Compute:
    return lambda request: compute_in_line(model, request)


def show_list(view: View, library: Library, unknown: str) -> None:
    """List all lessons, and the files that cannot be used."""
    name, what = literal_markdown(view.model.name), literal_markdown(about(view.model))
    headline(LESSONS.question, _HOW.format(name, what))
    if unknown:
        notice(f"There is no lesson {unknown!r} here: choose one of these.")
    for lesson in library.lessons:
        with st.container(key=f"lesson-{lesson.id}", gap="xxsmall"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button(
                    literal_markdown(lesson.title), key=f"open-{lesson.id}", on_click=go_to, args=(lesson,),
                    icon=":material/school:",
                )  # fmt: skip
                st.caption(f"{lesson.minutes} minutes, {len(lesson.steps)} questions", width="content")
            st.html(_GO_ON.format(lesson.id))
            st.caption(literal_markdown(lesson.about))
    if library.refused:
        notice("Lesson files that cannot be used:\n" + "\n".join(library.refused))


def _tell_the_browser(place: Place, lesson: Lesson, asked: int | None = None) -> None:
    """Put where the visitor is where lessons.js finds it; `asked` are the questions, where some steps have none."""
    answers = place.answers or {}
    query = {url.LESSON: lesson.id, url.STEP: place.step} | ({url.ANSWERS: write_answers(answers)} if answers else {})
    held = (
        f'data-lesson="{lesson.id}" data-query="{html.escape(urlencode(query))}" data-done="{len(answers)}" '
        f'data-of="{len(lesson.steps) if asked is None else asked}"'
    )
    st.html(f'<p class="ioi-lessons" {held}></p>')


def show_step(view: View, place: Place, lesson: Lesson) -> None:
    """Draw a step: its question, or, once it is answered, the reveal."""
    model, n = view.model, place.step - 1
    step, pairs, answers = lesson.steps[n], lesson_pairs(lesson, model), dict(place.answers or {})
    title, name = literal_markdown(lesson.title), literal_markdown(model.name)
    said = f"{title}, question {place.step} of {len(lesson.steps)}, on **{name}**"
    headline(literal_markdown(step.title), said, tab=f"{lesson.title}, {place.step}")
    question = question_of(step, model, pairs)
    given = read_answer(question, answers[place.step]) if place.step in answers else None
    words, beside = question_rooms(question["kind"], large=view.large and given is None)
    if not answers:  # a link may open a lesson that was begun before
        st.html(_GO_ON.format(lesson.id))
    recipe = Recipe(_computing(model))
    answered = answer_step(step, Run(model, pairs, recipe))
    if given is None:
        with words:
            show_text(text_of(step, model, answered.lead))
    if not answered.asked:
        says(reveal_of(lesson, n, model, answered)["words"][0])
        show_links(lesson, n, model, answered)
    elif given is None:
        with words:
            show_question(view, place, lesson, question, answered, beside)
    else:
        show_reveal(view, place, lesson, question, answered, given, recipe)
    is_open = answered.asked and given is None
    if is_open:  # the whole glossary would give answers away
        st.html(_HIDE_WORDS)
    if terms := [*step.terms, *(() if is_open else step.terms_after)]:
        with st.expander("Words of this step"):
            st.markdown(glossary_in_words(terms))
    _show_way(place, lesson)
    _show_print_out(lesson, model)
    _tell_the_browser(place, lesson)


def _show_way(place: Place, lesson: Lesson) -> None:
    """Offer the steps before and after, the list, and to begin anew."""
    last = place.step >= len(lesson.steps)
    with st.container(horizontal=True, horizontal_alignment="distribute", key="lesson-way"):
        st.button(
            "Previous question", icon=":material/arrow_back:", on_click=go_to, disabled=place.step == 1,
            args=(lesson, place.step - 1, place.answers), key="lesson-back",
        )  # fmt: skip
        st.button(
            "All lessons", icon=":material/list:", on_click=go_to, args=(None,), type="tertiary", key="lesson-list"
        )
        st.button(
            "Start again", icon=":material/replay:", on_click=go_to, args=(lesson, 1), type="tertiary",
            key="lesson-again",
        )  # fmt: skip
        if place.step <= len(lesson.steps):
            st.button(
                "To the end" if last else "Next question", icon=":material/arrow_forward:", icon_position="right",
                on_click=go_to, args=(lesson, place.step + 1, place.answers), key="lesson-next",
            )  # fmt: skip


def _show_print_out(lesson: Lesson, model: Model) -> None:
    make = partial(print_out, lesson, model, _computing(model))
    download_button(
        "Print-out: questions, then answers", make, f"lesson_{lesson.id}.html", "text/html", key="print-out"
    )


def show_end(view: View, place: Place, lesson: Lesson, lessons: Sequence[Lesson]) -> None:
    """Draw what was found in every step, something more, and the lesson that follows."""
    model, pairs, answers = view.model, lesson_pairs(lesson, view.model), place.answers or {}
    headline("What you found", f"{literal_markdown(lesson.title)}, on **{literal_markdown(model.name)}**")
    right, asked, lines = 0, 0, []
    for n, step in enumerate(lesson.steps, 1):
        answered, question = answer_step(step, Run(model, pairs, _computing(model))), question_of(step, model, pairs)
        given = read_answer(question, answers[n]) if n in answers else None
        reveal = reveal_of(lesson, n - 1, model, answered)
        if answered.asked:
            right, asked = right + (given is not None and is_right(question, reveal, given)), asked + 1
        stop = "" if step.title.endswith("?") else "."
        became = literal_markdown(outcome(model, question, reveal, given))
        lines.append(f"{n}. **{literal_markdown(step.title)}{stop}** {became}")
    if answers:
        says(f"You were right in {right} of {asked} questions. What surprised you is what you will remember.")
    else:
        says(f"No answer of yours is known here: go back to a step, and answer it. There are {asked} questions.")
    st.markdown("\n".join(lines))
    if following := next(iter(lessons[lessons.index(lesson) + 1 :]), None):
        label = f"Next lesson: {literal_markdown(following.title)}"
        st.button(label, icon=":material/school:", type="primary", key="next-lesson", on_click=go_to, args=(following,))
    st.header("Something more", anchor=False)
    st.markdown(literal_markdown(lesson.more))
    show_link("Work on it", link_of(lesson.more_link, lesson, model), lesson.more_link.note)
    _show_way(place, lesson)
    _show_print_out(lesson, model)
    _tell_the_browser(place, lesson, asked)
