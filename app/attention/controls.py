"""The Attention page's own controls: the metric, the prompt, the layers and heads."""

import streamlit as st

from app import url
from app.attention.words import WEIGHTING, ranking_story
from app.questions.measures import MEANINGS
from app.questions.patterns import RUNS
from app.questions.prompt_patterns import MOST_CELLS, cells, too_long
from app.questions.ranking import RANKED_BY, ranking
from app.shell.heads import heads_control
from app.shell.widgets import choose
from app.view import View
from app.words.effects import not_shown, shows
from app.words.phrases import threshold
from ioi_core import Head

BY_HAND = "chosen by hand"
MOST_HEADS = 12


def kind_control() -> bool:
    """Ask for the metric; True for value-weighted attention."""
    kind = st.radio(
        "Attention", tuple(WEIGHTING), captions=tuple(WEIGHTING.values()), key=url.ATTENTION, bind="query-params",
        horizontal=True,
    )  # fmt: skip
    return kind == "value-weighted"


def run_control() -> str:
    """Ask which of `RUNS` the overview shows."""
    captions = ("as it is", "its twin", "clean minus corrupted")
    return st.radio("Prompt", RUNS, captions=captions, key=url.RUN, bind="query-params", horizontal=True)


def layers_control(view: View) -> tuple[int, ...]:
    """Return all layers, or for a long prompt a chosen one; none if even one is too much for a browser."""
    layers = tuple(range(view.model.cfg.n_layers))
    if cells(view, len(layers)) <= MOST_CELLS:
        return layers
    if too_long(view):
        return ()
    length = int(view.pairs.lengths[view.row])
    label = f"Layer (the prompt has {length} tokens: too long to draw all layers at once)"
    return (int(st.selectbox(label, layers, key=url.LAYER, bind="query-params")),)


def picked_heads(view: View) -> tuple[list[Head], str]:
    """Ask for the heads to show side by side; return also why these, or why there are none."""
    left, right = st.columns([2, 3])
    by = left.selectbox("Which heads", (*RANKED_BY, BY_HAND), key=url.BY, bind="query-params")
    if by == BY_HAND:
        start = ranking(view.model, view.pairs, "direct effect").top(4)
        with right:
            chosen = heads_control(view, url.HEADS, f"Heads, up to {MOST_HEADS}", view.model.heads, start, MOST_HEADS)
        return chosen, "" if chosen else "No heads are chosen yet."
    n = right.slider("How many, the strongest first", 1, MOST_HEADS, 4, key=url.TOP, bind="query-params")
    st.caption(f"**{by}**: {MEANINGS[RANKED_BY[by]]}.")
    ranked = ranking(view.model, view.pairs, RANKED_BY[by])
    if ranked.undefined is not None:
        return [], f"Heads cannot be ranked by {by} here: {ranked.undefined}."
    if not shows(ranked.values, ranked.least):
        return [], not_shown(f"no head's {ranked.name} is {threshold(ranked.least)} or more")
    heads = ranked.top(int(n))
    return heads, ranking_story(ranked, heads)


def choose_head(name: str) -> None:
    """Choose the head to look at closely, on a click."""
    choose({url.ATTENTION_HEAD: name, url.PART_CLOSELY: True})
