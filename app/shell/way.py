"""The way through the pages: navigation, "next" and "back", the first page's questions and the words of each page."""

from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from app import url
from app.shell.title import APP
from app.words.glossary import GLOSSARY, in_words

_FOLDER = Path(__file__).parents[2] / "pages"
_VISITED = "_visited"


@dataclass(frozen=True)
class Step:
    """A page on the way.

    Attributes:
        name: of its file in pages/; title: in the navigation, the method.
        question: what it answers, its heading as it first opens; about: how, for the first page's list.
        words: its own terms of the glossary.
    """

    name: str
    title: str
    question: str
    about: str
    words: tuple[str, ...]

    @property
    def path(self) -> str:
        """The page's file."""
        return str(_FOLDER / f"{self.name}.py")


START = Step("start", "Start", f"{APP}: how does a language model find the right name?", "", ("IOI", "head", "layer"))
PROMPT = Step(
    "prompt", "Prompt", "What does the model think comes next?",
    "its first choices, and how far the right name is ahead of the wrong one",
    ("token", "probability", "logit", "logit_diff", "IO, S1, S2, S1+1", "END", "BOS", "clean prompt, corrupted prompt"),
)  # fmt: skip
LOGIT_LENS = Step(
    "logit_lens", "Logit lens", "Where in the model does the answer appear?",
    "the model read out after each layer, and what each layer and head adds",
    ("residual stream", "logit lens", "final scale, own scale", "logit_diff", "layer", "head", "MLP", "LayerNorm"),
)  # fmt: skip
ATTENTION = Step(
    "attention", "Attention patterns", "Where does each head look?",
    "from which token each head looks at which other",
    ("head", "attention pattern", "query", "key", "value", "END"),
)  # fmt: skip
ACTIVATION_PATCHING = Step(
    "activation_patching", "Activation patching", "Which activations carry the answer?",
    "one activation at a time exchanged for that of a twin prompt",
    ("activation", "patching", "logit_diff_recovered", "z", "resid_pre, resid_mid, resid_post",
     "noising, denoising", "clean prompt, corrupted prompt", "corruption", "residual stream"),
)  # fmt: skip
PATH_PATCHING = Step(
    "path_patching", "Path patching", "Which head acts on which?",
    "the paths between heads, from the logits backwards",
    ("path", "sender, receiver", "direct effect, total effect", "noising, denoising", "frozen, recomputed",
     "query", "key", "value"),
)  # fmt: skip
EDGES = Step(
    "edges", "Edges", "Which connections does the model need?",
    "every edge scored, exactly and by gradient, and the few that are enough",
    ("edge", "path", "circuit", "faithfulness", "CMD, CPR", "EAP, EAP-IG", "clean prompt, corrupted prompt",
     "query", "key", "value", "MLP"),
)  # fmt: skip
CIRCUIT = Step(
    "circuit", "Circuit", "What happens if you break the circuit?",
    "heads switched off and on, and what the circuit and the whole model lose",
    ("circuit", "ablation", "faithfulness", "F(C), F(M)", "completeness", "K", "minimality", "template",
     "direct effect, total effect", "naive prediction", "self-repair", "backup head", "S-inhibition head",
     "token signal, position signal", "S_pos, S_tok"),
)  # fmt: skip
HEADS = Step(
    "heads", "Heads", "What does each head do?",
    "everything that can be measured of a head, on one page",
    ("head", "query", "key", "value", "attention pattern", "direct effect, total effect", "name mover head",
     "S-inhibition head", "duplicate token head", "induction head", "previous token head"),
)  # fmt: skip
LESSONS = Step(
    "lessons", "Lessons", "Guess first, then look",
    "questions with answers from this model, the first one in 15 minutes", ("IOI", "head", "layer"),
)  # fmt: skip
"""Beside the way: lessons lead along it, question by question."""
REPORT = Step("report", "Report", "Your report", "", ("sweep",))
"""Beside the way: it holds what was found along it."""

WAY = (START, PROMPT, LOGIT_LENS, ATTENTION, ACTIVATION_PATCHING, PATH_PATCHING, EDGES, CIRCUIT, HEADS)
BESIDE = (LESSONS, REPORT)
_ALL = (START, LESSONS, *WAY[1:], REPORT)
"""All pages, as the navigation lists them."""


@cache
def _pages() -> tuple[StreamlitPage, ...]:
    """Return the pages, made once: each is a look at the disk."""
    return tuple(st.Page(step.path, title=step.title, default=step is START) for step in _ALL)


def navigation() -> tuple[StreamlitPage, Step]:
    """Draw the navigation; return the page that was asked for and its step."""
    page = st.navigation([copy(page) for page in _pages()])  # Streamlit notes on a page that it is the one to run
    return page, next(step for step in _ALL if step.title == page.title)


def follow_old_link(step: Step) -> None:
    """Open the Prompt page for a visit that begins at the root and asks for prompts: it was the first page once.

    The model and how pages look alone are no such question.
    """
    begins = _VISITED not in st.session_state
    st.session_state[_VISITED] = True
    if begins and step is START and set(st.query_params) - {url.MODEL, url.SIZE, url.PARTS}:
        st.switch_page(PROMPT.path, query_params=st.query_params.to_dict())


def way_on(step: Step) -> DeltaGenerator:
    """Draw the links to the pages before and after this one; return room between them."""
    n = WAY.index(step) if step in WAY else -1
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="way"):
        if n > 0:
            st.page_link(WAY[n - 1].path, label=f"Back: {WAY[n - 1].title}", icon=":material/arrow_back:")
        room = st.container(width="content")
        if 0 <= n < len(WAY) - 1:
            after = WAY[n + 1]
            st.page_link(
                after.path, label=f"Next: {after.question}", icon=":material/arrow_forward:", icon_position="right"
            )
        else:
            label = "That was the last question: see all" if step in WAY else "Start: the way through the pages"
            st.page_link(START.path, label=label, icon=":material/list:")
    return room


def words_of(step: Step) -> None:
    """Offer the glossary, the page's own terms first: it is sent to those who open it."""
    room = st.popover(
        "Words", icon=":material/menu_book:", type="tertiary", width="content", key="words", on_change="rerun"
    )
    if room.open:
        others = [term for term in GLOSSARY if term not in step.words]
        room.markdown(f"{in_words(list(step.words))}\n\n**All other words**\n\n{in_words(others)}")
