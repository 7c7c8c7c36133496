"""A step after its answer: the figure with the answer in it, what to take from it, and where to look further."""

import html
from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.drawing.figure import show_chart
from app.drawing.look import literal_markdown, says
from app.drawing.table import plain_table
from app.lessons.answers import in_words
from app.lessons.charts import grid_width, reveal_chart
from app.lessons.keys.recipe import Recipe
from app.lessons.lesson import Lesson
from app.lessons.place import Place, go_to
from app.lessons.question_panel import show_text
from app.lessons.steps import (
    Answered,
    ask_of,
    drawn_of,
    lesson_pairs,
    reveal_of,
    said_on_page,
    text_of,
    verdict,
)
from app.lessons.tables import as_said, reveal_frame
from app.questions.ask import Request
from app.shell.prompts import PromptChoice, prompts_in_words, recipe_of
from app.take_home.menu import Drawn, begin_records, take_home
from app.view import View
from ioi_core import Model, PromptPairs


def show_reveal(
    view: View, place: Place, lesson: Lesson, question: Mapping[str, Any], answered: Answered, given: Any,
    recipe: Recipe,
) -> None:  # fmt: skip
    """Draw what is right beside the answer that was given."""
    n, model = place.step - 1, view.model
    step, reveal = lesson.steps[n], reveal_of(lesson, n, model, answered)
    words = ask_of(step, model)
    st.markdown(f"**{literal_markdown(words)}** {literal_markdown(f'Your answer: {in_words(question, given)}.')}")
    measured = drawn_of(step, model, answered)
    chart = reveal_chart(step, question, measured, reveal["right"], given)
    show_chart(
        "lesson_reveal", chart, large=view.large, first=True, min_width=grid_width(question),
        from_right=question["kind"] == "cell",
    )  # fmt: skip
    if reveal["figure"]["read"]:
        st.caption(literal_markdown(reveal["figure"]["read"]))
    said = [verdict(question, reveal, given), *reveal["words"], *said_on_page(step, model, answered)]
    says(said[0])
    show_text(said[1:])
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
    show_links(lesson, n, model, answered)
    with st.expander("The question again"):
        show_text(text_of(step, model, answered.lead))
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


def show_links(lesson: Lesson, n: int, model: Model, answered: Answered) -> None:
    """Draw the link to the page on which the step's number stands."""
    address, note = reveal_of(lesson, n, model, answered)["link"], lesson.steps[n].link.note
    show_link("Look for yourself: the page in this state", address, note)


def show_link(label: str, address: str, note: str) -> None:
    """Draw a link that leaves the lesson in the same tab: Back returns to it, with its answers."""
    leads = f'<a href="{html.escape(address.removeprefix("/"))}">{html.escape(label)}</a>'
    st.html(f'<p class="ioi-on">{leads}{note and f". {html.escape(note)}"}</p>')
