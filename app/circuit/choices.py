"""Which heads a part of the Circuit page is about; all of it is in the link."""

from collections.abc import Sequence

import streamlit as st

from app import url
from app.drawing.look import notice
from app.view import View
from app.words.choices import ABLATIONS
from ioi_core import Ablation, Head, HeadAttribution, Model, published_class

MOST_HEADS = 10
"""More heads at once make no figure that can be read."""

_STRONGEST = 3  # as many as GPT-2 small has name movers


def strongest_writers(direct: HeadAttribution) -> list[Head]:
    """All heads, those that write most towards IO first."""
    order = (-direct.values).argsort(axis=None, kind="stable")
    return [Head(*divmod(int(place), direct.values.shape[1])) for place in order]


def first_heads(model: Model, writers: Sequence[Head]) -> tuple[list[Head], str]:
    """The heads to begin with, and what they are.

    Args:
        writers: all heads, those that write most towards IO first.
    """
    groups = [(head, published_class(model, head)) for head in writers]
    published = [head for head, group in groups if group and group.name == "name mover"]
    if published:
        return published, "GPT-2 small's published name movers, the strongest first"
    return list(writers[:_STRONGEST]), f"the {_STRONGEST} heads that write most towards IO on these prompts"


def heads_control(view: View, key: str, label: str, offered: Sequence[Head], default: Sequence[Head]) -> list[Head]:
    """Some heads, in the order in which they were chosen.

    What nobody has changed follows the prompts and the model: a new default replaces the one before.

    Args:
        offered: every head of the model, in the order in which they are offered.
    """
    names, wanted = [str(head) for head in offered], [str(head) for head in default]
    put_in = f"_{key}_default"
    asked = list(st.session_state[key] if key in st.session_state else st.query_params.get_all(key))
    usable = [name for name in dict.fromkeys(asked) if name in names][:MOST_HEADS]
    untouched = asked == st.session_state.get(put_in)
    if untouched or not (usable or key in st.session_state) or (asked and not usable):
        usable, st.session_state[put_in] = wanted, wanted
    if not untouched and (left_out := [name for name in asked if name not in usable]):
        notice(
            f"Of the heads asked for, these are left out: {', '.join(left_out)[:60]}. {view.model.name} has no such "
            f"heads, or they are more than {MOST_HEADS}. Shown: {', '.join(usable) or 'no head'}."
        )
    st.session_state[key] = usable
    chosen = st.multiselect(
        label, names, key=key, bind="query-params", max_selections=MOST_HEADS,
        placeholder="Heads, those that write most towards IO first",
    )  # fmt: skip
    return [Head.parse(name) for name in chosen]


def ablation_control(
    key: str = url.ABLATION, whose: str = "Ablated heads", first: Ablation = Ablation.MEAN
) -> Ablation:
    """Ask what ablated heads write instead; `first` is chosen to begin with."""
    options = sorted(ABLATIONS, key=lambda name: name != first)
    captions = [ABLATIONS[name] for name in options]
    return Ablation(st.radio(f"{whose} write instead", options, captions=captions, key=key, bind="query-params"))
