"""Links to the Heads page from other pages: a button, or a click on a figure. The sidebar keeps its values."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ioi_core import Head

_PAGE = str(Path(__file__).parents[2] / "pages" / "heads.py")


def head_link(head: Head) -> None:
    """Draw a button that opens a head on the Heads page."""
    st.button(
        f"Open head {head}", icon=":material/arrow_forward:", type="tertiary", key=f"open-{head}", on_click=open_head,
        args=(str(head),), help=f"Everything that is known about head {head}, on the same prompts.",
    )  # fmt: skip


def head_links(heads: Sequence[Head]) -> None:
    """Draw such buttons for several heads, side by side."""
    with st.container(horizontal=True):
        for head in heads:
            head_link(head)


def open_head(name: str) -> None:
    """Open a head that was clicked; an empty name, of what belongs to no head, does nothing."""
    if name:
        ask_for(name)
        # Bound widgets write their own parameters; Streamlit refuses to set or clear these here.
        st.switch_page(_PAGE, query_params={})


HEAD_ASKED_FOR = "_head_asked_for"


def ask_for(name: str) -> None:
    """Have the Heads page open with this head; another page's choice of the same name is ignored."""
    st.session_state[HEAD_ASKED_FOR] = name
