"""What is said of a sweep. No Streamlit here."""

import numpy as np

from app.sweep.charts import Effects
from app.words.phrases import number
from ioi_core import Model, SweepResult

HOW = "The file that `python -m ioi_core sweep` writes; it is read here and goes with the session."
TOO_LARGE = "Files of more than 1 MB do not get through; in Python `ioi_core.read_sweep` reads them as well."
NOT_DRAWN = "Too many cells for a figure, or some without a value: the table has them."


def story(result: SweepResult) -> str:
    """Return the largest cell of a sweep in a sentence, and what it was of."""
    drawn = Effects.of(result)
    values, of = drawn.values.ravel(), f"{_short(result.analysis)} of {_short(result.model)}"
    below = f"{of}, {result.n_prompts} prompts, {_short(result.metric)} in {_short(result.unit)}."
    if not np.isfinite(values).any():
        return f"No cell has a value: {_short(result.undefined or 'the file has none')}.\n{below}"
    most = int(np.nanargmax(np.abs(values)))
    where = np.unravel_index(most, result.values.shape)
    labels = [f"{name} {labels[n]}" for (name, labels), n in zip(result.axes.items(), where, strict=True)]
    error = number(float(result.standard_error.ravel()[most])).lstrip("+")
    what = "Largest change" if drawn.change else "Largest value"
    size = number(float(values[most])) + f", to {number(float(result.values.ravel()[most]))}" * drawn.change
    at = f" at {_short(', '.join(labels))}" if labels else ""
    return f"{what}{at}: {size} (standard error {error}).\n{below}"


def same_weights(result: SweepResult, model: Model) -> str:
    """Return "" for a sweep of the model that is shown, else that it is not."""
    if result.fingerprint == model.fingerprint:
        return ""
    return (
        f"This sweep was of other weights ({_short(result.model)}, fingerprint {result.fingerprint[:12]}) than the "
        f"model shown now ({model.name}, {model.fingerprint[:12]})."
    )


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"
