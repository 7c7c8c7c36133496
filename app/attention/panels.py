"""The panels of the Attention page: all heads, one head closely, some heads as circuitsvis draws them."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import url
from app.attention.charts import heads_overview
from app.attention.circuitsvis_frame import show_heads
from app.attention.controls import choose_head, picked_heads
from app.attention.tables import end_frame, pattern_frame
from app.attention.words import end_story, head_story, hover_texts, note, overview_story
from app.colours import LOOKED_AT
from app.drawing.figure import show_chart, show_figure, show_foot
from app.drawing.heatmap import attention_heatmap, cell_pixels
from app.drawing.table import HEAD_COLUMNS, number_column, show_frame
from app.questions.patterns import RUNS, PromptPatterns
from app.questions.prompt_patterns import asked_for, covering
from app.view import View
from ioi_core import Head

_MOST_CIRCUITSVIS_CELLS = 20_000
"""The most numbers that circuitsvis draws without a pause."""
_ON_PAPER = (
    "circuitsvis draws on the screen alone. The overview above has these patterns, small; the closer look prints one "
    "head at a time."
)
"""A frame without rights is drawn while it is seen, and never as small as paper wants it: it came out blank or cut."""


def show_overview(view: View, patterns: PromptPatterns, run: str, head: Head) -> None:
    """Draw all heads at a glance."""
    which = "all heads" if len(patterns.layers) > 1 else f"the heads of layer {patterns.layers[0]}"
    figure = heads_overview(
        patterns.values(run),
        patterns.layers,
        hover_texts(patterns, run),
        patterns.roles,
        head,
        limit=patterns.limit(run),
        title=f"{patterns.metric.capitalize()} of {which}, {patterns.title(run)}",
        note=note(patterns, run),
        diverging=run == "difference",
        faint=patterns.weighted,
        wide=view.large,
    )
    heads = [Head(layer, n) for layer in patterns.layers for n in range(view.model.cfg.n_heads)]
    show_figure(
        "attention_overview",
        figure,
        overview_story(patterns, run),
        partial(pattern_frame, view, patterns, heads),
        large=view.large,
        **asked_for(view, patterns, runs=RUNS[:2] if run == "difference" else [run]),
        min_width=90 + max(54 * view.model.cfg.n_heads, 480),
        on_click=choose_head,
        first=True,
    )


def show_head(view: View, patterns: PromptPatterns, head: Head) -> None:
    """Draw one head: clean, corrupted and their difference."""
    patterns = covering(view, patterns, [head])
    length = len(patterns.tokens("clean"))
    three_fit = length <= 20 and not view.large
    with st.container(key="wrapped"):
        columns = st.columns(3) if three_fit else [*st.columns(2), st.container()]
    figures = []
    for column, run in zip(columns, RUNS, strict=True):
        figure = attention_heatmap(
            patterns.of(head, run),
            patterns.tokens(run),
            f"Head {head}, {'clean minus corrupted' if run == 'difference' else patterns.title(run)}",
            roles=patterns.roles,
            limit=patterns.limit(run, [head]),
            metric="value-weighted" if patterns.weighted else "attention",
            diverging=run == "difference",
        )
        figures.append(figure)
        with column:
            show_chart(
                f"attention_head_{run}",
                figure,
                large=view.large,
                min_width=110 + max(6, cell_pixels(length) // 2) * length,
            )
    frame = partial(pattern_frame, view, patterns, [head])
    show_foot("attention_head", head_story(patterns, head), frame, **asked_for(view, patterns, [head]), figures=figures)


def show_side_by_side(view: View, patterns: PromptPatterns, closely: Head) -> None:
    """Draw some heads with circuitsvis, clean beside corrupted, but for the one that the closer look draws if open."""
    heads, why = picked_heads(view)
    if not heads:
        st.write(why)
        return
    fit = _MOST_CIRCUITSVIS_CELLS // len(patterns.tokens("clean")) ** 2
    if fit == 0:
        st.write("The prompt is too long for circuitsvis. The closer look above shows one head at a time.")
        return
    if fit < len(heads):
        st.caption(f"The prompt is long: circuitsvis draws the first {fit} of these {len(heads)} heads.")
    heads = heads[:fit]
    patterns = covering(view, patterns, heads)
    drawn = [head for head in heads if head != closely or not st.session_state[url.PART_CLOSELY]]
    if drawn != heads:
        st.caption(f"Head {closely} is drawn in the closer look above; close that, and it is drawn here.")
    names = [str(head) for head in drawn]
    if drawn:
        st.html(f'<p class="ioi-on-paper">{_ON_PAPER}</p>')
    with st.container(key="not-on-paper"):
        columns = st.columns(2) if drawn else []
    for column, run in zip(columns, RUNS[: len(columns)], strict=True):
        with column:
            st.markdown(f"**{run.capitalize()} prompt {patterns.number}**")
            show_heads(
                f"circuitsvis-{run}",
                names,
                np.stack([patterns.of(head, run) for head in drawn]),
                patterns.tokens(run),
                limit=patterns.limit(run, heads),
                colour=LOOKED_AT,
                alt=f"{patterns.metric.capitalize()} of heads {', '.join(names)} in {patterns.title(run)}",
                large=view.large,
            )
    show_foot("circuitsvis", why, partial(pattern_frame, view, patterns, heads), **asked_for(view, patterns, heads))


def show_from_end(view: View, patterns: PromptPatterns) -> None:
    """Draw a table of every head's attention from END to each name."""
    if not patterns.names:
        st.write("IO and S do not stand in this prompt, so there is nothing to look back at.")
        return
    st.write("A head can carry what it looks at from END into the answer. Positions are those of the clean prompt.")
    patterns = covering(view, patterns, [Head(layer, 0) for layer in range(view.model.cfg.n_layers)])
    frame = end_frame(patterns)
    show_frame(
        "attention_from_end", frame, alt="Attention from END to each name, head by head", large=view.large,
        columns=_end_columns(patterns),
        unsigned=[f"{role} {run}" for role in patterns.names for run in ("clean", "corrupted")],
    )  # fmt: skip
    asked = asked_for(view, patterns)
    from_end = [replace(one, cells=(*one.cells, None, None, patterns.end)) for one in asked["shown"]]
    show_foot("attention_from_end", end_story(patterns), lambda: frame, requests=asked["requests"], shown=from_end)


def _end_columns(patterns: PromptPatterns) -> dict[str, ColumnConfig]:
    columns = dict(HEAD_COLUMNS)
    for role, position in patterns.names.items():
        for run in RUNS:
            help_text = "clean minus corrupted"
            if run != "difference":
                help_text = f"{patterns.metric} from END to position {position}, in the {run} prompt"
            columns[f"{role} {run}"] = number_column(f"{role} {run}", help_text)
    return columns
