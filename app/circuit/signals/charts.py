"""The figure of token against position; like `charts`, nothing is computed here and nothing knows the browser."""

import plotly.graph_objects as go

from app.circuit.signals.words import FLIP_WORDS, flips_frame
from app.drawing.bars import RowMarks, row_bars
from app.drawing.kept import drawn_once
from app.words.phrases import interval, over_prompts
from ioi_core import SignalFit
from ioi_core.circuit.signals import SIGNALS


@drawn_once
def signal_bars(result: SignalFit) -> go.Figure:
    """logit_diff with each flip's signal, and what the formula says it would be."""
    over, frame = over_prompts(result.n_prompts), flips_frame(result)
    names = [
        f"{words.replace(', ', ',<br>')} ({flip})" for words, flip in zip(frame["meaning"], frame["flip"], strict=True)
    ]
    ends = frame[["logit_diff", "low_95", "high_95"]].to_numpy().T
    said = [
        f"{_when(flip, meaning)}<br>logit_diff is {value:+.2f} logits<br>({interval(low, high, over)})"
        for flip, meaning, value, low, high in zip(frame["flip"], frame["meaning"], *ends, strict=True)
    ]
    a, b = result.coefficients
    formula = [
        f"By the formula: {a:+.2f} × {position:+d} {'+' if b >= 0 else '-'} {abs(b):.2f} × {token:+d} = {value:+.2f}"
        for (position, token), value in zip(SIGNALS.values(), result.fitted, strict=True)
    ]
    marks = RowMarks("a S_pos + b S_tok", "measured", list(map(float, result.fitted)), formula)
    note = f"logits, {over}; line: 95 % interval"
    title = "logit_diff with the heads' signal from six variants"
    return row_bars(names, ends, said, title, note, "logit_diff (right: IO)", marks=marks, bold_values=True)


def _when(flip: str, meaning: str) -> str:
    """What was done to the heads."""
    if flip == "ABB":
        return "Nothing changed (the clean run):"
    assert meaning == FLIP_WORDS[flip]
    return f"Heads told of the {meaning.replace(', ', ' at the ')}:"
