"""Tables as pages show them, and phrases of them."""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from app.words.phrases import number, size
from ioi_core import Head, PromptResult


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


def mean_frame(result: PromptResult) -> pd.DataFrame:
    """Return means over prompts, each with its interval."""
    return result.to_frame(interval=True).assign(prompts=result.n_prompts)
