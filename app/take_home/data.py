"""Tables that a spreadsheet opens safely.

UTF-8 with a byte order mark, so that spreadsheets read "é" and "·" right. A text that a spreadsheet would run as a
formula (it begins with = + - @, their full-width twins, tab or carriage return) gets an apostrophe in front, the
common practice; numbers stay numbers. A head is two whole numbers, layer and head: whatever reads "9.10" in a column
of heads takes it for 9.1. Tokens keep their real spaces here: a file is for computing.
"""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.questions.shown import PROMPT, Numbers
from app.take_home.code import names
from app.take_home.record import Record
from ioi_core import Head

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

_NODE = re.compile(r"(?:mlp )?(\d+)(?:\.(\d+))?(?:<[qkv]>)?")

SOURCE = "source"
"""The last column of a file: what it is of, in the first row; nothing below."""

MOST_ROWS = 250_000
"""Rows of a file; of more numbers the means over prompts are given."""


def figure_csv(record: Record, frame: pd.DataFrame) -> bytes:
    """Return the figure's table."""
    return csv_bytes(_with_source(record, frame))


def has_prompts(numbers: Sequence[Numbers]) -> bool:
    """Return whether `prompts_csv` has anything to hold."""
    return any(PROMPT in one.axes for one in numbers)


def prompts_csv(record: Record, numbers: Sequence[Numbers]) -> bytes:
    """Return every prompt's own value of all that the figure shows, a row each."""
    tables = [
        long_frame(one).assign(quantity=name)
        for name, one in zip(names(record), numbers, strict=True)
        if PROMPT in one.axes
    ]
    whole = {  # of which one table may have a column that another lacks
        name: "Int64" for table in tables for name in table if pd.api.types.is_integer_dtype(table[name])
    }
    together = pd.concat(tables, ignore_index=True)
    return csv_bytes(_with_source(record, together.astype({name: whole[name] for name in together if name in whole})))


def long_frame(numbers: Numbers) -> pd.DataFrame:
    """Return a row a number: a column for each axis, whole numbers where all labels are, then the value and its unit.

    Of more than `MOST_ROWS` numbers, the means over prompts.
    """
    values, axes = numbers.values, dict(numbers.axes)
    if values.size > MOST_ROWS and list(axes)[-1:] == [PROMPT]:
        values, axes = values.mean(-1), {name: labels for name, labels in axes.items() if name != PROMPT}
    labels = [
        [int(label) for label in given] if all(label.isascii() and label.isdecimal() for label in given) else given
        for given in axes.values()
    ]
    if not axes:
        return pd.DataFrame({"value": [float(values)], "unit": numbers.unit})
    index = pd.MultiIndex.from_product(labels, names=list(axes))
    flat = np.asarray(values).ravel()
    return pd.Series(flat, index=index, name="value").reset_index().assign(unit=numbers.unit)


def _with_source(record: Record, frame: pd.DataFrame) -> pd.DataFrame:
    said = "; ".join(f"{name}: {text}" for name, text in record.provenance.items())
    return frame.assign(**{SOURCE: [said, *[""] * (len(frame) - 1)][: len(frame)]})


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return `frame` as CSV, formulas neutralised and heads in two columns."""
    safe = _heads_in_two_columns(frame)
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            once = {cell: neutral(cell) for cell in set(safe[column]) if isinstance(cell, str)}
            if any(cell != made for cell, made in once.items()):
                safe[column] = [once.get(cell, cell) for cell in safe[column]]
    safe.columns = pd.Index([neutral(str(column)) for column in safe.columns])
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def _heads_in_two_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy in which a column "head" of names such as "9.10" is a column "layer" and a column "head".

    The nodes at the ends of an edge keep their names, with such columns beside them.
    """
    copy = frame.copy()
    if "head" in copy and all(isinstance(cell, str) and "." in cell for cell in copy["head"]):
        heads = [Head.parse(name) for name in copy["head"]]
        copy.insert(list(copy.columns).index("head"), "layer", [head.layer for head in heads])
        copy["head"] = [head.head for head in heads]
    for end in ("receiver", "sender"):  # of an edge: where it is the embedding or the logits, there is neither
        if end in copy:
            nodes = [_NODE.fullmatch(name) for name in copy[end]]
            for part, column in enumerate(("layer", "head"), 1):
                numbers = [int(node[part]) if node and node[part] else None for node in nodes]
                at = list(copy.columns).index(end) + part
                copy.insert(at, f"{end}_{column}", pd.Series(numbers, copy.index, dtype="Int64"))
    return copy


def neutral(text: str) -> str:
    """Return `text`, with an apostrophe in front if a spreadsheet would run it."""
    return "'" + text if text.startswith(_STARTS_FORMULA) else text
