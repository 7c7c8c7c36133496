"""The six signal flips of the prompts shown, whatever prompts these are: generated, classic or typed."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from app.view import View
from ioi_core import ROLES, Model, PromptError, PromptPairs, prompt_pairs
from ioi_core.corruptions import SIGNAL_FLIPS


def flip_pairs(view: View) -> Mapping[str, PromptPairs]:
    """Flip -> the prompts shown with that flip as their corrupted twin.

    Raises:
        PromptError: the prompts have no roles, or a flip of them cannot be made.
    """
    pairs = view.pairs
    if missing := [role for role in ROLES if role not in pairs.roles]:
        raise PromptError(
            f"the six flips exchange the two names, and these prompts have no {', '.join(missing)}: choose prompts in "
            "the sidebar in which one name stands twice and another once, such as the generated ones"
        )
    names = tuple((view.model.token_text(io), view.model.token_text(s)) for io, s in pairs.answers.tolist())
    flips = _flips(view.model, view.model.name, pairs.clean_text, names, pairs.prepend_bos)
    if not all(np.array_equal(flip.clean_tokens, pairs.clean_tokens) for flip in flips.values()):
        raise PromptError("the prompts read as other tokens when flips are made of them: choose generated prompts")
    return {name: replace(pairs, corrupted_tokens=flip.corrupted_tokens, corrupted_text=flip.corrupted_text)
            for name, flip in flips.items()}  # fmt: skip


@st.cache_resource(max_entries=64, show_spinner=False)
def _flips(
    _model: Model, model_name: str, texts: tuple[str, ...], names: tuple[tuple[str, str], ...], prepend_bos: bool
) -> dict[str, PromptPairs]:
    io, s = zip(*names, strict=True)
    return {
        flip: prompt_pairs(_model, list(texts), None, list(io), list(s), corruption=flip, prepend_bos=prepend_bos)
        for flip in SIGNAL_FLIPS
    }
