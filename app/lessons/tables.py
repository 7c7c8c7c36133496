"""The numbers of a reveal's figure as a table. No Streamlit here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from app.lessons.answers import with_unit
from app.lessons.keys.measured import Measured
from app.lessons.lesson import Step

YOURS = "yours"


def reveal_frame(step: Step, question: Mapping[str, Any], measured: Measured, answer: Any) -> pd.DataFrame:
    """Return what `reveal_chart` draws: a row a layer of a grid, else a row a bar or point; and what was answered."""
    kind, behind = question["kind"], measured.behind
    if kind in ("cell", "heads"):
        return _grid(question, measured, [answer] if kind == "cell" else answer)
    name = f"{measured.title} ({measured.unit})"
    if kind == "curve":
        return pd.DataFrame({"at": question["x"], name: measured.values.astype(float), YOURS: answer})
    if measured.labels:
        texts, values = _bars(step, measured)
        return pd.DataFrame({"bar": texts, name: values, YOURS: _marked(len(texts), int(answer), YOURS)})
    if kind == "choice":
        answer = question["choices"][answer]
    if behind is None:
        return pd.DataFrame({name: [float(measured.values)], YOURS: [answer]})
    frame = pd.DataFrame({"at" if behind.is_curve else "bar": behind.labels, f"{measured.title} (%)": behind.values})
    if behind.is_curve:
        return frame
    return frame.assign(**{YOURS: _marked(len(frame), behind.asked % len(frame), answer)})


def as_said(frame: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """Return the table as a page shows it: each number as the lesson's sentences say it."""
    unit = "%" if measured.behind else measured.unit
    return frame.map(lambda cell: "" if cell != cell else with_unit(cell, unit) if isinstance(cell, float) else cell)


def _marked(count: int, place: int, mark: Any) -> list[Any]:
    """Return a column that is empty but for one row."""
    return [mark if n == place else "" for n in range(count)]


def _bars(step: Step, measured: Measured) -> tuple[Sequence[str], list[float]]:
    [labels] = measured.labels
    if step.ask.kind != "choice":
        return labels, [float(value) for value in measured.values]
    values = [float(measured.values[labels.index(choice.of or "")]) for choice in step.ask.choices]
    return [choice.text for choice in step.ask.choices], values


def _grid(question: Mapping[str, Any], measured: Measured, answered: Sequence[Sequence[int]]) -> pd.DataFrame:
    """Return a row a layer; the columns that were answered are named in one of their own."""
    layers = range(len(measured.values))
    if question["kind"] == "cell":
        columns = [f"{n}: {text}" for n, text in enumerate(question["columns"])]
    else:
        columns = [f"head {n}" for n in range(question["heads"])]
    frame = pd.DataFrame(np.asarray(measured.values, dtype=float), columns=columns)
    frame.insert(0, "layer", [str(layer) for layer in layers])
    mine = [", ".join(columns[column] for at, column in answered if at == layer) for layer in layers]
    return frame.assign(**{YOURS: mine})
