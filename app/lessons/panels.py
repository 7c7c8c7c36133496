"""The page's parts: the list of lessons, a step before and after its reveal, the end of a lesson."""

import html
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import url
from app.drawing.figure import show_chart
from app.drawing.look import give_scripts, literal_markdown, notice, says
from app.drawing.table import plain_table
from app.lessons.answers import check_answer, in_words, is_right, read_answer, write_answer
from app.lessons.charts import reveal_chart
from app.lessons.controls import answer_control, start_of
from app.lessons.keys.recipe import Recipe
from app.lessons.keys.run import Compute, Run
from app.lessons.lesson import Lesson
from app.lessons.library import Library
from app.lessons.place import Place, go_to, write_answers
from app.lessons.printout import print_out
from app.lessons.steps import (
    Answered,
    about,
    answer_step,
    ask_of,
    drawn_of,
    found,
    hint,
    lesson_pairs,
    link_of,
    question_of,
    reveal_of,
    said_on_page,
    text_of,
    verdict,
)
from app.lessons.tables import as_said, reveal_frame
from app.questions.ask import Request
from app.questions.compute import compute as compute_in_line
from app.shell.prompts import PromptChoice, prompts_in_words, recipe_of
from app.shell.title import headline
from app.shell.way import LESSONS
from app.take_home.menu import Drawn, begin_records, download_button, take_home
from app.view import View
from app.words.glossary import in_words as glossary_in_words
from ioi_core import Model, PromptPairs

SCRIPT = Path(__file__).with_name("lessons.js").read_text(encoding="utf-8")

_HOW = "Each question is asked before its answer is shown, and every answer is computed on **{}**. {}"
_HIDE_WORDS = "<style>.st-key-words { display: none; }</style>"
_REFUSED = "_lesson_refused"
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
    words, beside = _rooms(question["kind"], large=view.large and given is None)
    if not answers:  # a link may open a lesson that was begun before
        st.html(_GO_ON.format(lesson.id))
    recipe = Recipe(_computing(model))
    answered = answer_step(step, Run(model, pairs, recipe))
    if given is None:
        with words:
            _show_text(text_of(step, model, answered.lead))
    if not answered.asked:
        says(reveal_of(lesson, n, model, answered)["words"][0])
        _show_links(lesson, n, model, answered)
    elif given is None:
        with words:
            _show_question(view, place, lesson, question, answered, beside)
    else:
        _show_reveal(view, place, lesson, question, answered, given, recipe)
    is_open = answered.asked and given is None
    if is_open:  # the whole glossary would give answers away
        st.html(_HIDE_WORDS)
    if terms := [*step.terms, *(() if is_open else step.terms_after)]:
        with st.expander("Words of this step"):
            st.markdown(glossary_in_words(terms))
    _show_way(place, lesson)
    _show_print_out(lesson, model)
    _tell_the_browser(place, lesson)


def _rooms(kind: str, *, large: bool) -> tuple[DeltaGenerator, DeltaGenerator | None]:
    """Return where the words of a question go, and where its figure: on a projector, which is low, beside them."""
    if large and kind in ("cell", "heads", "curve"):
        left, right = st.columns([2, 3])
        return left, right
    return st.container(), None


def _show_text(text: Sequence[str]) -> None:
    for paragraph in text:
        st.markdown(literal_markdown(paragraph))


def _show_question(
    view: View, place: Place, lesson: Lesson, question: Mapping[str, Any], answered: Answered,
    beside: DeltaGenerator | None,
) -> None:  # fmt: skip
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


