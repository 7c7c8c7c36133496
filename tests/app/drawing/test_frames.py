"""Exported files: the values as they are, and no text that a spreadsheet would run as a formula."""

import io
import re

import numpy as np
import pandas as pd
import pytest

from app.drawing.frames import as_written
from app.take_home.data import csv_bytes, neutral


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r", "＝1", "＋", "－", "＠"])
def test_formulas_are_neutralised_and_stay_readable(text):
    assert neutral(text) == "'" + text
    cells = pd.read_csv(io.BytesIO(csv_bytes(pd.DataFrame({"token": [text]}))), dtype=str, keep_default_na=False)
    assert cells["token"][0].lstrip("'").strip() == text.strip()
    assert cells["token"][0].startswith("'")


def test_numbers_and_ordinary_texts_are_exported_as_they_are():
    frame = pd.DataFrame({"token": [" John", "a,b", 'say "x"', "é\n"], "value": [-1.5, 2.0, np.nan, 1e-9]})
    read = pd.read_csv(io.BytesIO(csv_bytes(frame)))
    pd.testing.assert_frame_equal(read, frame)


def test_a_table_writes_numbers_as_sentences_do_and_leaves_out_what_is_missing():
    frame = pd.DataFrame(
        {
            "head": ["9.10", "0.1"],
            "effect": [-1e-10, 27.8486],
            "share": [0.97, np.nan],
            "rank": pd.array([1, None], "Int64"),
        }
    )
    shown = as_written(frame, unsigned=["share"])
    assert shown.data is frame
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown.to_html())
    assert cells == ["9.10", "≈ 0", "0.970", "1", "0.1", "+27.8", "", ""]
