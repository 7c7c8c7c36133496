"""What a visitor can take from a figure: its numbers as CSV that a spreadsheet opens safely, or itself as a page."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ioi_core import (
    Result,
    bootstrap_interval,
)

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """`frame` as CSV, formulas neutralised."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [neutral(cell) if isinstance(cell, str) else cell for cell in safe[column]]
    safe.columns = pd.Index([neutral(str(column)) for column in safe.columns])
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def neutral(text: str) -> str:
    """`text`, with an apostrophe in front if a spreadsheet would run it."""
    return "'" + text if text.startswith(_STARTS_FORMULA) else text


def mean_frame(result: Result) -> pd.DataFrame:
    """Means over prompts, each with its interval."""
    return result.to_frame().assign(**interval_columns(result), prompts=result.n_prompts)


def interval_columns(result: Result) -> dict[str, np.ndarray]:
    """The 95 % interval of each value, as two columns."""
    assert result.per_prompt is not None
    low, high = bootstrap_interval(result.per_prompt)
    return {"low_95": low.ravel(), "high_95": high.ravel()}


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