def _show_reveal(
    view: View, place: Place, lesson: Lesson, question: Mapping[str, Any], answered: Answered, given: Any,
    recipe: Recipe,
) -> None:  # fmt: skip
    n, model = place.step - 1, view.model
    step, reveal = lesson.steps[n], reveal_of(lesson, n, model, answered)
    words = ask_of(step, model)
    st.markdown(f"**{literal_markdown(words)}** {literal_markdown(f'Your answer: {in_words(question, given)}.')}")
    measured = drawn_of(step, model, answered)
    chart = reveal_chart(step, question, measured, reveal["right"], given)
    columns = len(question.get("columns", ())) or question.get("heads", 0)
    show_chart(
        "lesson_reveal", chart, large=view.large, first=True, min_width=130 + 46 * columns if columns else 0,
        from_right=question["kind"] == "cell",
    )  # fmt: skip
    if reveal["figure"]["read"]:
        st.caption(literal_markdown(reveal["figure"]["read"]))
    said = [verdict(question, reveal, given), *reveal["words"], *said_on_page(step, model, answered)]
    says(said[0])
    _show_text(said[1:])
    frame = reveal_frame(step, question, measured, given)
    with st.container(horizontal=True, key="lesson-numbers"):
        with st.expander("The numbers as a table"):
            st.html(plain_table(as_said(frame, measured), f"Numbers of the figure: {measured.title}", {}))
        pairs = lesson_pairs(lesson, model)
        begin_records(model, pairs, *prompts_of(lesson, pairs))
        about = f"Question {place.step} of the lesson {lesson.title}: {words} {reveal['figure']['read']}"
        drawn = Drawn(
            "lesson_reveal", measured.title, " ".join(said), literal_markdown(about), tuple(recipe.requests),
            tuple(recipe.shown),
        )  # fmt: skip
        take_home(drawn, lambda: frame, [chart])
    _show_links(lesson, n, model, answered)
    with st.expander("The question again"):
        _show_text(text_of(step, model, answered.lead))
    others = {step: answer for step, answer in (place.answers or {}).items() if step != place.step}
    st.button(
        "Answer again", icon=":material/replay:", type="tertiary", key="answer-again", on_click=go_to,
        args=(lesson, place.step, others),
    )  # fmt: skip


def prompts_of(lesson: Lesson, pairs: PromptPairs) -> tuple[Request[PromptPairs], str]:
    """Return what makes a lesson's prompts, whatever the sidebar says, and what they are called."""
    choice = PromptChoice(lesson.prompts, pairs.prepend_bos, n=len(pairs), templates="mixed")
    bos = "BOS in front" if pairs.prepend_bos else "no BOS"
    return recipe_of(choice), f"{prompts_in_words(choice, len(pairs))}; corruption: {choice.corruption}; {bos}"


def _show_links(lesson: Lesson, n: int, model: Model, answered: Answered) -> None:
    address, note = reveal_of(lesson, n, model, answered)["link"], lesson.steps[n].link.note
    _link("Look for yourself: the page in this state", address, note)


def _link(label: str, address: str, note: str) -> None:
    """Draw a link that leaves the lesson in the same tab: Back returns to it, with its answers."""
    leads = f'<a href="{html.escape(address.removeprefix("/"))}">{html.escape(label)}</a>'
    st.html(f'<p class="ioi-on">{leads}{note and f". {html.escape(note)}"}</p>')


def _show_way(place: Place, lesson: Lesson) -> None:
    """Offer the steps before and after, the list, and to begin anew."""
    last = place.step >= len(lesson.steps)
    with st.container(horizontal=True, horizontal_alignment="distribute", key="lesson-way"):
        st.button(
            "Previous question", icon=":material/arrow_back:", on_click=go_to, disabled=place.step == 1,
            args=(lesson, place.step - 1, place.answers), key="lesson-back",
        )  # fmt: skip
        st.button("All lessons", on_click=go_to, args=(None,), type="tertiary", key="lesson-list")
        st.button("Start again", on_click=go_to, args=(lesson, 1), type="tertiary", key="lesson-again")
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
        became = literal_markdown(found(model, question, reveal, given))
        lines.append(f"{n}. **{literal_markdown(step.title)}{stop}** {became}")
    says(f"You were right in {right} of {asked} questions. What surprised you is what you will remember.")
    st.markdown("\n".join(lines))
    if following := next(iter(lessons[lessons.index(lesson) + 1 :]), None):
        label = f"Next lesson: {literal_markdown(following.title)}"
        st.button(label, icon=":material/school:", type="primary", key="next-lesson", on_click=go_to, args=(following,))
    st.header("Something more", anchor=False)
    st.markdown(literal_markdown(lesson.more))
    _link("Work on it", link_of(lesson.more_link, lesson, model), lesson.more_link.note)
    _show_way(place, lesson)
    _show_print_out(lesson, model)
    _tell_the_browser(place, lesson, asked)
