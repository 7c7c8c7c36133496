"""Figures of heads that are knocked out. No Streamlit here."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.circuit.backup.numbers import Mover, Stage
from app.circuit.backup.words import stage_name
from app.drawing.bars import RowMarks, row_bars
from app.drawing.heatmap import clickable_cells, colour_limit, effect_cells, name_cells
from app.drawing.kept import drawn_once
from app.drawing.parts import laid_out, whisker_note
from app.words.effects import least
from app.words.phrases import heads_words, interval, mean_over, number, size
from ioi_core import Backup, bootstrap_interval

_MOST_ROWS = 10


@drawn_once
def stage_bars(stages: Sequence[Stage], result: Backup) -> go.Figure:
    """Draw logit_diff of every stage, and what one would have expected."""
    sample = mean_over(result.n_prompts)
    names = [stage_name(stage) for stage in stages]
    ends = np.array([(stage.real, *stage.real_interval) for stage in stages]).T
    hover_texts = [
        f"{name[0].upper()}{name[1:]}, logit_diff is {number(stage.real)} logits<br>"
        f"({interval(*stage.real_interval, sample)});<br>the final LayerNorm divides by {size(stage.scale)}"
        for name, stage in zip(names, stages, strict=True)
    ]
    naive_texts = [
        f"Naive prediction: without the direct effects<br>of {heads_words(stage.gone)} it would be "
        f"{number(stage.naive)} logits<br>({interval(*stage.naive_interval, sample)})"
        for stage in stages
    ]
    naive = [stage.naive for stage in stages]
    marks = RowMarks("expected if nothing else reacts", "real", naive, naive_texts)
    note = f"logits, {result.ablation} ablation at END, {sample}{whisker_note(result.n_prompts)}"
    title, axis = "logit_diff as heads are ablated, one by one", "logit_diff, logits (right: the right answer)"
    return row_bars(names, ends, hover_texts, title, note, axis, marks=marks, bold_values=True)


@drawn_once
def mover_bars(moved: Sequence[Mover], stage: Stage, result: Backup) -> go.Figure:
    """Draw the heads that moved most, and what LayerNorm's scale alone would have done to them; bars can be clicked."""
    sample = mean_over(result.n_prompts)
    shown = moved[:_MOST_ROWS]
    largest = max(abs(mover.change) for mover in shown)
    names = [f"{mover.head}: {number(mover.before, largest)} → {number(mover.after, largest)}" for mover in shown]
    ends = np.array([(mover.change, mover.low, mover.high) for mover in shown]).T
    hover_texts = [
        f"Head {mover.head} directly added {number(mover.before)} logits to logit_diff;<br>without "
        f"{heads_words(stage.gone)} it adds {number(mover.after)}, a change of {number(mover.change)}<br>"
        f"({interval(mover.low, mover.high, sample)})"
        for mover in shown
    ]
    alone_texts = [
        f"Had head {mover.head} written just what it wrote before,<br>LayerNorm's scale alone would have changed its "
        f"direct effect by {number(mover.by_scale)} logits"
        for mover in shown
    ]
    alone = [mover.by_scale for mover in shown]
    marks = RowMarks("by LayerNorm's scale alone", "change", alone, alone_texts)
    title = "Direct effects that move most"
    note = f"logits, {sample}{whisker_note(result.n_prompts)}; click: open the head"
    axis, keys = "change, logits (right: the right answer)", [str(mover.head) for mover in shown]
    return row_bars(names, ends, hover_texts, title, note, axis, keys=keys, marks=marks, bold_values=True)


@drawn_once
def change_heatmap(per_prompt: np.ndarray, stage: Stage, result: Backup) -> go.Figure:
    """Draw every other head's change; cells can be clicked.

    Args:
        per_prompt: [layer head batch] change in logits, nan for the heads that are gone.
    """
    changes, (low, high) = per_prompt.mean(-1), bootstrap_interval(per_prompt)
    n_layers, n_heads = changes.shape
    limit = colour_limit(changes, least(stage.real))
    sample = mean_over(result.n_prompts)
    texts = [["" if np.isnan(change) else number(change, limit) for change in row] for row in changes]

    def hover_text(n: int, m: int) -> str:
        if np.isnan(changes[n, m]):
            return f"Head {n}.{m} is ablated"
        return (
            f"Head {n}.{m}: its direct effect moves by {number(changes[n, m])} logits,<br>"
            f"from {number(result.values[0, n, m])} to {number(result.values[len(stage.gone), n, m])}<br>"
            f"({interval(low[n, m], high[n, m], sample)})"
        )

    customdata = [[[f"{n}.{m}", hover_text(n, m)] for m in range(n_heads)] for n in range(n_layers)]
    figure = clickable_cells([effect_cells(changes, limit, texts, hoverinfo="skip")], customdata, 26)
    for head in stage.gone:
        figure.add_annotation(x=head.head, y=head.layer, text="✕", showarrow=False)
    name_cells(figure, list(map(str, range(n_layers))), list(map(str, range(n_heads))), title="head", tickangle=0)
    title, note = "Change in every head's direct effect", f"logits, {sample}; click: open the head"
    return laid_out(figure, title, note, 150 + 38 * n_layers)
