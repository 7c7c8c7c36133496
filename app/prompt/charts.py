"""Figures of the Prompt page."""

import numpy as np
import plotly.graph_objects as go

from app.colours import CLEAN, CORRUPTED
from app.drawing.kept import drawn_once
from app.drawing.parts import hover, laid_out, mean_line, mean_note, prompt_axis
from app.words.phrases import number, prompts
from ioi_core import Predictions

LABELLED = 16
"""The most prompts with which every bar is labelled with its value and number."""


@drawn_once
def prompt_bars(result: Predictions, chosen: int) -> go.Figure:
    """Draw logit_diff of every prompt, clean beside corrupted, with both means as lines."""
    figure = go.Figure()
    numbers = np.arange(1, result.n_prompts + 1)
    for name, values, colour in (
        ("clean", result.clean_logit_diff, CLEAN),
        ("corrupted", result.corrupted_logit_diff, CORRUPTED),
    ):
        texts = [
            f"Prompt {n}, {name}: logit_diff {number(value)} logits,<br>{_ahead(value)}"
            for n, value in zip(numbers, values, strict=True)
        ]
        text = {"text": [number(value) for value in values], "textposition": "outside", "constraintext": "none"}
        style = {"marker_color": colour, "cliponaxis": False, **(text if len(numbers) <= LABELLED else {})}
        figure.add_bar(x=numbers, y=values, name=name, **style, **hover(texts))
        mean_line(figure, values, colour)
    both = np.concatenate([result.clean_logit_diff, result.corrupted_logit_diff, [0.0]])
    margin = 0.15 * max(float(np.ptp(both)), 1e-6)
    figure.update_yaxes(
        title="logit_diff, logits (up: the right answer)", range=[both.min() - margin, both.max() + margin]
    )
    prompt_axis(figure, result.n_prompts, chosen, LABELLED)
    figure.add_hline(y=0)
    note = f"logits, {prompts(result.n_prompts)}{mean_note(result.n_prompts)}"
    return laid_out(figure, "logit_diff at END", note, 400, legend=True)


def _ahead(logit_diff: float) -> str:
    if logit_diff == 0:
        return "neither answer is ahead"
    return f"the {'right' if logit_diff > 0 else 'other'} answer is ahead"
