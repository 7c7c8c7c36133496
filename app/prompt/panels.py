"""How the tables of the Prompt page show their columns."""

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

PREDICTION_COLUMNS: dict[str, ColumnConfig] = {
    "probability": st.column_config.ProgressColumn("probability", format="%.4g", min_value=0, max_value=1, width=110),
    "rank": st.column_config.NumberColumn("rank", format="localized", help="1 is the most probable token", width=50),
    "token": st.column_config.TextColumn("token", width=90),
}
