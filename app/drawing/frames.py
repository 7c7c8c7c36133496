"""Tables that a spreadsheet opens safely.

UTF-8 with a byte order mark, so that spreadsheets read "é" and "·" right. A text that a spreadsheet would run as a
formula (it begins with = + - @, their full-width twins, tab or carriage return) gets an apostrophe in front, the
common practice; numbers stay numbers. Tokens keep their real spaces here: a file is for computing.
"""

import pandas as pd

from ioi_core import PromptResult

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return `frame` as CSV, formulas neutralised."""
    safe = frame.copy()
    for column in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = [neutral(cell) if isinstance(cell, str) else cell for cell in safe[column]]
    safe.columns = pd.Index([neutral(str(column)) for column in safe.columns])
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def neutral(text: str) -> str:
    """Return `text`, with an apostrophe in front if a spreadsheet would run it."""
    return "'" + text if text.startswith(_STARTS_FORMULA) else text


def mean_frame(result: PromptResult) -> pd.DataFrame:
    """Return means over prompts, each with its interval."""
    return result.to_frame(interval=True).assign(prompts=result.n_prompts)
