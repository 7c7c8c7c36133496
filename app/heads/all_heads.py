"""The table of all heads with all their numbers: sorted by a click on a column, filtered, and a way to each head."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

import ioi_core
from app.drawing.by_template import show_heatmaps_by_template
from app.drawing.figure import show_foot
from app.heads.controls import ANY, choose_one, table_filter
from app.heads.tables import all_heads_frame, bounds, filtered, with_intervals
from app.heads.words import NO_ROLES, table_story
from app.questions.ask import ask
from app.questions.classes import has_all_roles, measured_roles
from app.questions.compute import compute
from app.questions.measures import Measure, look_measures, measure_requests, measures
from app.view import View
from ioi_core import Head

_KEY = "table-all_heads"
_INTERVAL = "95 % interval: prompts, or random sequences, drawn anew with replacement, 1,000 times"


def show_all_heads(view: View) -> None:
    """Every head, a row each."""
    pairs = view.pairs
    found = measures(*compute(view.model, *measure_requests(pairs)))
    roles = None
    if has_all_roles(pairs):
        attention = compute(view.model, ask(ioi_core.role_attention, pairs=pairs))
        found += look_measures(attention)
        roles = measured_roles(view.model, pairs)
    else:
        st.write(f"{NO_ROLES} The scores and effects are there all the same.")
    for one in found:
        if one.undefined:
            st.write(f"There is no {one.name} here, so its column is empty.")
    choice = table_filter(view, [one.name for one in found])
    frame = all_heads_frame(view.model, found, roles)
    role = choice.role if roles is not None else ANY
    shown = filtered(frame, choice.layers, role, choice.measure, choice.least)
    [measure] = [one for one in found if one.name == choice.measure]
    visible = with_intervals(shown, [measure])
    st.dataframe(
        visible.drop(columns=["layer", "head"]),
        hide_index=True, column_config=_columns(found), key=_KEY, height=560, selection_mode="single-row",
        on_select=partial(_selected, shown),
    )  # fmt: skip
    st.caption(
        "Tick the box in front of a head to look at it. A click on a column's title sorts by it. Behind the measure "
        "chosen above stands its 95 % interval; the file has those of all."
    )
    show_foot(
        "all_heads",
        table_story(shown, len(frame), choice.measure),
        lambda: with_intervals(shown, found).assign(prompts=len(pairs)),
    )
    if measure.by_template and measure.per_prompt is not None:
        _show_templates(view, measure, measure.per_prompt)


def _columns(found: Sequence[Measure]) -> dict[str, ColumnConfig]:
    """How each column is shown, and what it is."""
    columns: dict[str, ColumnConfig] = {"name": st.column_config.TextColumn("head", pinned=True, width=60)}
    for one in found:
        digits = "%+.3f" if one.signed else "%.2f"
        said = {one.name: f"{one.meaning} ({one.unit}, {one.over})"} | dict.fromkeys(bounds(one), _INTERVAL)
        columns |= {
            name: st.column_config.NumberColumn(name, format=digits, help=words) for name, words in said.items()
        }
    return columns


def _show_templates(view: View, measure: Measure, per_prompt: np.ndarray) -> None:
    """One measure of all heads, template by template."""
    n_layers, n_heads = per_prompt.shape[:2]
    keys = [[str(Head(layer, head)) for head in range(n_heads)] for layer in range(n_layers)]
    title = f"{measure.name[:1].upper()}{measure.name[1:]} of all heads, by template"
    show_heatmaps_by_template(
        view, "all_heads", per_prompt, keys, title, measure.unit, order="rows: layers, columns: heads, both from 0",
        effects=measure.signed,
    )  # fmt: skip


def _selected(shown: pd.DataFrame) -> None:
    rows = st.session_state[_KEY].selection.rows
    if rows:
        choose_one(str(shown["name"].iloc[rows[0]]))
