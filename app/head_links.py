"""Ways to the Heads page from everywhere else: a link that carries the sidebar's values, and a click on a figure."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from app.attention_controls import HEAD
from app.controls import shared_query
from ioi_core import Head

_PAGE = str(Path(__file__).parent.parent / "pages" / "heads.py")


def head_link(head: Head) -> None:
    """A link to all that is known about a head; it can be opened in a tab of its own."""
    st.page_link(
        _PAGE, label=f"Open head {head}", icon=":material/arrow_forward:", query_params=_query(str(head)),
        help=f"Everything that is known about head {head}, on the same prompts.",
    )  # fmt: skip


def head_links(heads: Sequence[Head]) -> None:
    """Links to several heads side by side."""
    with st.container(horizontal=True):
        for head in heads:
            head_link(head)


def open_head(name: str) -> None:
    """Go to a head that was clicked; what belongs to no head has an empty name and leads nowhere."""
    if name:
        st.switch_page(_PAGE, query_params=_query(name))


def _query(name: str) -> dict[str, str]:
    return shared_query() | {HEAD: name}
