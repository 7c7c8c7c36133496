"""Panels of the Path patching page."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.drawing.by_template import show_bars_by_template
from app.drawing.figure import show_figure
from app.drawing.look import says
from app.drawing.table import number_column, show_frame
from app.path_patching import charts, tables, words
from app.path_patching.cells import path_grid, trail_edges
from app.path_patching.controls import attention_control
from app.path_patching.requests import split_request
from app.path_patching.trail import Step
from app.questions.compute import compute
from app.questions.shown import Requests, Shown, effects_shown
from app.view import View
from app.words.phrases import grouped_by
from ioi_core import Head, PathResult


def show_ranking(frame: pd.DataFrame, *, large: bool) -> None:
    """Draw the senders, the strongest first; the figure's download has all columns."""
    shown = frame[["sender", "effect", "low_95", "high_95"]]
    columns: dict[str, ColumnConfig] = {
        "effect": number_column(words.effect_unit(frame["metric"].iloc[0])),
    }
    show_frame("ranking", shown, alt="All senders, the strongest first", large=large, columns=columns, most=300)


def show_graph(view: View, steps: Sequence[Step], requests: Requests, results: Sequence[PathResult]) -> None:
    """Draw the strongest paths of all steps as a graph."""
    edges = [edge for n in range(len(steps)) for edge in trail_edges(path_grid(results[n]), steps, n)]
    show_figure(
        "path_graph",
        charts.edge_graph(edges, steps, results[-1], view.model.cfg.n_layers),
        words.graph_story(steps),
        lambda: tables.edges_frame(edges, steps, results[-1].metric),
        large=view.large,
        requests=requests,
        shown=[one for n in range(len(steps)) for one in effects_shown(n)],
        min_width=560,
        from_right=True,
    )


def show_why(view: View, offered: Sequence[Head]) -> None:
    """Draw what makes a head attend from one role to another: who writes its query and its key."""
    if len(view.pairs.roles) < 2:
        st.write("These prompts have no roles to attend to: only END is known.")
        return
    head, query, key = attention_control(view, offered)
    request = split_request(view.pairs, head, query, key)
    split = compute(view.model, request)
    says(words.split_story(split))
    for n, (column, side) in enumerate(zip(st.columns(2), split.axes["side"], strict=True)):
        one_side = [Shown("per_prompt", cells=(n,))]
        with column:
            show_figure(
                "path_split",
                charts.split_bars(split, side),
                "",
                partial(tables.split_frame, split, side),
                large=view.large,
                requests=[request],
                shown=one_side,
                suffix=side,
            )
            names, shares = words.split_shares(split, side, 2)
            title = f"Shares of head {head}'s {side} side, by {grouped_by(view.pairs)}"
            show_bars_by_template(
                view, f"split_{side}", shares, names, title, split.unit, requests=[request], shown=one_side
            )
