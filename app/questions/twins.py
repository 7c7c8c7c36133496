"""Twins for the parts that need their own: ABC ones, which mean ablation averages over, and the six signal flips."""

from collections import Counter
from collections.abc import Mapping
from operator import attrgetter

import numpy as np
import streamlit as st

from app.view import View
from app.words.phrases import IN_SIDEBAR, prompts
from ioi_core import SIGNAL_FLIPS, Ablation, Model, PromptError, PromptPairs, UnknownNameError, with_twins
from ioi_core.circuit.replacements import layouts
from ioi_core.prompts.pairs import check_roles

TYPED, IN_DATA = "typed", "from the data set"
"""The corruption, in words, of prompts that came with their corrupted ones."""

NEW_NAMES = (
    f"turn on “IO and S are people” {IN_SIDEBAR} if they are, since new first names take their place. Corrupted "
    "prompts of your own need no new names"
)
_GIVEN = {
    TYPED: "Heads are ablated with the corrupted prompts that you typed",
    IN_DATA: "Heads are ablated with the corrupted prompts of the data set",
}


def circuit_pairs(view: View) -> PromptPairs:
    """Return the prompts shown with corrupted twins that mean ablation can average over: their own, or ABC.

    Prompts of another task than IOI have no other twins than their own.

    Raises:
        PromptError: no ABC twin can be made.
    """
    if view.corruption in ("ABC", *_GIVEN) or not view.pairs.has_all_roles:
        return view.pairs
    return _with_twins(view.model, view.pairs, "abc")


def twins_by(view: View, corruption: str) -> PromptPairs:
    """Return the prompts shown with corrupted twins of another kind, as `with_twins` makes them.

    Raises:
        PromptError: the prompts have no roles, or no such twin can be made.
    """
    return _with_twins(view.model, view.pairs, corruption)


def flip_pairs(view: View) -> Mapping[str, PromptPairs]:
    """Return flip -> the prompts shown with that flip as their corrupted twin.

    Raises:
        PromptError: the prompts have no roles, or a flip of them cannot be made.
    """
    try:
        check_roles("the six flips exchange the two names", view.pairs.roles)
    except PromptError as error:
        raise PromptError(error.got, f"{error.change}, {IN_SIDEBAR}") from error
    return {flip: _with_twins(view.model, view.pairs, flip) for flip in SIGNAL_FLIPS}


def _twin_key(pairs: PromptPairs) -> tuple[object, ...]:
    """Return all that twins depend on."""
    answers = pairs.answers.tobytes(), pairs.answer_sets
    return pairs.clean_text, answers, pairs.templates.tobytes(), pairs.labels, pairs.prepend_bos, pairs.people


@st.cache_resource(
    max_entries=256, show_spinner=False, hash_funcs={Model: attrgetter("fingerprint"), PromptPairs: _twin_key}
)
def _with_twins(model: Model, pairs: PromptPairs, corruption: str) -> PromptPairs:
    try:
        return with_twins(model, pairs, corruption)
    except UnknownNameError as error:
        raise PromptError(error.got, NEW_NAMES) from error


def twin_of(view: View) -> str:
    """Return what `circuit_pairs` takes for a corrupted prompt, in words."""
    if view.corruption in _GIVEN or not view.pairs.has_all_roles:
        return "corrupted prompt"
    return "ABC twin"


def twins_story(view: View, pairs: PromptPairs, ablation: Ablation | None = None) -> str:
    """Say which twins ablation takes from, and how many of them a mean is taken over.

    Args:
        ablation: the one that is chosen; None where all are shown.
    """
    if ablation is Ablation.ZERO:
        return "Ablated heads write nothing but their value bias, whatever the prompts."
    if not pairs.has_all_roles:
        return other_twins_story(pairs, ablation)
    made = {
        "ABC": "Heads are ablated with the ABC twins of these prompts (three new names each)",
        **_GIVEN,
    }.get(
        view.corruption,
        f"Corrupted by {view.corruption}, a prompt may still tell who is repeated, so this page makes ABC twins of the "
        "same prompts (three new names each) and ablates with those",
    )
    if ablation is Ablation.RESAMPLE:
        return f"{made}: each prompt with its own, {prompts(len(pairs))} in all."
    counts = np.bincount(layouts(pairs))
    fewest, most = int(counts.min()), int(counts.max())
    each = prompts(fewest) if fewest == most else f"{fewest} to {prompts(most)}"
    same = ""
    if fewest == 1:
        where = "here" if most == 1 else "in templates of one prompt"
        same = f" A mean over one prompt is that prompt: mean ablation is resample ablation {where}."
    return f"{made}: {each} for each template, {prompts(len(pairs))} in all.{same}"


def other_twins_story(pairs: PromptPairs, ablation: Ablation | None) -> str:
    """Say the same of prompts of another task, whose twins are their own."""
    counts = np.bincount(layouts(pairs))
    story = "Ablated heads write what they write in the corrupted prompts of these pairs"
    if ablation is Ablation.RESAMPLE:
        return f"{story}, {prompts(len(pairs))} in all."
    if counts.max() == 1:
        return f"{story}. Each prompt is a template of its own, so its mean is that one prompt: mean is resample here."
    fewest, most = int(counts.min()), int(counts.max())
    each = prompts(fewest) if fewest == most else f"{fewest} to {prompts(most)}"
    return (
        f"{story}. Means are taken over those of the same template, length and END: {each} each, "
        f"{prompts(len(pairs))} in all."
    )


def smallest_mean(pairs: PromptPairs) -> int:
    """Return how many prompts the mean of the rarest template is taken over."""
    return int(np.bincount(layouts(pairs)).min())


def mirror_story(pairs: PromptPairs) -> str | None:
    """Say why noising and denoising are mirror images, where each corrupted prompt is a clean one and the reverse."""
    rows = [
        (bytes(clean), bytes(corrupted), tuple(answers))
        for clean, corrupted, answers in zip(
            pairs.clean_tokens, pairs.corrupted_tokens, pairs.answer_sets or pairs.answers.tolist(), strict=True
        )
    ]
    if Counter(rows) != Counter((corrupted, clean, answers[::-1]) for clean, corrupted, answers in rows):
        return None
    return (
        "Each of these corrupted prompts is also a clean one, with the answers exchanged: in logit_diff, noising and "
        "denoising are mirror images here, whatever the model. Other prompts tell them apart."
    )
