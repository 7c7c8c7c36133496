"""The sidebar: model, prompts, BOS and text size, all of them in the URL, so that a link reproduces the view.

What a URL says is checked as what is typed: unknown choices fall back to the default, texts that are too long are
refused with a message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.limits import check_tokens
from app.models import DEMO, GPT2, MODEL_NAMES
from app.services import settings
from app.settings import Settings
from ioi_core import Model, NotIOIError, PromptError, PromptPairs, arena_pairs, ioi_dataset, prompt_pairs

CLASSIC, GENERATED, OWN = "classic", "generated", "own"
_EXAMPLE = "When John and Mary went to the shops, John gave the bag to"
_CORRUPTIONS = {"S2 flip": "s2_flip", "ABC": "abc"}
_CORRUPTION_HELP = (
    "How the corrupted twin of each prompt is made. **S2 flip** repeats the other name, so the right answer "
    "becomes the other one. **ABC** puts three new names in, so nothing says any more who is repeated."
)


@dataclass(frozen=True)
class PromptChoice:
    """Which prompts a visitor asks for, before any model has read them."""

    source: str
    prepend_bos: bool
    corruption: str = "S2 flip"
    n: int = 0
    seed: int = 0
    templates: str = "mixed"
    clean: tuple[str, ...] = ()
    corrupted: tuple[str, ...] = ()
    io: str = ""
    s: str = ""

    @property
    def corruption_words(self) -> str:
        """How the corrupted prompts came about."""
        return "typed" if self.corrupted else self.corruption


def model_control() -> str:
    """Which model the visitor asks for."""
    return st.sidebar.selectbox(
        "Model",
        MODEL_NAMES,
        key="model",
        bind="query-params",
        on_change=_forget_stand_in,
        help=f"**{GPT2}**: the model of the paper, 124 million parameters. **{DEMO}**: a small model that comes with "
        "this app, trained on sentences of this kind only; its numbers are not GPT-2's.",
    )


def size_control() -> bool:
    """Whether text is to be projector-sized."""
    size = st.sidebar.radio("Text size", ("normal", "large"), key="size", bind="query-params", horizontal=True)
    return size == "large"


def prompt_controls() -> PromptChoice:
    """Which prompts the visitor asks for."""
    limits = settings()
    with st.sidebar:
        source = st.radio(
            "Prompts",
            (CLASSIC, GENERATED, OWN),
            captions=("the eight of the notebooks", "from templates, as many as you like", "type them yourself"),
            key="prompts",
            bind="query-params",
        )
        bos = st.toggle(
            "BOS in front",
            value=True,
            key="bos",
            bind="query-params",
            help="Put the token <|endoftext|> before every prompt, as the notebooks do and the paper does not.",
        )
        if source == GENERATED:
            return _generated(bos, limits)
        return _own(bos, limits) if source == OWN else PromptChoice(CLASSIC, bos)


def _generated(bos: bool, limits: Settings) -> PromptChoice:
    _drop_unreadable("n", "seed")
    n = st.number_input("How many", 1, limits.max_prompts, min(20, limits.max_prompts), key="n", bind="query-params")
    templates = st.selectbox(
        "Order of the names",
        ("mixed", "ABBA", "BABA"),
        key="templates",
        bind="query-params",
        help="**ABBA**: IO is named before S. **BABA**: S is named first.",
    )
    seed = st.number_input("Seed", 0, 999_999, 0, key="seed", bind="query-params", help="Same seed, same prompts.")
    return PromptChoice(GENERATED, bos, _corruption_control(), n=int(n), seed=int(seed), templates=templates)


def _own(bos: bool, limits: Settings) -> PromptChoice:
    # No max_chars: Streamlit would cut a longer text from a link in silence, and so show another prompt.
    clean = st.text_area(
        "Prompts, one a line", _EXAMPLE, key="text", bind="query-params",
        help="Each line stops where the answer comes next.",
    )  # fmt: skip
    corrupted = st.text_area(
        "Corrupted prompts, one a line (optional)", key="corrupted", bind="query-params",
        help="Each as many tokens long as its clean prompt. Left empty, they are made by the corruption below.",
    )  # fmt: skip
    left, right = st.columns(2)
    io = left.text_input("IO (optional)", key="io", bind="query-params", help="The right answer. Found if left empty.")
    s = right.text_input("S (optional)", key="s", bind="query-params", help="The wrong answer. Found if left empty.")
    corruption = _corruption_control() if not corrupted.strip() else "S2 flip"
    return PromptChoice(
        OWN,
        bos,
        corruption,
        clean=_lines("the prompts", clean, limits),
        corrupted=_lines("the corrupted prompts", corrupted, limits) if corrupted.strip() else (),
        io=_short("IO", io),
        s=_short("S", s),
    )


def _corruption_control() -> str:
    return st.selectbox("Corruption", tuple(_CORRUPTIONS), key="corruption", bind="query-params", help=_CORRUPTION_HELP)


def _lines(what: str, text: str, limits: Settings) -> tuple[str, ...]:
    """The lines that hold something, without the white space at their ends that a visitor does not see."""
    if len(text) > limits.max_characters:
        raise PromptError(f"{what} are {len(text):,} characters long: at most {limits.max_characters:,} are allowed")
    lines = tuple(line.rstrip() for line in text.split("\n") if line.strip())
    if len(lines) > limits.max_prompts:
        raise PromptError(f"{what} are {len(lines)} lines: at most {limits.max_prompts} are allowed")
    return lines


def _short(what: str, text: str) -> str:
    if len(text) > 100:
        raise PromptError(f"{what} is {len(text):,} characters long: it must be one token")
    return text.rstrip()


def _drop_unreadable(*names: str) -> None:
    """Begin anew without what is no number in the URL: a number input of Streamlit fails on `inf` or 400 digits."""
    unreadable = [name for name in names if not re.fullmatch(r"-?[0-9]{1,15}", st.query_params.get(name, "0"))]
    for name in unreadable:
        del st.query_params[name]
    if unreadable:
        st.rerun()


def row_control(n_prompts: int) -> int:
    """Which prompt the figures of a single prompt show."""
    if n_prompts == 1:
        return 0
    _drop_unreadable("shown")
    return int(st.number_input("Prompt shown", 1, n_prompts, 1, key="shown", bind="query-params")) - 1


def drop_stale(key: str, options: Sequence[str], instead: str | None = None) -> None:
    """Replace what was chosen on other prompts or another model and is no longer on offer, before its widget is drawn.

    Deleting the choice would not do: the browser then goes on showing it.

    Args:
        key: of a select box, or of a multiselect, which keeps what is still on offer.
        instead: what a select box falls back to.
    """
    kept = st.session_state.get(key)
    if isinstance(kept, list) and not set(kept) <= set(options):
        st.session_state[key] = [name for name in kept if name in options]
    elif isinstance(kept, str) and kept not in options:
        st.session_state[key] = instead


def pairs_for(model: Model, choice: PromptChoice) -> PromptPairs:
    """The chosen prompts as this model reads them.

    Raises:
        PromptError, TooMuchError: says what to change.
    """
    if choice.source == OWN and not choice.clean:
        raise PromptError("there is no prompt yet: type one in the sidebar, stopping where the answer comes next")
    try:
        pairs = _pairs(model, model.name, choice)
    except NotIOIError as error:
        given = {"IO": choice.io, "S": choice.s, "Corrupted prompts": choice.corrupted}
        empty = [field for field, value in given.items() if not value]
        raise PromptError(
            f"{error}. In short: a prompt that is no sentence about two people, one of them named twice, needs IO, S "
            f"and Corrupted prompts in the sidebar; still empty: {', '.join(empty) or 'none'}"
        ) from error
    check_tokens(pairs, settings())
    return pairs


@st.cache_resource(max_entries=256, show_spinner=False)
def _pairs(_model: Model, model_name: str, choice: PromptChoice) -> PromptPairs:
    corruption = _CORRUPTIONS[choice.corruption]
    if choice.source == CLASSIC:
        return arena_pairs(_model, prepend_bos=choice.prepend_bos)
    if choice.source == GENERATED:
        return ioi_dataset(
            _model, choice.n, seed=choice.seed, templates=choice.templates, corruption=corruption,
            prepend_bos=choice.prepend_bos,
        )  # fmt: skip
    return prompt_pairs(
        _model,
        list(choice.clean),
        list(choice.corrupted) or None,
        choice.io or None,
        choice.s or None,
        corruption=corruption,
        prepend_bos=choice.prepend_bos,
    )


STANDING_IN = "_standing_in"
"""Session key: this visitor was shown ioi-demo while asking for GPT-2, and has not been switched since."""


def _forget_stand_in() -> None:
    st.session_state[STANDING_IN] = False
