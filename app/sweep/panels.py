"""Panels of a sweep's file."""

import pandas as pd
import streamlit as st

from app.drawing.figure import show_chart
from app.drawing.look import notice, problem, refuse, says
from app.drawing.table import show_frame
from app.sweep import tables, words
from app.sweep.charts import can_be_drawn, sweep_figure
from app.take_home.data import csv_bytes
from app.take_home.menu import download_button
from app.take_home.record import in_a_file_name
from app.view import View
from ioi_core import IOIError, SweepResult
from ioi_core.sweeps.result import sweep_of

_UPLOAD = "_sweep"


def show_sweep(view: View) -> None:
    """Ask for a sweep's file, and show it."""
    st.write(words.HOW)
    file = st.file_uploader("A sweep’s file", type="sweep", key=_UPLOAD, help=words.TOO_LARGE)
    if file is None:
        return
    try:
        result = sweep_of(file.getvalue(), file.name)
        frame = tables.cells(result)
        facts = tables.facts_frame(result)
    except IOIError as error:
        refuse(error)
    except (ValueError, TypeError, OverflowError):  # sound in itself, but with labels that are no table's
        problem("Give the file as python -m ioi_core sweep wrote it: its labels make no table.")
    else:
        _show(view, result, frame, facts)


def _show(view: View, result: SweepResult, frame: pd.DataFrame, facts: pd.DataFrame) -> None:
    if other := words.same_weights(result, view.model):
        notice(other)
    if can_be_drawn(result):
        show_chart("sweep", sweep_figure(result), large=view.large)
    else:
        st.caption(words.NOT_DRAWN)
    says(words.story(result))
    rows = tables.largest(result, frame)
    if len(rows) < len(frame):
        st.caption(f"The {len(rows)} cells with the largest means, of {len(frame)}; the file below has all.")
    show_frame("sweep", rows, alt="Cells of the sweep", large=view.large, unsigned=["standard_error"], most=300)
    show_frame("sweep_told", facts, alt="What was swept", large=view.large)
    name = f"{in_a_file_name(result.model)}_{in_a_file_name(result.analysis)}_sweep.csv"
    download_button("CSV", lambda: csv_bytes(frame), name, "text/csv", key="sweep-csv")
