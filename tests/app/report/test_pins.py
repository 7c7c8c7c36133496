"""Reports as addresses: they read back as they were, and nothing else that is read is more than a message."""

import base64
import json
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.report.pins import (
    LONGEST_ADDRESS,
    LONGEST_NOTE,
    MOST_PINS,
    Pin,
    ReportError,
    moved,
    noted,
    read,
    removed,
    written,
)

VIEWS = st.from_regex(re.compile(r"([a-q][a-z_]{0,40})?(\?[\w.~%&=+*-]{0,60})?", re.ASCII), fullmatch=True)
PINS = st.lists(
    st.builds(
        Pin,
        VIEWS,
        st.from_regex(r"[a-z_0-9]{1,30}", fullmatch=True),
        st.text(st.characters(codec="utf-8"), max_size=LONGEST_NOTE),
    ),
    max_size=5,
    unique_by=lambda pin: (pin.view, pin.figure),
)


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(value).encode())).rstrip(b"=").decode()


@given(PINS)
def test_a_report_reads_back_as_it_was(pins):
    text = written(pins)
    assert read(text) == pins
    assert not set(text) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_what_is_no_report_is_refused_in_words(text):
    with pytest.raises(ReportError, match="cannot be read"):
        read(text)


@pytest.mark.parametrize(
    "value",
    [
        {"view": 1}, [1], [[]], [["heads"]], [["heads", "f", "n", "more"]], [["heads", 3]], [["heads", "a b"]],
        [["//elsewhere", "f"]], [["javascript:alert(1)", "f"]], [["../heads", "f"]], [["heads?a=\n", "f"]],
        [["report?pins=x", "f"]], [["report", "f"]],
        [["heads", "f", "\ud800"]], [["heads", "f", ["x"]]], [["heads?a=)<img/src=x>", "f"]], [["heads", "f", None]],
        [["heads?" + 13_000 * "a", "f"]], "text", None, 7,
    ],
)  # fmt: skip
def test_no_other_value_is_a_report(value):
    with pytest.raises(ReportError, match="cannot be read"):
        read(packed(value))


def test_too_much_is_refused():
    with pytest.raises(ReportError, match=f"this report has {MOST_PINS + 1} figures"):
        read(packed([["heads", f"f{n}"] for n in range(MOST_PINS + 1)]))
    with pytest.raises(ReportError, match="letters long"):
        read("a" * (2 * LONGEST_ADDRESS + 1))
    with pytest.raises(ReportError, match="cannot be read"):  # 5 MB in 5 kB
        read(packed([["heads", "f", 5_000_000 * "a"]]))


def test_a_figure_is_there_once():
    assert read(packed([["heads", "f", "one"], ["heads", "g"], ["heads", "f", "two"]])) == [
        Pin("heads", "f", "two"), Pin("heads", "g"),
    ]  # fmt: skip


def test_a_long_note_is_cut():
    [pin] = read(packed([["heads", "f", 2000 * "a"]]))
    assert pin.note == LONGEST_NOTE * "a"


def test_pins_move_are_noted_and_leave():
    pins = [Pin("", name) for name in "abc"]
    order = {(n, by): "".join(pin.figure for pin in moved(pins, pins[n].key, by)) for n in range(3) for by in (-1, 1)}
    assert order == {
        (0, -1): "abc", (0, 1): "bac", (1, -1): "bac", (1, 1): "acb", (2, -1): "acb", (2, 1): "abc",
    }  # fmt: skip
    assert removed(pins, pins[1].key) == [pins[0], pins[2]]
    assert noted(pins, pins[1].key, "why") == [pins[0], Pin("", "b", "why"), pins[2]]
    assert moved(pins, "nobody", 1) == removed(pins, "nobody") == noted(pins, "nobody", "why") == pins
