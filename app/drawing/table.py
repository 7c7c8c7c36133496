"""A table on a page: Streamlit's own, which sorts and scrolls; on a projector a plain one, as large as all other text.

Streamlit draws tables on a canvas, which takes no font size from a page, and enlarged as a whole it takes clicks for
those on other rows. It cuts texts that are too long for it: a few rows that nobody sorts are a plain table everywhere.
"""

import html
import math
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.drawing.frames import as_written, shades
from app.words.phrases import number, size, unbroken

_ROW, _FRAME = 35, 2
"""Pixels of a row of Streamlit's, of its heading too, and of the lines around all."""

HEAD_COLUMNS: Mapping[str, ColumnConfig] = {
    name: st.column_config.NumberColumn(name, format="%d", width=60, pinned=True) for name in ("layer", "head")
}
"""The columns of a table whose rows are heads: whole numbers, for of texts "9.10" comes before "9.2"."""

RESAMPLED = "95 % interval: prompts, or random sequences, drawn again with replacement, 1,000 times; none for one alone"
"""What an interval is, for its columns."""


def number_column(label: str, help: str | None = None) -> ColumnConfig:
    """Return a column of numbers, wide enough for its title when it is sorted by, with an arrow in front."""
    return st.column_config.NumberColumn(label, help=help, width=max(75, round(34 + 6.2 * len(label))))


_TITLES = {"low_95": "95 % from", "high_95": "95 % to", "receiver_input": "input", "on_a_path": "on a path"}
"""Columns of files -> their titles where they are read."""
_HELP = dict.fromkeys(("low_95", "high_95"), RESAMPLED)
_MOST_ON_PAPER = 300
"""Rows; each is sent with the page, to be seen when that is printed."""
_LINE = 40
"""Letters; a longer text wraps in a plain table."""


def table_height(rows: int, most: int) -> int:
    """Return the pixels of a table of so many rows, at most `most`: none of them are empty."""
    return min(most, _ROW * (1 + max(rows, 1)) + _FRAME)


def show_frame(
    name: str,
    frame: pd.DataFrame,
    *,
    alt: str,
    large: bool,
    columns: Mapping[str, ColumnConfig] | None = None,
    unsigned: Collection[str] = (),
    most: int = 387,
    plain: bool = False,
) -> None:
    """Draw a table to be read; its numbers as sentences write them, its cells literally.

    Args:
        name: of the figure; alt: what the table is, for screen readers.
        columns: Streamlit's settings of columns, of which a projector's table takes the titles.
        unsigned: the columns of numbers that are never below 0.
        most: the most pixels of height, beyond which it scrolls; a projector's table has its own.
        plain: a plain table, which cuts no text, for all.
    """
    if large or plain:
        st.html(plain_table(frame, alt, columns or {}, unsigned))
        return
    titles: dict[str, Any] = {
        name: st.column_config.Column(title, help=_HELP.get(name)) for name, title in _TITLES.items() if name in frame
    }
    st.dataframe(
        as_written(frame, unsigned), hide_index=True, column_config=titles | dict(columns or {}), key=f"table-{name}",
        height=table_height(len(frame), most), alt=alt,
    )  # fmt: skip
    on_paper(frame, alt, columns or {}, unsigned)


def on_paper(
    frame: pd.DataFrame,
    alt: str,
    columns: Mapping[str, ColumnConfig],
    unsigned: Collection[str] = (),
    shaded: Collection[str] = (),
) -> None:
    """Draw a table that only paper shows: Streamlit's would be there as on the screen, cut where it scrolls.

    The arguments are those of `plain_table`.
    """
    left = len(frame) - _MOST_ON_PAPER
    more = f"<p>{left:,} more rows are in the file.</p>" if left > 0 else ""
    table = plain_table(frame.head(_MOST_ON_PAPER), alt, columns, unsigned, shaded)
    st.html(f'<div class="ioi-on-paper">{table}{more}</div>')


def plain_table(
    frame: pd.DataFrame,
    alt: str,
    columns: Mapping[str, ColumnConfig],
    unsigned: Collection[str] = (),
    shaded: Collection[str] = (),
) -> str:
    """Return a table as HTML; the arguments are those of `show_frame` and `as_written`."""
    titles = [(columns.get(name) or {}).get("label") or _TITLES.get(name, name) for name in map(str, frame.columns)]
    head = "".join(f'<th scope="col">{html.escape(unbroken(title))}</th>' for title in titles)
    cells = [_cells(frame[name], unsigned=name in unsigned, shaded=name in shaded) for name in frame.columns]
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in zip(*cells, strict=True))
    return (
        f'<div class="ioi-table" role="region" tabindex="0" aria-label="{html.escape(alt)}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(column: pd.Series, *, unsigned: bool, shaded: bool) -> list[str]:
    looks = shades(column, unsigned=unsigned) if shaded else [""] * len(column)
    return [_cell(value, look, unsigned=unsigned) for value, look in zip(column.tolist(), looks, strict=True)]


def _cell(value: Any, look: str, *, unsigned: bool) -> str:
    if isinstance(value, bool):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, int | float):
        text = (
            "" if math.isnan(value) else str(value) if isinstance(value, int) else (size if unsigned else number)(value)
        )
        style = f' style="{look}"' if look else ""
        return f'<td class="ioi-number"{style}>{text}</td>'
    text = "" if value is None or value is pd.NA else unbroken(str(value))
    long = ' class="ioi-long"' if len(text) > _LINE else ""
    return f"<td{long}>{html.escape(text)}</td>"
