"""The sidebar's model, text size and prompt shown; `prompt_controls` has the prompts."""

from typing import Literal

import streamlit as st

from app import url
from app.hosting.models import DEMO, GPT2
from app.hosting.services import models
from app.shell.prompts import OWN
from app.shell.title import CLOSED, OPEN
from app.shell.widgets import choose, link_refusals, number_control

_SIZES = ("normal", "large")
_STAND_IN, _STANDING_IN, _UNKNOWN = "_stand_in", "_standing_in", "_unknown_model"


def model_control() -> str:
    """Ask for the model; the box shows the model that computes, the stand-in too, the address the one asked for."""
    names = models().names
    others = " The others are checkpoints of this host." if len(names) > 2 else ""
    explained = (
        f"**{GPT2}**: the model of the paper, 124 million parameters. **{DEMO}**: a small model that comes with "
        "this app, built and trained to have a circuit like the paper's; it is not GPT-2, and its numbers are not "
        "GPT-2's." + others
    )
    asked = st.query_params.get(url.MODEL, names[0])
    if url.MODEL not in st.session_state and asked not in names:  # a name of another host's; Streamlit drops it
        st.session_state[_UNKNOWN] = asked
    wanted = st.sidebar.selectbox(
        "Model", names, key=url.MODEL, bind="query-params", on_change=_ask_for, args=(url.MODEL,), help=explained
    )
    if stands_in(wanted):
        st.html(f"<style>.st-key-{url.MODEL} {{ display: none; }}</style>")
        st.session_state[_STAND_IN] = DEMO
        with st.sidebar:
            st.selectbox(
                f"Model (stands in for {wanted})", names, key=_STAND_IN, on_change=_ask_for, args=(_STAND_IN,),
                help=explained,
            )  # fmt: skip
    return wanted


def stands_in(wanted: str) -> bool:
    """Return whether ioi-demo computes instead; it goes on, so that no number changes unasked, until it is ended."""
    if wanted == DEMO:
        return False
    if models().get(wanted) is None:
        st.session_state[_STANDING_IN] = True
    standing_in: bool = st.session_state.get(_STANDING_IN, False)
    return standing_in


def end_stand_in() -> None:
    """Show the model that was asked for, if it is there."""
    st.session_state[_STANDING_IN] = False


def keep_stand_in() -> None:
    """Make ioi-demo the model that is asked for, in the address too."""
    _choose_model(DEMO)


def _ask_for(key: str) -> None:
    _choose_model(st.session_state[key])


def _choose_model(name: str) -> None:
    choose({url.MODEL: name})
    st.session_state.pop(_UNKNOWN, None)
    end_stand_in()


def unknown_model_notice(shown: str) -> None:
    """Say that a link asked for a model that this host does not have, until the visitor chooses one."""
    if asked := st.session_state.get(_UNKNOWN):
        said = f"'Model' is {asked[:40]!r} in this link, which is not here: showing {shown}."
        link_refusals()[url.MODEL] = said


def size_control() -> bool:
    """Ask for the text size; True for a projector."""
    size = st.sidebar.radio(
        "Text size", _SIZES, key=url.SIZE, bind="query-params", horizontal=True,
        help="**large** is for a projector: without this sidebar, a question, its figure and its answer on one screen.",
    )  # fmt: skip
    return size == "large"


def parts_control() -> None:
    """Ask how the parts below a page's main figure stand."""
    st.sidebar.radio(
        "Parts below the figure", (CLOSED, OPEN), key=url.PARTS, bind="query-params", horizontal=True,
        help="**open** is for printing, and for those who would rather scroll. Closed parts are not computed.",
    )  # fmt: skip


def is_large() -> bool:
    """Return what `size_control` will, before the sidebar is drawn."""
    return bool(st.session_state.get(url.SIZE, st.query_params.get(url.SIZE)) == "large")


def sidebar_at_first(*, embedded: bool) -> Literal["auto", "expanded", "collapsed"]:
    """Return how the sidebar stands when a link is opened: by the window's width, in most cases.

    Whoever is led to prompts of their own, without any text, finds the box to type in: on a phone too.
    """
    if is_large() or embedded:
        return "collapsed"
    to_type = st.query_params.get(url.PROMPTS) == OWN and url.TEXT not in st.query_params
    return "expanded" if to_type else "auto"


def present_button(*, large: bool) -> None:
    """Offer to go to the view for a projector, and back."""
    choices: dict[str, str | int | None] = {url.SIZE: "normal" if large else "large"}
    st.button(
        "Leave" if large else "Present", icon=":material/present_to_all:", type="tertiary", on_click=choose,
        args=(choices,), key="present", help="Back to the sidebar." if large else "Large, for a projector.",
    )  # fmt: skip


def row_control(n_prompts: int, *, large: bool) -> int:
    """Ask which prompt the figures of a single prompt show; return its index."""
    return number_control("Prompt shown", 1, n_prompts, 1, url.SHOWN, bare=200 if large else 150) - 1
