"""Tables that a spreadsheet opens safely.

UTF-8 with a byte order mark, so that spreadsheets read "é" and "·" right. A text that a spreadsheet would run as a
formula (it begins with = + - @, their full-width twins, tab or carriage return) gets an apostrophe in front, the
common practice; numbers stay numbers. A head is two whole numbers, layer and head: whatever reads "9.10" in a column
of heads takes it for 9.1. Tokens keep their real spaces here: a file is for computing.
"""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from app.words.phrases import number, size
from ioi_core import Head, PromptResult

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return `frame` as CSV, formulas neutralised and heads in two columns."""
    safe = _heads_in_two_columns(frame)
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [neutral(cell) if isinstance(cell, str) else cell for cell in safe[column]]
    safe.columns = pd.Index([neutral(str(column)) for column in safe.columns])
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def _heads_in_two_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy in which a column "head" of names such as "9.10" is a column "layer" and a column "head"."""
    copy = frame.copy()
    if "head" in copy and all(isinstance(cell, str) and "." in cell for cell in copy["head"]):
        heads = [Head.parse(name) for name in copy["head"]]
        copy.insert(list(copy.columns).index("head"), "layer", [head.layer for head in heads])
        copy["head"] = [head.head for head in heads]
    return copy


def as_written(frame: pd.DataFrame, unsigned: Collection[str] = ()) -> Styler:
    """Return `frame` to be read: all numbers but whole ones as sentences write them, what is missing left blank.

    Args:
        unsigned: the columns of numbers that are never below 0, and are written without a sign.
    """
    floats = [name for name in frame.columns if pd.api.types.is_float_dtype(frame[name])]
    written: dict[str, Any] = {name: size if name in unsigned else number for name in floats}
    return frame.style.format(written, na_rep="")


def heads_text(heads: Sequence[Head]) -> str:
    """Return "head 9.10" or "heads 9.9 9.6", which nothing reads as a number."""
    return f"{'head' if len(heads) == 1 else 'heads'} {' '.join(map(str, heads))}"


def neutral(text: str) -> str:
    """Return `text`, with an apostrophe in front if a spreadsheet would run it."""
    return "'" + text if text.startswith(_STARTS_FORMULA) else text


def mean_frame(result: PromptResult) -> pd.DataFrame:
    """Return means over prompts, each with its interval."""
    return result.to_frame(interval=True).assign(prompts=result.n_prompts)
