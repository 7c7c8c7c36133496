"""Start a class of a lesson: everything it will show is computed, then the code, the QR code and the links appear."""

import html
import logging
import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import streamlit as st
from streamlit import config

from app.classroom import codes, qr
from app.classroom.phases import asks
from app.classroom.rooms import are_served, shared_store
from app.classroom.store import FullError, Lesson, Started
from app.drawing.look import notice
from app.hosting.services import settings
from app.lessons.lesson import Lesson as Written
from app.lessons.steps import public_step, reveal_step
from app.questions.ask import Request
from app.questions.compute import compute
from app.take_home.copying import copyable
from app.view import View
from ioi_core import Model

_STARTED = "_class_started"
_HERE = ("localhost", "127.0.0.1", "::1")
_log = logging.getLogger(__name__)

R = TypeVar("R")


def show_join() -> None:
    """Offer the page on which students join, where there can be a class: most come by the code or the link itself."""
    if are_served():
        base = (config.get_option("server.baseUrlPath") or "").strip("/")
        st.html(f'<p class="ioi-on"><a href="/{base and base + "/"}class">Join a class</a> (with its code)</p>')


def show_start(view: View, lesson: Written) -> None:
    """Draw the button that starts a class of `lesson` on the model in view, and what the last press gave out."""
    begun: dict[tuple[str, str], Started] = st.session_state.setdefault(_STARTED, {})
    this = (lesson.id, view.model.name)
    st.write(
        "Students answer on their phones, by a code; the projector shows the question, and after the vote the class's "
        "answers on the true figure. No names, no accounts; you can save all answers, and all of it is gone from here "
        f"{settings().class_hours} hours after the start."
    )
    if not are_served():
        notice("This server shows pages alone. Start it with `python -m app`: then phones can join.")
        return
    if not shared_store().lasting:
        notice("This server cannot keep anything: if it is restarted, the class and its votes are lost.")
    pressed = st.button("Start a class", key=f"class-start-{lesson.id}")
    if pressed:
        _start(view.model, lesson, begun, this)
    if this in begun:
        _show_links(begun[this])
        if pressed:  # lessons.js scrolls to it: the button stands at the end of a page
            st.html(f'<p class="ioi-lessons" data-ioi-begun="{begun[this].code}"></p>')


def show_start_part(view: View, lesson: Written) -> None:
    """Draw `show_start` below a lesson, folded: most visitors are alone."""
    with st.expander("Teach it: a class on this lesson"):
        show_start(view, lesson)


def class_of(lesson: Written, model: Model) -> Lesson:
    """Return what a class of `lesson` shows, computed here, with progress; phones and projector compute nothing."""

    def result(request: Request[R], /) -> R:
        return compute(model, request)

    steps, reveals = [], []
    for n in range(len(lesson.steps)):
        step = public_step(lesson, n, model, result)
        steps.append(plain(step))
        reveals.append(plain(reveal_step(lesson, n, model, result)) if asks(step) else None)
    return Lesson(lesson.title, model.name, steps, reveals)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: no nan and no infinity, which become None, and lists alone."""
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _start(model: Model, lesson: Written, begun: dict[tuple[str, str], Started], this: tuple[str, str]) -> None:
    shown = class_of(lesson, model)
    try:
        begun[this] = shared_store().start(shown)
    except FullError as full:
        notice(str(full))
    except (sqlite3.Error, OSError) as error:
        _log.warning("a class cannot be started: %s", error)
        notice(
            "The class cannot be kept on this server, so it was not started. Ask whoever runs it: its disk may be full."
        )


def _show_links(started: Started) -> None:
    """Show code, QR code and links; the secret ones stand here alone, and only for this visitor."""
    page = f"{(st.context.url or '').split('?')[0].rpartition('/')[0]}/class"
    teacher = f"{page}/teacher#{started.code}.{started.teacher}.{started.screen}"
    image = f"{urlsplit(page).path}/qr.svg?page={quote(page, safe='')}&code={started.code}"
    left, right = st.columns([1, 2], vertical_alignment="center")
    said = f"QR code that opens the class {codes.in_words(started.code)}"
    left.html(f'<img width="220" height="220" alt="{html.escape(said)}" src="{html.escape(image)}">')
    with right:
        st.markdown(f"### {codes.in_words(started.code)}")
        st.write("Students open the link below, or scan the code:")
        copyable("Copy link", qr.join_link(page, started.code), "link for students")
        st.link_button("Open the teacher's page", teacher, type="primary")
        st.link_button("Open the projector's page", f"{page}/screen#{started.code}.{started.screen}")
        st.caption(
            "Keep the teacher's page to yourself: it opens and closes the votes. Bookmark it, it is shown here alone."
        )
    if urlsplit(page).hostname in _HERE:
        notice(
            "Phones cannot reach this address: open this page by the machine's name on the network, and start there."
        )
