"""Tables as pages show them, and phrases of them."""

import re
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from app.colours import FAVOURS_IO, FAVOURS_S, LOOKED_AT
from app.words.phrases import number, size
from ioi_core import Head, PromptResult

_PARTS = frozenset({"sender", "receiver"})
"""Columns that name parts of the model: a browser sorts them by the texts below what it shows."""
_DIGIT_SPACE = "\u2007"
_DEEPEST = 0.55
"""How far the largest value's colour covers the page's own: text is legible on it in both themes."""


def shade(value: float, largest: float, *, unsigned: bool) -> str:
    """Return the background of a value's cell as CSS, the deeper the larger; "" for none."""
    depth = 0.0 if np.isnan(value) or not largest > 0 else _DEEPEST * abs(value) / largest
    colour = LOOKED_AT if unsigned else FAVOURS_IO if value > 0 else FAVOURS_S
    red, green, blue = bytes.fromhex(colour[1:])
    return f"background-color: rgba({red}, {green}, {blue}, {round(depth, 2)})" if depth >= 0.01 else ""


def shades(column: pd.Series, *, unsigned: bool) -> list[str]:
    """Return the backgrounds of a column's cells."""
    largest = float(column.abs().max())
    return [shade(value, largest, unsigned=unsigned) for value in column]


def as_written(frame: pd.DataFrame, unsigned: Collection[str] = (), shaded: Collection[str] = ()) -> Styler:
    """Return `frame` to be read: all numbers but whole ones as sentences write them, what is missing left blank.

    Args:
        unsigned: the columns of numbers that are never below 0, and are written without a sign.
        shaded: the columns of numbers whose size is seen as a colour as well.
    """
    floats = [name for name in frame.columns if pd.api.types.is_float_dtype(frame[name])]
    written: dict[str, Any] = {name: size if name in unsigned else number for name in floats}
    for name in _PARTS.intersection(frame.columns):
        padded = sortable(frame[name])
        written[name] = dict(zip(padded, frame[name], strict=True)).__getitem__
        frame = frame.assign(**{name: padded})
    style = frame.style.format(written, na_rep="")
    for name in shaded:
        style = style.apply(partial(shades, unsigned=name in unsigned), subset=[name])
    return style


def sortable(names: pd.Series) -> list[str]:
    """Return names of parts of the model as texts that a browser sorts as the parts: "2.9" before "2.10" and "10.0".

    Digits are put below each other by spaces as wide as digits, which come before digits; zeros would be other numbers
    to whoever reads the data by a screen reader or from the table's own download.
    """
    longest = max((len(digits) for name in names for digits in re.findall(r"\d+", name)), default=0)
    return [re.sub(r"\d+", lambda digits: digits[0].rjust(longest, _DIGIT_SPACE), name) for name in names]


def heads_text(heads: Sequence[Head]) -> str:
    """Return "head 9.10" or "heads 9.9 9.6", which nothing reads as a number."""
    return f"{'head' if len(heads) == 1 else 'heads'} {' '.join(map(str, heads))}"


def mean_frame(result: PromptResult) -> pd.DataFrame:
    """Return means over prompts, each with its interval."""
    return result.to_frame(interval=True).assign(prompts=result.n_prompts)
