"""The sidebar: model, prompts, BOS and text size, all of them in the URL, so that a link reproduces the view.

A URL's values are checked like typed ones: unknown choices fall back to the default, texts that are too long are
refused with a message.
"""

import streamlit as st

from app import url
from app.hosting.models import DEMO, GPT2
from app.hosting.services import models, settings
from app.hosting.settings import Settings
from app.shell.prompts import CLASSIC, CORRUPTIONS, GENERATED, OWN, PromptChoice, checked_line, lines_of
from app.shell.widgets import drop_unreadable

_EXAMPLE = "When John and Mary went to the shops, John gave the bag to"

_CORRUPTION_HELP = (
    "How the corrupted twin of each prompt is made. **S2 flip** repeats the other name, so the right answer "
    "becomes the other one. **ABC** puts three new names in, so nothing says any more who is repeated."
)


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
        "this app, trained on sentences of this kind only; its numbers are not GPT-2's." + others,
    )


def size_control() -> bool:
    """Ask for the text size; True for a projector."""
    size = st.sidebar.radio("Text size", ("normal", "large"), key=url.SIZE, bind="query-params", horizontal=True)
    return size == "large"


def prompt_controls() -> PromptChoice:
    """Ask for the prompts."""
    limits = settings()
    with st.sidebar:
        source = st.radio(
            "Prompts",
            (CLASSIC, GENERATED, OWN),
            captions=("the eight of the notebooks", "from templates, as many as you like", "type them yourself"),
            key=url.PROMPTS,
            bind="query-params",
        )
        bos = st.toggle(
            "BOS in front",
            value=True,
            key=url.BOS,
            bind="query-params",
            help="Put the token <|endoftext|> before every prompt, as the notebooks do and the paper does not.",
        )
        if source == GENERATED:
            return _generated_prompts(bos, limits)
        return _typed_prompts(bos, limits) if source == OWN else PromptChoice(CLASSIC, bos)


def _generated_prompts(bos: bool, limits: Settings) -> PromptChoice:
    drop_unreadable(url.N, url.SEED)
    n = st.number_input("How many", 1, limits.max_prompts, min(20, limits.max_prompts), key=url.N, bind="query-params")
    templates = st.selectbox(
        "Order of the names",
        ("mixed", "ABBA", "BABA"),
        key=url.TEMPLATES,
        bind="query-params",
        help="**ABBA**: IO is named before S. **BABA**: S is named first.",
    )
    seed = st.number_input("Seed", 0, 999_999, 0, key=url.SEED, bind="query-params", help="Same seed, same prompts.")
    return PromptChoice(GENERATED, bos, _corruption_control(), n=int(n), seed=int(seed), templates=templates)


def _typed_prompts(bos: bool, limits: Settings) -> PromptChoice:
    # No max_chars: Streamlit would silently cut a longer text from a link, and so show another prompt.
    clean = st.text_area(
        "Prompts, one a line", _EXAMPLE, key=url.TEXT, bind="query-params",
        help="Each line stops where the answer comes next.",
    )  # fmt: skip
    corrupted = st.text_area(
        "Corrupted prompts, one a line (optional)", key=url.CORRUPTED, bind="query-params",
        help="Each as many tokens long as its clean prompt. Left empty, they are made by the corruption below.",
    )  # fmt: skip
    left, right = st.columns(2)
    io = left.text_input(
        "IO (optional)", key=url.IO, bind="query-params", help="The right answer. Found if left empty."
    )
    s = right.text_input("S (optional)", key=url.S, bind="query-params", help="The wrong answer. Found if left empty.")
    corruption = _corruption_control() if not corrupted.strip() else "S2 flip"
    return PromptChoice(
        OWN,
        bos,
        corruption,
        clean=lines_of("the prompts", clean, limits),
        corrupted=lines_of("the corrupted prompts", corrupted, limits) if corrupted.strip() else (),
        io=checked_line("IO", io),
        s=checked_line("S", s),
    )


def _corruption_control() -> str:
    return st.selectbox(
        "Corruption", tuple(CORRUPTIONS), key=url.CORRUPTION, bind="query-params", help=_CORRUPTION_HELP
    )


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
