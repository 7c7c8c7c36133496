"""The first page's parts."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import url
from app.shell.way import LESSONS, PROMPT, WAY


def show_lessons() -> DeltaGenerator:
    """Offer lessons to those who would rather be asked first; return room beside the offer."""
    with st.container(horizontal=True, key="lessons-offer"):
        st.page_link(
            LESSONS.path, label="New here? Take a lesson of 15 minutes first", icon=":material/school:",
            query_params={url.LESSON: "first"},
        )  # fmt: skip
        st.page_link(LESSONS.path, label="All lessons")
        return st.container(width="content")


def show_questions() -> None:
    """List the pages' questions, each a link."""
    with st.container(key="questions", gap=None):
        for n, step in enumerate(WAY[WAY.index(PROMPT) :], 1):
            st.page_link(step.path, label=f"{n}. **{step.question}**")
            st.caption(f"{step.title}: {step.about}")
