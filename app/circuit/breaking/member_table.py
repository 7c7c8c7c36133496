"""The table of a circuit's members, with a box for each that switches it off and on."""

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from app.circuit.breaking.controls import Plan, set_changes
from app.circuit.changes import Changes
from ioi_core import Circuit

_TABLE = "_circuit_table"


def table_control(plan: Plan, frame: pd.DataFrame) -> None:
    """The circuit as a table with a box to tick for each member: the way by keyboard.

    While the table itself is edited it keeps what it was first given and lays its own ticks over that, so that it is
    not drawn anew and the keyboard's place in it is not lost.
    """
    given = st.session_state.get(_TABLE)
    if given is None or (given["circuit"], given["now"]) != (plan.circuit, plan.off) or _lost_edits(given):
        number = given["number"] + 1 if given else 0
        given = {"number": number, "circuit": plan.circuit, "first": plan.off, "now": plan.off}
        st.session_state[_TABLE] = given
    gone = set(given["first"].members)
    shown = frame.assign(on=[member not in gone for member in plan.circuit.members])
    key = _table_key(given)
    st.data_editor(
        shown, key=key, hide_index=True, disabled=[name for name in shown.columns if name != "on"],
        on_change=partial(_table_edited, plan, key), column_config={
            "on": st.column_config.CheckboxColumn("on", width=75, pinned=True),
            "head": st.column_config.TextColumn("head", width=60, pinned=True),
            "kept_at": st.column_config.TextColumn("kept at", width=80),
            "minimality_percent": st.column_config.NumberColumn(
                "adds, % of F(M)", format="%+.1f",
                help="what its loss takes from logit_diff once K is gone, as a share of the whole model's (minimality)",
            ),
            "K_gone_as_well": st.column_config.TextColumn("once these are gone (K)", width="large"),
        },
    )  # fmt: skip


def _table_key(given: dict[str, Any]) -> str:
    return f"circuit-table-{given['number']}"


def _lost_edits(given: dict[str, Any]) -> bool:
    """Whether the table had ticks of its own that Streamlit has forgotten, as it does while another page is open."""
    return given["first"] != given["now"] and _table_key(given) not in st.session_state


def _table_edited(plan: Plan, key: str) -> None:
    given, edits = st.session_state[_TABLE], st.session_state[key]["edited_rows"]
    gone = set(given["first"].members)
    for row, cells in edits.items():
        member = plan.circuit.members[int(row)]
        (gone.discard if cells["on"] else gone.add)(member)
    given["now"] = Circuit.of(gone)
    set_changes(Changes(plan.changes.added, given["now"]))
