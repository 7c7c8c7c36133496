"""The table of a circuit's members, with a checkbox for each that switches it off and on."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.circuit.breaking.controls import Plan, set_changes
from app.circuit.changes import Changes
from app.drawing.frames import as_written
from app.drawing.table import HEAD_COLUMNS, number_column
from ioi_core import Circuit

_TABLE = "_circuit_table"
COLUMNS: dict[str, ColumnConfig] = {
    "on": st.column_config.CheckboxColumn("on", width=75, pinned=True),
    **HEAD_COLUMNS,
    "kept_at": st.column_config.TextColumn("kept at", width=80),
    "minimality_percent": number_column(
        "adds, % of F(M)",
        "what its loss takes from logit_diff once K is ablated, as a share of the whole model's (minimality)",
    ),
    "K_gone_as_well": st.column_config.TextColumn("once these are ablated (K)", width="large"),
}


def table_control(plan: Plan, frame: pd.DataFrame) -> None:
    """Draw the circuit as a table with a checkbox for each member, so that a keyboard can switch it.

    While the table itself is edited it keeps the data that it was first drawn with and lays its own ticks over them,
    so that it is not drawn again and the keyboard's focus in it is not lost.
    """
    table = st.session_state.get(_TABLE)
    if table is None or (table["circuit"], table["now"]) != (plan.circuit, plan.off) or _lost_edits(table):
        number = table["number"] + 1 if table else 0
        table = {"number": number, "circuit": plan.circuit, "first": plan.off, "now": plan.off}
        st.session_state[_TABLE] = table
    off = set(table["first"].members)
    shown = frame.assign(on=[member not in off for member in plan.circuit.members])
    key = _table_key(table)
    st.data_editor(
        as_written(shown), key=key, hide_index=True, alt="Every member, each with a switch",
        disabled=[name for name in shown.columns if name != "on"],
        on_change=partial(_table_edited, plan.circuit, plan.changes, key), column_config=COLUMNS,
    )  # fmt: skip


def _table_key(table: dict[str, Any]) -> str:
    return f"circuit-table-{table['number']}"


def _lost_edits(table: dict[str, Any]) -> bool:
    """Return whether the table had ticks that Streamlit has forgotten, as it does while another page is open."""
    return table["first"] != table["now"] and _table_key(table) not in st.session_state


def _table_edited(circuit: Circuit, changes: Changes, key: str) -> None:
    table, edits = st.session_state[_TABLE], st.session_state[key]["edited_rows"]
    off = set(table["first"].members)
    for row, cells in edits.items():
        member = circuit.members[int(row)]
        (off.discard if cells["on"] else off.add)(member)
    table["now"] = Circuit.of(off)
    set_changes(Changes(changes.added, table["now"]))
