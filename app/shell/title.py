"""A page's question, the parts below its main figure, and the title of its tab, by which tabs are told apart."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.mutable_expander_container import ExpanderContainer

from app import url
from ioi_core import PromptPairs

APP = "IOI Explorer"
OPEN, CLOSED = "open", "closed"
"""What `url.PARTS` may be: how parts stand that a visitor has neither opened nor closed."""
_ABOUT, _PARTS = "_tab_about", "_parts"


@dataclass(frozen=True)
class Part:
    """A part of a page below its main figure.

    Attributes:
        question: its line, by which it is opened.
        key: one of `url.PART_...`, by which a link says that it is open.
        draw: asks for its numbers and draws them.
        holds: parameters of its own controls: a link that has one of them meant to show it, before links named parts.
    """

    question: str
    key: str
    draw: Callable[[], None]
    holds: Sequence[str] = ()


@dataclass(frozen=True)
class _Stood:
    """How a part stood in the run before: a link asked for it, it was open unless the visitor closed it.

    All parts are one entry of the session's state: Streamlit walks through all entries for each control of a page.
    """

    linked: bool
    open_first: bool


def title_tab(page: str, *about: str) -> None:
    """Call the tab by its page and what it is about: the model, the prompts."""
    st.session_state[_ABOUT] = about
    st.set_page_config(page_title=tab_title(page, *about))


def tab_title(page: str, *about: str) -> str:
    """Return the tab's title: the page, what it is about, the app."""
    return " · ".join([page, *about, APP])


def headline(text: str, how: str = "", *, tab: str = "", more: str | None = None) -> None:
    """Draw the page's question.

    Args:
        how: one line on how to read the figure; more: what does not fit there, shown on request.
        tab: takes the page's place in the tab's title, where one page shows many things.
    """
    with st.container(gap="xxsmall", key="headline"):
        st.title(text, help=more)
        if how:
            st.markdown(how)
    if tab:
        title_tab(tab, *st.session_state[_ABOUT])


def roles_caption(pairs: PromptPairs) -> None:
    """Say which roles the prompts have, where they are not those of IOI."""
    if not pairs.has_all_roles:
        st.caption("These prompts have no role but END, the last token.")


def show_parts(*parts: Part, contents: DeltaGenerator | None = None) -> None:
    """Draw a page's parts, closed at first: what is in one is neither asked for nor drawn before it is opened.

    Closed, their lines are the page's list of contents. Once one is open they are far apart, and are listed above.

    Args:
        contents: where they are listed in any case, if other things stand between there and the first.
    """
    listed = (contents or st).empty()
    rooms = [_room(part) for part in parts]
    if contents or (len(parts) > 1 and any(room.open for room in rooms)):
        lines = "".join(f'<a href="#{part.key}">{html.escape(part.question)}</a>' for part in parts)
        listed.html(f'<nav class="ioi-contents" aria-label="On this page">On this page: {lines}</nav>')
    for part, room in zip(parts, rooms, strict=True):
        if room.open:
            with room:
                part.draw()


def _room(part: Part) -> ExpanderContainer:
    """Return where a part is drawn, which knows whether it is open."""
    stood: dict[str, _Stood] = st.session_state.setdefault(_PARTS, {})
    before = stood.get(part.key)
    linked = before.linked if before else any(name in st.query_params for name in part.holds)
    open_first = linked or st.session_state.get(url.PARTS) == OPEN
    if before is not None and before.open_first != open_first:
        # How parts stand was changed: what Streamlit keeps of this one is how they stood before.
        st.session_state[part.key] = open_first
    stood[part.key] = _Stood(linked, open_first)
    return st.expander(part.question, expanded=open_first, key=part.key, bind="query-params")
