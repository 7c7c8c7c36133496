"""Panels of the Prompt page: the prompts as token chips, clean above corrupted, and the columns of its tables."""

import json
from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.drawing.figure import show_table
from app.prompt.tables import answers_shown, answers_table, predictions_table, tokens_shown
from app.questions.shown import Requests
from app.take_home.data import neutral
from app.take_home.menu import download_button
from app.view import View
from app.words.tokens import changed_positions, chips, legend, role_meanings, row_labels, row_roles, scrolling
from ioi_core import Model, Predictions, PromptPairs, pairs_as_csv, pairs_as_records

PREDICTION_COLUMNS: dict[str, ColumnConfig] = {
    "probability": st.column_config.NumberColumn("probability", width=78),
    "bar": st.column_config.ProgressColumn("bar", format=" ", min_value=0, max_value=1, width=45),
    "rank": st.column_config.NumberColumn("rank", format="localized", help="1 is the most probable token", width=45),
    "token": st.column_config.TextColumn("token", width=90),
}

_MOST_SHOWN = 25


def show_prompts(model: Model, pairs: PromptPairs, row: int) -> None:
    """Draw at most `_MOST_SHOWN` prompts: those around the one that is shown."""
    start = row - row % _MOST_SHOWN
    rows = range(start, min(start + _MOST_SHOWN, len(pairs)))
    st.html(legend(model, pairs))
    if len(pairs) > _MOST_SHOWN:
        st.caption(f"Prompts {rows.start + 1}-{rows.stop} of {len(pairs)}: those around the prompt shown.")
    meanings = role_meanings(model, pairs)
    drawn = "".join(_pair_html(model, pairs, number, meanings) for number in rows)
    with st.container(border=True):
        st.html(scrolling(drawn, "All prompts" if len(rows) == len(pairs) else "Some prompts", "ioi-box"))
    left, right = st.columns([3, 1])
    left.caption("Dashed: tokens of the corrupted prompt that differ from the clean one.")
    with right:
        _download_prompts(model, pairs)


def show_answers(view: View, result: Predictions, requests: Requests) -> None:
    """Draw what the model predicts after the corrupted prompt, and where the two answers stand after both."""
    corrupted, answers = st.columns(2)
    with corrupted:
        st.markdown("**Next token after the corrupted prompt**")
        predicted = predictions_table(view.model, result, "corrupted", view.row)
        show_table(
            "predictions_corrupted", predicted, PREDICTION_COLUMNS, large=view.large,
            file=partial(predictions_table, view.model, result, "corrupted", view.row, literal=True),
            requests=requests, shown=tokens_shown("corrupted", view.row),
        )  # fmt: skip
    with answers:
        st.markdown("**The two answers**")
        frame = answers_table(view.model, view.pairs, result, view.row)
        show_table(
            "answers", frame, PREDICTION_COLUMNS, large=view.large,
            file=partial(answers_table, view.model, view.pairs, result, view.row, literal=True),
            requests=requests, shown=answers_shown(view.row),
        )  # fmt: skip


def _download_prompts(model: Model, pairs: PromptPairs) -> None:
    """Offer the prompts as a data set: CSV, or JSON lines where a spreadsheet would run one of the texts."""
    name = "prompts.csv"
    content: Callable[[], str] = partial(pairs_as_csv, model, pairs)
    records = pairs_as_records(model, pairs)
    if any(isinstance(cell, str) and neutral(cell) != cell for record in records for cell in record.values()):
        name, content = "prompts.jsonl", lambda: "\n".join(map(json.dumps, records))
    download_button(
        "Prompts as a data set", content, name, key="download-prompts",
        help="Clean, corrupted, IO, S and label, to be uploaded here or read by read_pairs.",
    )  # fmt: skip


def _pair_html(model: Model, pairs: PromptPairs, row: int, meanings: Mapping[str, str]) -> str:
    clean = chips(row_labels(model, pairs, row), row_roles(pairs, row), meanings, name=f"Prompt {row + 1}, clean")
    twin = row_labels(model, pairs, row, corrupted=True)  # its names have other roles than those at the same positions
    corrupted = chips(twin, {}, {}, changed_positions(pairs, row), f"Prompt {row + 1}, corrupted")
    return (
        f'<div class="ioi-row"><span><b>{row + 1}</b> clean</span>{clean}</div>'
        f'<div class="ioi-row ioi-last"><span>corrupted</span>{corrupted}</div>'
    )
