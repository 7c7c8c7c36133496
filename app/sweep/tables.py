"""Tables of a sweep. No Streamlit here."""

import json

import numpy as np
import pandas as pd

from app.words.phrases import number
from ioi_core import SweepResult

MOST_ROWS = 1000
_LONGEST = 300  # letters of a field


def cells(result: SweepResult) -> pd.DataFrame:
    """Return a row a cell: its labels, mean, standard error and 95 % interval, then the mean of each group.

    Raises:
        ValueError: labels of the file that are no columns of a table.
    """
    groups = {
        f"{result.group_axis or 'group'} {name} (n = {size})": values.ravel()
        for name, size, values in zip(result.groups, result.group_sizes, result.group_values, strict=True)
    }
    return pd.concat([result.to_frame(interval=True), pd.DataFrame(groups)], axis=1)


def largest(result: SweepResult, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `cells` that a page has room for, those with the largest means."""
    order = np.argsort(-np.nan_to_num(np.abs(result.values.ravel()), nan=-1), kind="stable")[:MOST_ROWS]
    return frame.iloc[np.sort(order)] if len(frame) > MOST_ROWS else frame


def facts_frame(result: SweepResult) -> pd.DataFrame:
    """Return what was swept, as the file says it."""
    runs = ("–" if run is None else number(run) for run in (result.clean, result.corrupted))
    facts = {
        "analysis": result.analysis,
        "parameters": _json(result.parameters),
        "prompts": f"{result.n_prompts}: {_json(result.prompts)}",
        "model": result.model,
        "fingerprint": result.fingerprint,
        "numerics": result.numerics,
        "clean run, corrupted run": ", ".join(runs),
    }
    return pd.DataFrame({"what": [*facts], "of this sweep": [text[:_LONGEST] for text in facts.values()]})


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
