"""A table on a page: Streamlit's own, which sorts and scrolls; on a projector a plain one, as large as all other text.

Streamlit draws tables on a canvas, which takes no font size from a page, and enlarged as a whole it takes clicks for
those on other rows.
"""

import html
import math
from collections.abc import Collection, Mapping
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.drawing.frames import as_written
from app.words.phrases import number, size

RESAMPLED = "95 % interval: prompts, or random sequences, drawn again with replacement, 1,000 times; none for one alone"
"""What an interval is, for its columns."""

INTERVAL_COLUMNS: Mapping[str, ColumnConfig] = {
    "low_95": st.column_config.NumberColumn("95 % from", help=RESAMPLED, width="small"),
    "high_95": st.column_config.NumberColumn("95 % to", help=RESAMPLED, width="small"),
}


def show_frame(
    name: str,
    frame: pd.DataFrame,
    *,
    alt: str,
    large: bool,
    columns: Mapping[str, ColumnConfig] | None = None,
    unsigned: Collection[str] = (),
    height: int | Literal["auto"] = "auto",
) -> None:
    """Draw a table to be read; its numbers as sentences write them, its cells literally.

    Args:
        name: of the figure; alt: what the table is, for screen readers.
        columns: Streamlit's settings of columns, of which a projector's table takes the titles.
        unsigned: the columns of numbers that are never below 0.
        height: in pixels, beyond which it scrolls; a projector's table has its own.
    """
    if large:
        st.html(plain_table(frame, alt, columns or {}, unsigned))
        return
    st.dataframe(
        as_written(frame, unsigned), hide_index=True, column_config=columns, key=f"table-{name}", height=height, alt=alt
    )


def plain_table(
    frame: pd.DataFrame, alt: str, columns: Mapping[str, ColumnConfig], unsigned: Collection[str] = ()
) -> str:
    """Return a table as HTML; the arguments are those of `show_frame`."""
    titles = [(columns.get(name) or {}).get("label") or name for name in map(str, frame.columns)]
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in titles)
    body = "".join(
        f"<tr>{''.join(_cell(value, name in unsigned) for name, value in zip(frame.columns, row, strict=True))}</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    return (
        f'<div class="ioi-table" role="region" tabindex="0" aria-label="{html.escape(alt)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any, unsigned: bool) -> str:
    if isinstance(value, bool):
        return f"<td>{'on' if value else 'off'}</td>"
    if isinstance(value, int | float):
        text = (
            "" if math.isnan(value) else str(value) if isinstance(value, int) else (size if unsigned else number)(value)
        )
        return f'<td class="ioi-number">{text}</td>'
    return f"<td>{html.escape('' if value is None else str(value))}</td>"
