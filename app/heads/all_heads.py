"""The table of all heads with all their measures; it can be sorted, filtered, and leads to each head."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.elements.lib.column_types import ColumnConfig

import ioi_core
from app.drawing.by_template import show_heatmaps_by_template
from app.drawing.figure import show_foot
from app.drawing.frames import as_written
from app.drawing.table import HEAD_COLUMNS, RESAMPLED, number_column, on_paper, plain_table, table_height
from app.heads import tables
from app.heads.controls import ANY, choose_one, measure_control, table_filter
from app.heads.words import NO_ROLES, table_story
from app.questions.ask import Request, ask
from app.questions.classes import measured_roles
from app.questions.compute import compute
from app.questions.measures import (
    MEASURES_SHOWN,
    Measure,
    all_measures,
    measure_requests,
    role_attention_measures,
)
from app.questions.shown import Shown
from app.shell.links import head_opener
from app.view import View
from app.words.phrases import capitalised, grouped_by
from ioi_core import ROLES, Head, PromptPairs

_KEY = "table-all_heads"


def show_all_heads(view: View, controls: DeltaGenerator) -> None:
    """Draw every head, a row each; `controls` are those above the table."""
    table, pairs = st.container(), view.pairs
    of_measures, of_roles = measure_requests(pairs), ask(ioi_core.role_attention, pairs=pairs)
    asked: list[Request[Any]] = [*of_measures]
    shown_of = list(MEASURES_SHOWN)
    measures = all_measures(*compute(view.model, *of_measures))
    roles = None
    if pairs.has_all_roles:
        shown_of.append(Shown("per_prompt", len(asked)))
        asked.append(of_roles)
        measures += role_attention_measures(compute(view.model, of_roles))
        roles = measured_roles(view.model, pairs)
    else:
        st.write(f"{NO_ROLES} The scores and effects are there all the same.")
    for measure in measures:
        if measure.undefined:
            st.write(f"There is no {measure.name} here, so its column is empty.")
    with controls:
        name = measure_control([measure.name for measure in measures])
    choice = table_filter(view, name)
    frame = tables.all_heads_frame(view.model, measures, roles)
    role = choice.role if roles is not None else ANY
    shown = tables.filtered(frame, choice.layers, role, choice.measure, choice.least)
    [measure] = [measure for measure in measures if measure.name == choice.measure]
    visible = tables.ordered(shown, measure)
    unsigned, shaded = [one.name for one in measures if not one.signed], [measure.name]
    drawn, alt = visible.drop(columns="name"), f"All heads, one a row, the largest {measure.name} first"
    with table:
        if view.large:
            with st.container(key="screenful"):
                st.html(plain_table(drawn, alt, _columns(measures), unsigned, shaded))
        else:
            st.dataframe(
                as_written(drawn, unsigned, shaded), hide_index=True, column_config=_columns(measures), key=_KEY,
                height=table_height(len(drawn), 560), selection_mode="single-row", alt=alt,
                on_select=partial(_show_selected, visible),
            )  # fmt: skip
            on_paper(drawn, alt, _columns(measures), unsigned, shaded)
            st.caption("A click on a column's title sorts by it.")
        show_foot(
            "all_heads",
            table_story(shown, len(frame), choice.measure, measure.least),
            lambda: tables.with_intervals(shown, measures).drop(columns="name").assign(prompts=len(pairs)),
            requests=asked,
            shown=shown_of,
        )
        if view.large and not visible.empty:
            head_opener(view.model, Head.parse(visible["name"].iloc[0]))
        st.caption("The file has the intervals of all measures.")
    if measure.by_template and measure.per_prompt is not None:
        _show_templates(view, measure, measure.per_prompt, _asked_for(pairs, measure))


def _columns(measures: Sequence[Measure]) -> dict[str, ColumnConfig]:
    columns = dict(HEAD_COLUMNS)
    for measure in measures:
        help_text = f"{measure.meaning} ({measure.unit}, {measure.sample})"
        columns[measure.name] = number_column(measure.name, help_text)
    return columns | {tables.INTERVAL: st.column_config.TextColumn(tables.INTERVAL, help=RESAMPLED)}


def _asked_for(pairs: PromptPairs, measure: Measure) -> tuple[Request[Any], Shown]:
    """Return where a measure that is a mean over prompts comes from."""
    direct, patching, *_ = measure_requests(pairs)
    if measure.name == "direct effect":
        return direct, Shown("per_prompt")
    if measure.name == "patching effect":
        return patching, Shown("effects")
    query, key = (ROLES.index(role) for role in measure.name.split(" to "))
    return ask(ioi_core.role_attention, pairs=pairs), Shown("per_prompt", cells=(query, key))


def _show_templates(view: View, measure: Measure, per_prompt: np.ndarray, asked: tuple[Request[Any], Shown]) -> None:
    n_layers, n_heads = per_prompt.shape[:2]
    keys = [[str(Head(layer, head)) for head in range(n_heads)] for layer in range(n_layers)]
    title = f"{capitalised(measure.name)} of all heads, by {grouped_by(view.pairs)}"
    show_heatmaps_by_template(
        view, "all_heads", per_prompt, keys, title, measure.unit, order="rows: layers, columns: heads, both from 0",
        requests=asked[:1], shown=asked[1:], effects=measure.signed,
    )  # fmt: skip


def _show_selected(visible: pd.DataFrame) -> None:
    rows = st.session_state[_KEY].selection.rows
    if rows:
        choose_one(str(visible["name"].iloc[rows[0]]))
