"""Buttons under a figure: its numbers as CSV, or itself as a web page."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.drawing.frames import csv_bytes

_button = partial(st.download_button, on_click="ignore", icon=":material/download:", type="tertiary", width="content")


def download(name: str, frame: Callable[[], pd.DataFrame]) -> None:
    """A button that makes the CSV when it is pressed."""
    _button("Download CSV", lambda: csv_bytes(frame()), f"{name}.csv", "text/csv", key=f"csv-{name}")


def download_page(name: str, figure: go.Figure) -> None:
    """A button that makes a web page of the figure, Plotly included: it works with no network."""

    def page() -> bytes:
        return figure.to_html(include_plotlyjs=True).encode()

    _button("Download web page", page, f"{name}.html", "text/html", key=f"html-{name}")
