"""Other prompts that a circuit is compared on: another seed, another corruption, another task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st

from app import url
from app.questions.twins import twins_by
from app.shell.prompts import CLASSIC, CORRUPTIONS, GENERATED, TASK, PromptChoice, chosen_prompts
from app.shell.widgets import number_control
from app.view import View
from app.words.phrases import prompts
from ioi_core import TASKS, PromptPairs

_MOST_SEEDS = 999_999


@dataclass(frozen=True)
class OtherPrompts:
    """Prompts beside those of the page, and their name in a sentence."""

    pairs: PromptPairs
    name: str


def other_prompts(view: View) -> Mapping[str, Callable[[], OtherPrompts]]:
    """Return choice -> the prompts it makes, as many as the page has, where a model reads them.

    Made when they are chosen: PromptError and TooMuchError then say why there are none.
    """
    n, bos = len(view.pairs), view.pairs.prepend_bos
    kinds: dict[str, Callable[[], OtherPrompts]] = {"prompts: another seed": partial(_generated, view, n, bos)}
    if view.pairs.has_all_roles:
        other = next(name for name in reversed(CORRUPTIONS) if name != view.corruption)
        kinds[f"prompts: corrupted by {other}"] = partial(_corrupted, view, other)
    kinds["prompts: classic"] = partial(_made, view, PromptChoice(CLASSIC, bos), "the eight classic prompts")
    for name, task in TASKS.items():
        choice = PromptChoice(TASK, bos, n=n, task=name)
        kinds[f"prompts: {task.title}"] = partial(_made, view, choice, f"{prompts(n)} of the task {task.title}")
    return kinds


def _corrupted(view: View, by: str) -> OtherPrompts:
    return OtherPrompts(twins_by(view, CORRUPTIONS[by]), f"the same prompts, corrupted by {by}")


def _made(view: View, choice: PromptChoice, name: str) -> OtherPrompts:
    return OtherPrompts(chosen_prompts(view.model, choice).pairs, name)


def _generated(view: View, n: int, bos: bool) -> OtherPrompts:
    first = (int(st.session_state.get(url.SEED) or 0) + 1) % _MOST_SEEDS
    seed = number_control("Seed of the other prompts", 0, _MOST_SEEDS, first, url.EDGES_OTHER_SEED)
    corruption = view.corruption if view.corruption in CORRUPTIONS else "S2 flip"
    name = f"{prompts(n)} generated with seed {seed}, corrupted by {corruption}"
    return _made(view, PromptChoice(GENERATED, bos, corruption, n=n, seed=seed, templates="mixed"), name)
