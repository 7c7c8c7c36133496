"""Twins for the parts that need their own: ABC ones, which mean ablation averages over, and the six signal flips."""

from collections.abc import Mapping
from operator import attrgetter

import numpy as np
import streamlit as st

from app.view import View
from app.words.phrases import prompts
from ioi_core import SIGNAL_FLIPS, Model, PromptPairs, with_twins
from ioi_core.circuit.replacements import layouts
from ioi_core.prompts.pairs import check_roles


def circuit_pairs(view: View) -> PromptPairs:
    """Return the prompts shown with corrupted twins that mean ablation can average over: typed ones, or ABC.

    Raises:
        PromptError: the prompts have no roles, or no ABC twin can be made.
    """
    check_roles("a circuit keeps heads at roles", view.pairs.roles)
    return view.pairs if view.corruption in ("ABC", "typed") else _with_twins(view.model, view.pairs, "abc")


def flip_pairs(view: View) -> Mapping[str, PromptPairs]:
    """Return flip -> the prompts shown with that flip as their corrupted twin.

    Raises:
        PromptError: the prompts have no roles, or a flip of them cannot be made.
    """
    check_roles("the six flips exchange the two names", view.pairs.roles)
    return {flip: _with_twins(view.model, view.pairs, flip) for flip in SIGNAL_FLIPS}


def _twin_key(pairs: PromptPairs) -> tuple[object, ...]:
    """Return all that twins depend on."""
    return pairs.clean_text, pairs.answers.tobytes(), pairs.templates.tobytes(), pairs.prepend_bos


@st.cache_resource(
    max_entries=256, show_spinner=False, hash_funcs={Model: attrgetter("fingerprint"), PromptPairs: _twin_key}
)
def _with_twins(model: Model, pairs: PromptPairs, corruption: str) -> PromptPairs:
    return with_twins(model, pairs, corruption)


def twins_story(view: View, pairs: PromptPairs) -> str:
    """Say which twins the means are taken over, and how many each template has."""
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
    """Return how many prompts the mean of the rarest template is taken over."""
    return int(np.bincount(layouts(pairs)).min())
