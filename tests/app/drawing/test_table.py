"""The plain table of a projector: every cell literal, numbers as sentences write them."""

import re

import numpy as np
import pandas as pd
import streamlit as st

from app.drawing.frames import shades
from app.drawing.table import plain_table, table_height


def test_no_row_of_a_table_is_empty() -> None:
    assert table_height(3, 300) < 35 * 5 <= table_height(5, 300) < table_height(20, 300) == 300
    assert table_height(0, 300) == table_height(1, 300), "room to say that there is nothing"


def cells(drawn: str) -> list[list[str]]:
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", drawn)]


def test_cells_are_literal_and_numbers_are_written_as_in_sentences() -> None:
    frame = pd.DataFrame(
        {
            "token": ["·<b>x</b>", None],
            "effect": np.array([0.12345, np.nan], np.float32),
            "share": [0.25, 1.0],
            "rank": pd.array([3, None], "Int64"),
            "on": [True, False],
            "low_95": [-1.0, 1.0],
        }
    )
    columns = {"effect": st.column_config.NumberColumn("direct effect"), "token": st.column_config.TextColumn("to<ken")}
    drawn = plain_table(frame, 'All "of" it', columns, unsigned=["share"])
    assert cells(drawn) == [
        ["to&lt;ken", "direct effect", "share", "rank", "on", "95\u00a0% from"],
        ["·&lt;b&gt;x&lt;/b&gt;", "+0.123", "0.250", "3", "yes", "-1.00"],
        ["", "", "1.00", "", "no", "+1.00"],
    ]
    coloured = plain_table(frame, "", {}, shaded=["effect"])
    assert cells(coloured) == cells(plain_table(frame, "", {}))
    assert re.findall(r'style="([^"]+)">([^<]*)', coloured) == [(shades(frame["effect"], unsigned=False)[0], "+0.123")]
    assert 'aria-label="All &quot;of&quot; it"' in drawn
    long = plain_table(pd.DataFrame({"what it is": ["short", "word " * 9]}), "", {})
    assert re.findall(r'<td( class="ioi-long")?>(\w+)', long) == [("", "short"), (' class="ioi-long"', "word")]
    assert 'tabindex="0"' in drawn, "it scrolls, so a keyboard must reach it"
