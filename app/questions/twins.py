"""ABC twins for a page that needs them: mean ablation averages over prompts in which nobody is named twice."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import streamlit as st

from app.view import View
from app.words.phrases import prompts
from ioi_core import ROLES, Model, PromptError, PromptPairs, prompt_pairs
from ioi_core.circuit.replacements import layouts
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from ioi_core.prompts.twins import with_abc_twins


def circuit_pairs(view: View) -> PromptPairs:
    """The prompts shown, with corrupted twins that mean ablation can average over: typed ones, or ABC.

    Raises:
        PromptError: the prompts have no roles, or no ABC twin can be made.
    """
    pairs = view.pairs
    if missing := [role for role in ROLES if role not in pairs.roles]:
        raise PromptError(
            f"a circuit keeps heads at roles, and these prompts have no {', '.join(missing)}, only "
            f"{', '.join(pairs.roles)}: choose prompts in the sidebar in which one name stands twice and another once"
        )
    if view.corruption in ("ABC", "typed"):
        return pairs
    told_apart = (pairs.answers.tobytes(), pairs.templates.tobytes(), pairs.prepend_bos)
    return _twins(view.model, view.model.name, pairs.clean_text, told_apart, pairs)


@st.cache_resource(max_entries=64, show_spinner=False)
def _twins(
    _model: Model, model_name: str, texts: tuple[str, ...], told_apart: tuple[object, ...], _pairs: PromptPairs
) -> PromptPairs:
    """Args: texts, told_apart: all that tells one batch of prompts from another."""
    return with_abc_twins(_model, _pairs)


def twins_story(view: View, pairs: PromptPairs) -> str:
    """Which twins the means are taken over, and how many they are in each template."""
    made = {
        "ABC": "Means are taken over the ABC twins of these prompts (three new names each)",
        "typed": "Means are taken over the corrupted prompts that you typed",
    }.get(
        view.corruption,
        f"An {view.corruption} twin still tells who is repeated, so this page makes ABC twins of the same prompts "
        "(three new names each) and takes means over those",
    )
    counts = np.bincount(layouts(pairs))
    fewest, most = int(counts.min()), int(counts.max())
    each = prompts(fewest) if fewest == most else f"{fewest} to {prompts(most)}"
    return f"{made}: {each} for each template, {prompts(len(pairs))} in all."


def smallest_mean(pairs: PromptPairs) -> int:
    """How many prompts the mean of the rarest template is taken over."""
    return int(np.bincount(layouts(pairs)).min())


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
