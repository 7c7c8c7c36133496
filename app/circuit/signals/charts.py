"""The figure of token against position. No Streamlit here."""

import numpy as np
import plotly.graph_objects as go

from app.circuit.signals.words import FLIP_WORDS
from app.drawing.bars import RowMarks, row_bars
from app.drawing.kept import drawn_once
from app.drawing.parts import whisker_note
from app.words.phrases import interval, mean_over, number
from ioi_core import SIGNALS, SignalFit


@drawn_once
def signal_bars(result: SignalFit) -> go.Figure:
    """Draw logit_diff with each flip's signal, and what the formula says it would be."""
    sample, ends = mean_over(result.n_prompts), np.array([result.values, *result.interval()])
    names = [FLIP_WORDS[flip].replace(", ", ",<br>") for flip in SIGNALS]
    hover_texts = [
        f"{_intervention(flip)}:<br>logit_diff is {number(value)} logits<br>({interval(low, high, sample)})"
        for flip, value, low, high in zip(SIGNALS, *ends, strict=True)
    ]
    a, b = result.coefficients
    formula = [
        f"By the formula: {number(a)} × ({position:+d}) + ({number(b)}) × ({token:+d}) = {number(value)}"
        for (position, token), value in zip(SIGNALS.values(), result.fitted, strict=True)
    ]
    marks = RowMarks("a S_pos + b S_tok", "measured", list(map(float, result.fitted)), formula)
    note = f"logits, {sample}{whisker_note(result.n_prompts)}"
    title = "logit_diff with the heads' signal from six variants"
    return row_bars(
        names,
        ends,
        hover_texts,
        title,
        note,
        "logit_diff, logits (right: the right answer)",
        marks=marks,
        bold_values=True,
    )


def _intervention(flip: str) -> str:
    """Say what was done to the heads."""
    if flip == "ABB":
        return "Nothing changed (the clean run)"
    return f"Heads given the {FLIP_WORDS[flip].replace(', ', ' at the ')}"
