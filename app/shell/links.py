"""Ways to the Heads page from everywhere else: a button, and a click on a figure. The sidebar keeps its values."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ioi_core import Head

_PAGE = str(Path(__file__).parents[2] / "pages" / "heads.py")


def head_link(head: Head) -> None:
    """A button that leads to all that is known about a head."""
    st.button(
        f"Open head {head}", icon=":material/arrow_forward:", type="tertiary", key=f"open-{head}", on_click=open_head,
        args=(str(head),), help=f"Everything that is known about head {head}, on the same prompts.",
    )  # fmt: skip


def head_links(heads: Sequence[Head]) -> None:
    """Buttons for several heads side by side."""
    with st.container(horizontal=True):
        for head in heads:
            head_link(head)


def open_head(name: str) -> None:
    """Go to a head that was clicked; what belongs to no head has an empty name and leads nowhere."""
    if name:
        ask_for(name)
        # Widgets put their values into the link themselves; Streamlit refuses to set or to clear them for them.
        st.switch_page(_PAGE, query_params={})


HEAD_ASKED_FOR = "_head_asked_for"


def ask_for(name: str) -> None:
    """Show this head as soon as the page is drawn; another page's choice of the same name does not come over."""
    st.session_state[HEAD_ASKED_FOR] = name
