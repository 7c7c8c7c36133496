"""All prompts as token chips, clean above corrupted."""

import streamlit as st

from app.words.tokens import changed_positions, chips, legend, row_labels, row_roles
from ioi_core import Model, PromptPairs

_AT_ONCE = 25


def show_prompts(model: Model, pairs: PromptPairs, row: int) -> None:
    """Draw the prompts, at most 25 at once: those around the one that is shown."""
    start = row - row % _AT_ONCE
    rows = range(start, min(start + _AT_ONCE, len(pairs)))
    st.html(legend(tuple(pairs.roles)))
    if len(pairs) > _AT_ONCE:
        st.caption(f"Prompts {rows.start + 1}-{rows.stop} of {len(pairs)}: those around the prompt shown.")
    drawn = "".join(_pair(model, pairs, number) for number in rows)
    with st.container(height=430 if len(rows) > 4 else "content", border=True):
        st.html(drawn)
    st.caption("Dashed: tokens of the corrupted prompt that differ from the clean one.")


def _pair(model: Model, pairs: PromptPairs, row: int) -> str:
    roles = row_roles(pairs, row)
    clean = chips(row_labels(model, pairs, row), roles, name=f"Prompt {row + 1}, clean")
    twin = row_labels(model, pairs, row, corrupted=True)
    corrupted = chips(twin, roles, changed_positions(pairs, row), f"Prompt {row + 1}, corrupted")
    return (
        f'<div class="ioi-row"><span><b>{row + 1}</b> clean</span>{clean}</div>'
        f'<div class="ioi-row ioi-last"><span>corrupted</span>{corrupted}</div>'
    )
