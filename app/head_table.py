"""The table of all heads with all their numbers: sorted by a click on a column, filtered, and a way to each head."""

from functools import partial

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.compute import ask, compute
from app.figures import show_foot
from app.head_classes import measured_roles
from app.head_controls import ANY, choose_one, table_filter
from app.head_measures import all_heads_frame, filtered, look_measures, measure_requests, measures
from app.head_words import NO_ROLES, has_all_roles, table_story
from app.view import View

_KEY = "table-all_heads"


def show_all_heads(view: View) -> None:
    """Every head, a row each."""
    pairs = view.pairs
    found = measures(*compute(view.model, *measure_requests(pairs)))
    roles = None
    if has_all_roles(pairs):
        [attention] = compute(view.model, ask("role_attention", pairs=pairs))
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
    columns: dict[str, ColumnConfig] = {
        one.name: st.column_config.NumberColumn(
            one.name, format="%+.3f" if one.signed else "%.2f", help=f"{one.meaning} ({one.unit}, {one.over})"
        )
        for one in found
    }
    columns["name"] = st.column_config.TextColumn("head", pinned=True, width=60)
    st.dataframe(
        shown.drop(columns=["layer", "head"]),
        hide_index=True, column_config=columns, key=_KEY, height=560, selection_mode="single-row",
        on_select=partial(_selected, shown),
    )  # fmt: skip
    st.caption("Tick the box in front of a head to look at it. A click on a column's title sorts by it.")
    show_foot("all_heads", table_story(shown, len(frame), choice.measure), lambda: shown.assign(prompts=len(pairs)))


def _selected(shown: pd.DataFrame) -> None:
    rows = st.session_state[_KEY].selection.rows
    if rows:
        choose_one(str(shown["name"].iloc[rows[0]]))
