"""Buttons under a figure: its numbers as CSV, or itself as a web page."""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.drawing.frames import csv_bytes


def download(name: str, frame: Callable[[], pd.DataFrame]) -> None:
    """A button that makes the CSV when it is pressed."""
    st.download_button(
        "Download CSV",
        lambda: csv_bytes(frame()),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"csv-{name}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        width="content",
    )


def download_page(name: str, figure: go.Figure) -> None:
    """A button that makes a web page of the figure, Plotly included: it works with no network."""
    st.download_button(
        "Download web page",
        lambda: figure.to_html(include_plotlyjs=True).encode(),
        file_name=f"{name}.html",
        mime="text/html",
        key=f"html-{name}",
        on_click="ignore",
        icon=":material/download:",
        type="tertiary",
        width="content",
    )
