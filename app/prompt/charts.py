"""Figures of the Prompt page."""

import numpy as np
import plotly.graph_objects as go

from app.colours import CLEAN, CORRUPTED
from app.drawing.kept import drawn_once
from app.drawing.parts import hover, laid_out, mean_line, mean_note, prompt_axis
from app.words.phrases import prompts
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
            f"Prompt {number}, {name}: logit_diff {value:+.2f} logits,<br>"
            f"so {'IO' if value > 0 else 'S'} is more likely"
            for number, value in zip(numbers, values, strict=True)
        ]
        text = {"text": [f"{value:+.1f}" for value in values], "textposition": "outside", "constraintext": "none"}
        style = {"marker_color": colour, "cliponaxis": False, **(text if len(numbers) <= LABELLED else {})}
        figure.add_bar(x=numbers, y=values, name=name, **style, **hover(texts))
        mean_line(figure, values, colour)
    both = np.concatenate([result.clean_logit_diff, result.corrupted_logit_diff, [0.0]])
    margin = 0.15 * max(float(np.ptp(both)), 1e-6)
    figure.update_yaxes(title="logit_diff, logits (up: IO)", range=[both.min() - margin, both.max() + margin])
    prompt_axis(figure, result.n_prompts, chosen, LABELLED)
    figure.add_hline(y=0)
    note = f"logits, {prompts(result.n_prompts)}{mean_note(result.n_prompts)}"
    return laid_out(figure, "logit_diff at END", note, 400, legend=True)
