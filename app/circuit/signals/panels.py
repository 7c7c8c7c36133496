"""Token or position: the Circuit page's part about what S-inhibition heads tell the name movers."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

import ioi_core
from app import url
from app.circuit.choices import MOST_HEADS, strongest_writers
from app.circuit.signals import charts, tables, words
from app.circuit.starts import classes_of
from app.drawing.by_template import show_by_template
from app.drawing.by_template_charts import template_curves
from app.drawing.figure import show_figure
from app.drawing.table import show_frame
from app.questions.ask import Request, ask
from app.questions.compute import compute
from app.questions.shown import Shown
from app.questions.twins import flip_pairs
from app.shell.heads import heads_control
from app.shell.title import Part, show_parts
from app.view import View
from ioi_core import SIGNALS, Head, PromptPairs, SignalFit

_CLASS = "S-inhibition"


def show_signals(view: View) -> None:
    """Exchange the heads' signal for that of six variants of the prompts, and draw what that does."""
    if not view.pairs.has_all_roles:
        st.write(words.NO_NAMES)
        return
    figure = st.container()
    flips = flip_pairs(view)
    first, source = _first_heads(view)
    chosen = heads_control(
        view, url.SIGNAL_HEADS, "Heads whose output is exchanged", strongest_writers(view), first, MOST_HEADS
    )
    st.caption(source)
    if not chosen:
        st.write("Choose at least one head.")
        return
    request = ask(ioi_core.token_and_position, flips=flips, heads=chosen)
    result = compute(view.model, request)
    with figure:
        _show_fit(view, result, request)
    show_parts(Part("The six variants of the prompt shown", url.PART_VARIANTS, partial(_show_examples, view, flips)))


def _first_heads(view: View) -> tuple[list[Head], str]:
    """Return the heads to begin with, and where they come from."""
    published, classes = classes_of(view.model, view.pairs)
    heads = list(classes.get(_CLASS, ()))
    if published:
        return heads, "To begin with: GPT-2 small's S-inhibition heads (Wang et al. 2022)."
    if not heads:
        return [], (
            f"No head of {view.model.name} measures as an S-inhibition head on these prompts (the rules are on the "
            "Heads page), so choose heads yourself."
        )
    return heads, (
        f"To begin with: the heads of {view.model.name} that measure as S-inhibition heads on these prompts (the rules "
        "are on the Heads page). They are not the paper's: those are GPT-2 small's."
    )


def _show_fit(view: View, result: SignalFit, request: Request[SignalFit]) -> None:
    figure, story = charts.signal_bars(result) if words.shows_signal(result) else None, words.fit_story(result)
    show_figure(
        "signal_fit", figure, story, lambda: tables.flips_frame(result), large=view.large, requests=[request],
        shown=[Shown("per_prompt"), Shown("fitted")], first=True,
    )  # fmt: skip
    names = [words.FLIP_WORDS[flip] for flip in SIGNALS]
    title = "logit_diff with each of the six signals, in the order above"
    show_by_template(
        view, "signal_fit", result.per_prompt, names,
        lambda groups: template_curves(result.per_prompt, groups, names, title, "logits"),
        requests=[request],
    )  # fmt: skip


def _show_examples(view: View, flips: Mapping[str, PromptPairs]) -> None:
    columns = {"the variant of the prompt shown": st.column_config.TextColumn(width="large")}
    frame = tables.examples_frame(flips, view.row)
    alt = "The six variants of the prompt shown"
    show_frame("signal_examples", frame, alt=alt, large=view.large, columns=columns)
    st.caption("Letters: A is IO, B is S, C and D are new names, in the order of the sentence.")
