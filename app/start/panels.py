"""The first page's parts."""

import streamlit as st

from app.shell.way import PROMPT, WAY


def hide_strip() -> None:
    """Hide the strip, whose words a newcomer does not know yet; its controls keep their choices."""
    st.html("<style>.st-key-strip { display: none; }</style>")


def show_questions() -> None:
    """List the pages' questions, each a link."""
    with st.container(key="questions", gap="small"):
        for n, step in enumerate(WAY[WAY.index(PROMPT) :], 1):
            with st.container(gap=None):
                st.page_link(step.path, label=f"{n}. **{step.question}**")
                st.caption(f"{step.title}: {step.about}")
