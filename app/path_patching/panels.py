"""Panels of the Path patching page."""

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.drawing.table import show_frame
from app.path_patching.words import effect_unit


def show_ranking(frame: pd.DataFrame, *, large: bool) -> None:
    """Draw the senders, the strongest first; the figure's download has all columns."""
    shown = frame[["sender", "effect", "low_95", "high_95"]]
    columns: dict[str, ColumnConfig] = {
        "effect": st.column_config.NumberColumn(effect_unit(frame["metric"].iloc[0])),
        "low_95": st.column_config.NumberColumn("95 % from", help="prompts drawn anew 1,000 times"),
        "high_95": st.column_config.NumberColumn("95 % to"),
    }
    show_frame("ranking", shown, alt="All senders, the strongest first", large=large, columns=columns, height=300)
