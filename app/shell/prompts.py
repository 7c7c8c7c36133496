"""The visitor's choice of prompts, checked, and the pairs made from it."""

from dataclasses import dataclass

import streamlit as st

from app.hosting.services import settings
from app.hosting.settings import Settings
from app.questions.limits import check_tokens
from ioi_core import Model, NotIOIError, PromptError, PromptPairs, arena_pairs, ioi_dataset, prompt_pairs

CLASSIC, GENERATED, OWN = "classic", "generated", "own"
CORRUPTIONS = {"S2 flip": "s2_flip", "ABC": "abc"}


@dataclass(frozen=True)
class PromptChoice:
    """The visitor's choice of prompts, before any model has tokenised them."""

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
        """The corruption, in words."""
        return "typed" if self.corrupted else self.corruption


def lines_of(what: str, text: str, limits: Settings) -> tuple[str, ...]:
    """Return the lines that are not blank, without white space at their ends.

    Raises:
        PromptError: too many characters or lines.
    """
    if len(text) > limits.max_characters:
        raise PromptError(f"{what} are {len(text):,} characters long: at most {limits.max_characters:,} are allowed")
    lines = tuple(line.rstrip() for line in text.split("\n") if line.strip())
    if len(lines) > limits.max_prompts:
        raise PromptError(f"{what} are {len(lines)} lines: at most {limits.max_prompts} are allowed")
    return lines


def checked_line(what: str, text: str) -> str:
    """Return a short text, without white space at its end.

    Raises:
        PromptError: it is far too long for one token.
    """
    if len(text) > 100:
        raise PromptError(f"{what} is {len(text):,} characters long: it must be one token")
    return text.rstrip()


def pairs_for(model: Model, choice: PromptChoice) -> PromptPairs:
    """Return the chosen prompts, tokenised for this model.

    Raises:
        PromptError, TooMuchError: says what to change.
    """
    if choice.source == OWN and not choice.clean:
        raise PromptError("there is no prompt yet: type one in the sidebar, stopping where the answer comes next")
    try:
        pairs = _pairs(model, model.fingerprint, choice)
    except NotIOIError as error:
        optional = {"IO": choice.io, "S": choice.s, "Corrupted prompts": choice.corrupted}
        empty = [field for field, value in optional.items() if not value]
        raise PromptError(
            f"{error}. In short: a prompt that is no sentence about two people, one of them named twice, needs IO, S "
            f"and Corrupted prompts in the sidebar; still empty: {', '.join(empty) or 'none'}"
        ) from error
    check_tokens(pairs, settings())
    return pairs


@st.cache_resource(max_entries=256, show_spinner=False)
def _pairs(_model: Model, fingerprint: str, choice: PromptChoice) -> PromptPairs:
    corruption = CORRUPTIONS[choice.corruption]
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
