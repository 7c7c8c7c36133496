"""ABC twins for a page that needs them: mean ablation averages over prompts in which nobody is named twice."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app.view import View
from app.words import prompts
from ioi_core import ROLES, Model, PromptError, PromptPairs, prompt_pairs
from ioi_core.replacements import layouts


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
    names = tuple((view.model.token_text(io), view.model.token_text(s)) for io, s in pairs.answers.tolist())
    twins = _abc_twins(view.model, view.model.name, pairs.clean_text, names, pairs.prepend_bos)
    if not np.array_equal(twins.clean_tokens, pairs.clean_tokens):
        raise PromptError("the prompts read as other tokens when ABC twins are made for them: choose ABC as corruption")
    return replace(pairs, corrupted_tokens=twins.corrupted_tokens, corrupted_text=twins.corrupted_text)


@st.cache_resource(max_entries=64, show_spinner=False)
def _abc_twins(
    _model: Model, model_name: str, texts: tuple[str, ...], names: tuple[tuple[str, str], ...], prepend_bos: bool
) -> PromptPairs:
    io, s = zip(*names, strict=True)
    return prompt_pairs(_model, list(texts), None, list(io), list(s), corruption="abc", prepend_bos=prepend_bos)


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
