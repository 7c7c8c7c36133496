"""Exported files: the values as they are, and no text that a spreadsheet would run as a formula."""

import io
import random
import re

import numpy as np
import pandas as pd
import pytest

from app.drawing.frames import as_written, shades
from app.take_home.data import csv_bytes, neutral
from ioi_core import Head


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


def test_parts_of_the_model_are_shown_by_name_and_sort_layer_by_layer():
    """A browser sorts a column of texts by what stands below what it shows."""
    names = [*map(str, (Head(n, m) for n in range(12) for m in range(12))), *(f"mlp {n}" for n in range(12))]
    names = random.Random(0).sample(names, len(names))
    shown = as_written(pd.DataFrame({"sender": names, "receiver": "logits"}))
    assert re.findall(r"<td[^>]*>([^<]*)</td>", shown.to_html())[::2] == names
    spaced = shown.data["sender"].str.replace("\u2007", " ")  # which is before digits in every browser's order
    assert spaced.str.replace(" ", "").tolist() == [name.replace(" ", "") for name in names], "no other number"
    by_text = shown.data.assign(name=names, spaced=spaced).sort_values("spaced")["name"].tolist()
    assert by_text[:144] == sorted(by_text[:144], key=Head.parse)
    assert by_text[144:] == [f"mlp {n}" for n in range(12)]


def test_the_deeper_a_colour_the_larger_the_value():
    values = pd.Series([-2.0, 1.0, 0.001, np.nan, 2.0])
    looks = shades(values, unsigned=False)
    assert looks[2:4] == ["", ""]
    depths = [float(look.rsplit(",", 1)[1].rstrip(")")) for look in (looks[0], looks[1], looks[4])]
    assert depths[0] == depths[2] == pytest.approx(2 * depths[1], abs=0.02)
    assert looks[0].split(",")[0] != looks[4].split(",")[0], "the sign is seen"
    assert shades(values.abs(), unsigned=True)[0] == shades(values.abs(), unsigned=True)[4] != looks[4]
    assert shades(pd.Series([0.0, np.nan]), unsigned=False) == ["", ""]
