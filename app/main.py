"""Entry point: python -m app, or python -m streamlit run app/main.py

Draws what all pages share (navigation, sidebar, banner, strip), then the page. No traceback ever reaches a visitor.
"""

import html
import logging
import uuid
from contextlib import suppress

import streamlit as st
from streamlit import runtime
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.scriptrunner import StopException, get_script_run_ctx

from app.drawing.figure import beside_gpt2
from app.drawing.look import TOUCH, announce_news, give_scripts, notice, problem, refuse, style
from app.embed.controls import is_embedded, offer_frame, style_embedded
from app.hosting.metrics import PAGE_ERRORS
from app.hosting.models import DEMO
from app.hosting.services import computations, compute_afresh, not_ready
from app.hosting.visitors import begin_page
from app.report import tray
from app.shell import history
from app.shell.banner import data_set_notice, disk_notice, model_for
from app.shell.current_view import set_view
from app.shell.gate import let_in
from app.shell.history import say_of_link, stay_at_address, write_address
from app.shell.prompt_controls import prompt_controls
from app.shell.prompts import chosen_prompts, prompts_in_words, recipe_of
from app.shell.sidebar import (
    model_control,
    parts_control,
    present_button,
    row_control,
    sidebar_at_first,
    size_control,
    unknown_model_notice,
)
from app.shell.title import headline, tab_title, title_tab
from app.shell.way import Step, follow_old_link, navigation, way_on, words_of
from app.take_home import copying
from app.take_home.menu import begin_records
from app.view import View
from app.words.phrases import prompts, same_twins
from app.words.tokens import answer_labels, chips, role_meanings, row_labels, row_roles, scrolling
from ioi_core import IOIError

_log = logging.getLogger(__name__)


def main() -> None:
    """Run the script once: for one visitor, after each of their actions."""
    give_scripts("scripts", TOUCH, history.SCRIPT, tray.SCRIPT, copying.SCRIPT)
    stay_at_address()
    page, step = navigation()
    sidebar = sidebar_at_first(embedded=is_embedded())
    st.set_page_config(layout="wide", initial_sidebar_state=sidebar, page_title=tab_title(page.title))
    if (left := begin_page(step.name)) is not None:
        computations().leave(left)  # what nobody else waits for does not hold up this page
    follow_old_link(step)
    body, end = st.container(), st.container()
    try:
        if _without_browser():
            not_ready("")
            compute_afresh()  # the page itself may be drawn from what is kept
        with body:
            _draw(page, step, end)
    except IOIError as error:
        if _without_browser():
            not_ready(str(error))
            raise  # to the health check: the first page cannot be drawn
        with body:
            refuse(error)
    except Exception:
        number = uuid.uuid4().hex[:8]
        _log.exception("error %s", number)
        PAGE_ERRORS.inc()
        if _without_browser():
            not_ready(f"error {number}, which is in the log")
            raise RuntimeError(f"error {number}") from None  # to the health check
        with body:
            problem(f"Something went wrong here, and it is not your fault. If you report it, name the number {number}.")
    write_address()


def _draw(page: StreamlitPage, step: Step, end: DeltaGenerator) -> None:
    """Draw the page, what all pages share first; `end` is below all that the page draws, even where it stops."""
    if not let_in():
        return
    announce_news()
    with end:
        aside = way_on(step)
    try:
        about, notices = _draw_shared(step)
    except IOIError:
        headline(step.question)
        say_of_link()
        raise
    title_tab(page.title, *about)
    try:
        with suppress(StopException):  # a page that ends early
            page.run()
    finally:
        with notices:
            say_of_link()
        offer_frame(aside, page.title)


def _without_browser() -> bool:
    """True if this run belongs to no browser: it is the health check's, see `app.ready`."""
    context = get_script_run_ctx()
    return runtime.exists() and context is not None and runtime.get_instance().get_client(context.session_id) is None


def _draw_shared(step: Step) -> tuple[tuple[str, str], DeltaGenerator]:
    """Draw sidebar, banners and strip, and set the view.

    Returns:
        the model's name and the prompts in words; and the room for what is said of the link.
    """
    wanted = model_control()
    room = st.sidebar.container()
    large = size_control()
    parts_control()
    disk_notice()
    style(large=large)
    style_embedded()
    choice = prompt_controls(room)  # last, since prompts may be refused: in the form of the page
    with st.container(gap="xsmall", key="frame"):
        model = model_for(wanted)
        unknown_model_notice(model.name)
        chosen = chosen_prompts(model, choice)
        pairs = chosen.pairs
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="strip"):
            text = st.container()
            row = row_control(len(pairs), large=large)
            words_of(step)
            present_button(large=large)
        view = View(model, pairs, row, chosen.corruption, large)
        with text:
            _strip(view)
        notices = st.container(gap="xsmall")
        with notices:
            say_of_link()
        data_set_notice(chosen.unread, chosen.left_out)
        if same := same_twins(pairs):
            notice(same)
    beside_gpt2(view)
    in_words = prompts_in_words(choice, len(pairs))
    bos = "BOS in front" if pairs.prepend_bos else "no BOS"
    begin_records(model, pairs, recipe_of(choice), f"{in_words}; corruption: {chosen.corruption}; {bos}")
    set_view(view)
    return (model.name, in_words), notices


def _strip(view: View) -> None:
    """Draw the strip on top of every page: what is shown, in one line, with the rest to fold out."""
    pairs, name = view.pairs, view.model.name
    facts = {
        "Model": f"{name} (bundled, not GPT-2)" if name == DEMO else name,
        "Prompts": str(len(pairs)),
        "Corruption": view.corruption,
        "BOS": "in front" if pairs.prepend_bos else "none",
        "Prompt shown": str(view.row + 1),
    }
    if not pairs.has_all_roles:  # else the coloured names say it
        right, wrong = answer_labels(view.model, pairs, view.row)
        facts["Right"], facts["Wrong"] = right, wrong
        if pairs.answer_sets is not None:
            facts["logit_diff"] = "mean logit of the right answers minus that of the wrong ones"
    items = "".join(f"<span><b>{fact}:</b> {html.escape(value)}</span>" for fact, value in facts.items())
    labels, meanings = row_labels(view.model, pairs, view.row), role_meanings(view.model, pairs)
    drawn = chips(labels, row_roles(pairs, view.row), meanings, name="Prompt shown")
    more = f"; {prompts(len(pairs))}"
    short = f'{html.escape(name)}<span class="ioi-less">{more}</span>'  # of which a phone shows the name
    folded = f'<details><summary>{short}</summary><div class="ioi-facts">{items}</div></details>'
    st.html(f'<div class="ioi-strip">{folded}{scrolling(drawn, "Prompt shown")}</div>')


main()
