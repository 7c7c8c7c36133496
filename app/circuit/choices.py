"""Controls for the heads a part of the Circuit page is about, and for what replaces ablated ones; all in the link."""

from collections.abc import Sequence

import streamlit as st

import ioi_core
from app import url
from app.questions.ask import ask
from app.questions.compute import compute
from app.questions.twins import twin_of
from app.shell.heads import heads_control
from app.view import View
from app.words.choices import ABLATIONS
from ioi_core import Ablation, Head
from ioi_core.heads.published import published_class_on

MOST_HEADS = 10
"""More heads at once make no figure that can be read."""

_STRONGEST = 2  # a third is the head that makes up for them in the bundled model


def strongest_writers(view: View) -> list[Head]:
    """Return all heads, those that write most towards the right answer first."""
    direct = compute(view.model, ask(ioi_core.attribute_heads, pairs=view.pairs)).values
    order = (-direct).argsort(axis=None, kind="stable")
    return [Head(*divmod(int(n), direct.shape[1])) for n in order]


def writers_control(view: View, key: str, label: str, writers: Sequence[Head]) -> list[Head]:
    """Ask for heads, to begin with the name movers: the published ones, or the strongest writers of another model.

    Args:
        writers: all heads, those that write most towards the right answer first.
    """
    classes = [published_class_on(view.model, view.pairs, head) for head in writers]
    first = [head for head, group in zip(writers, classes, strict=True) if group and group.name == "name mover"]
    source = "GPT-2 small's published name movers, the strongest first"
    if not first:
        first = list(writers[:_STRONGEST])
        source = f"the {_STRONGEST} heads that write most towards the right answer on these prompts"
    chosen = heads_control(view, key, label, writers, first, MOST_HEADS)
    st.caption(f"To begin with: {source}.")
    return chosen


def ablation_control(view: View, key: str = url.ABLATION, first: Ablation = Ablation.MEAN) -> Ablation:
    """Ask what ablated heads write instead; `first` is chosen to begin with."""
    options = sorted(ABLATIONS, key=lambda name: name != first)
    captions = [ABLATIONS[name].format(twin_of(view)) for name in options]
    return Ablation(st.radio("Ablated heads write instead", options, captions=captions, key=key, bind="query-params"))
