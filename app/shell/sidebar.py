"""The sidebar's model, text size and prompt shown; `prompt_controls` has the prompts."""

import streamlit as st

from app import url
from app.hosting.models import DEMO, GPT2
from app.hosting.services import models
from app.shell.widgets import drop_unreadable


def model_control() -> str:
    """Ask for the model."""
    names = models().names
    others = " The others are checkpoints of this host." if len(names) > 2 else ""
    return st.sidebar.selectbox(
        "Model",
        names,
        key=url.MODEL,
        bind="query-params",
        on_change=_forget_stand_in,
        help=f"**{GPT2}**: the model of the paper, 124 million parameters. **{DEMO}**: a small model that comes with "
        "this app, built and trained to have a circuit like the paper's; it is not GPT-2, and its numbers are not "
        "GPT-2's." + others,
    )


def size_control() -> bool:
    """Ask for the text size; True for a projector."""
    size = st.sidebar.radio("Text size", ("normal", "large"), key=url.SIZE, bind="query-params", horizontal=True)
    return size == "large"


def row_control(n_prompts: int) -> int:
    """Ask which prompt the figures of a single prompt show; return its index."""
    if n_prompts == 1:
        return 0
    drop_unreadable(url.SHOWN)
    return int(st.number_input("Prompt shown", 1, n_prompts, 1, key=url.SHOWN, bind="query-params")) - 1


STANDING_IN = "_standing_in"
"""Session key: this visitor was shown ioi-demo while asking for another model, and has not been switched since."""


def _forget_stand_in() -> None:
    st.session_state[STANDING_IN] = False
