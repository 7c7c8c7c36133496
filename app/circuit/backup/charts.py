"""Figures of heads that are knocked out; like `charts`, nothing is computed here and nothing knows the browser."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.circuit.backup.numbers import Mover, Stage
from app.circuit.backup.words import stage_name
from app.drawing.bars import RowBar, RowMarks, row_bars
from app.drawing.kept import drawn_once
from app.drawing.parts import CELL_TEXT, DIVERGING, PLAIN_AXIS, click_targets, clickable, laid_out
from app.words.phrases import heads_words, interval, over_prompts, signed
from ioi_core import Backup, bootstrap_interval

_MOST_ROWS = 10


@drawn_once
def stage_bars(found: Sequence[Stage], result: Backup) -> go.Figure:
    """logit_diff of every stage, and what one would have expected."""
    over = over_prompts(result.n_prompts)
    bars = [
        RowBar(
            stage_name(stage), stage.real, *stage.real_interval,
            f"{stage_name(stage)[0].upper()}{stage_name(stage)[1:]}, logit_diff is {stage.real:+.2f} logits<br>"
            f"({interval(*stage.real_interval, over)});<br>"
            f"the final LayerNorm divides by {stage.scale:.2f}",
        )
        for stage in found
    ]  # fmt: skip
    said = [
        f"Naive prediction: without the direct effects<br>of {heads_words(stage.gone)} it would be {stage.naive:+.2f}"
        f" logits<br>({interval(*stage.naive_interval, over)})"
        for stage in found
    ]
    marks = RowMarks(
        "expected if nothing else reacts", "real (line: 95 % interval)", [stage.naive for stage in found], said
    )
    note = f"logits, {result.ablation} ablation at END, {over}"
    return row_bars(bars, marks, "logit_diff as heads go, one after another", note, "logit_diff, logits (right: IO)")


@drawn_once
def mover_bars(found: Sequence[Mover], stage: Stage, result: Backup) -> go.Figure:
    """The heads that moved most, and what LayerNorm's scale alone would have done to them; a bar can be clicked."""
    over = over_prompts(result.n_prompts)
    shown = found[:_MOST_ROWS]
    reach = max(abs(mover.change) for mover in shown)
    bars = [
        RowBar(
            f"{mover.head}: {signed(mover.before, reach)} → {signed(mover.after, reach)}",
            mover.change, mover.low, mover.high,
            f"Head {mover.head} directly wrote {mover.before:+.3f} logits towards IO;<br>without "
            f"{heads_words(stage.gone)} it writes {mover.after:+.3f}, a change of {mover.change:+.3f}<br>"
            f"({interval(mover.low, mover.high, over)})",
            str(mover.head),
        )
        for mover in shown
    ]  # fmt: skip
    said = [
        f"Had head {mover.head} written just what it wrote before,<br>LayerNorm's scale alone would have changed its "
        f"direct effect by {mover.by_scale:+.3f} logits"
        for mover in shown
    ]
    marks = RowMarks(
        "by LayerNorm's scale alone", "change (line: 95 % interval)", [one.by_scale for one in shown], said
    )
    note = f"logits, {over}; click: open the head"
    title = "Direct effects that move most"
    return row_bars(bars, marks, title, note, "change, logits (right: IO)")


@drawn_once
def change_heatmap(per_prompt: np.ndarray, stage: Stage, result: Backup) -> go.Figure:
    """Every other head's change; cells can be clicked.

    Args:
        per_prompt: [layer head batch] change in logits, nan for the heads that are gone.
    """
    changes, (low, high) = per_prompt.mean(-1), bootstrap_interval(per_prompt)
    n_layers, n_heads = changes.shape
    reach = float(np.nanmax(np.abs(changes))) or 1.0
    over = over_prompts(result.n_prompts)
    texts = [["" if np.isnan(x) else signed(x, reach) for x in row] for row in changes]
    figure = go.Figure(
        go.Heatmap(
            z=changes.astype(np.float32), colorscale=DIVERGING, zmin=-reach, zmax=reach, xgap=1, ygap=1,
            hoverinfo="skip", text=texts, texttemplate="%{text}", textfont=CELL_TEXT, colorbar={"thickness": 12},
        )
    )  # fmt: skip
    y, x = (axis.ravel() for axis in np.indices(changes.shape))
    said = [
        [
            f"{n}.{m}",
            f"Head {n}.{m} is gone" if np.isnan(changes[n, m]) else
            f"Head {n}.{m}: its direct effect moves by {changes[n, m]:+.3f} logits,<br>"
            f"from {result.values[0, n, m]:+.3f} to {result.values[len(stage.gone), n, m]:+.3f}<br>"
            f"({interval(low[n, m], high[n, m], over)})",
        ]
        for n, m in zip(y, x, strict=True)
    ]  # fmt: skip
    figure.add_trace(click_targets(x, y, said, 26))
    for head in stage.gone:
        figure.add_annotation(x=head.head, y=head.layer, text="gone", showarrow=False)
    figure.update_xaxes(
        tickvals=list(range(n_heads)), title="head", range=[-0.5, n_heads - 0.5], tickangle=0, **PLAIN_AXIS
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(n_layers)), title="layer", range=[n_layers - 0.5, -0.5], **PLAIN_AXIS
    )  # fmt: skip
    note = f"logits, {over}; click: open the head"
    title = "Change in every head's direct effect"
    figure = laid_out(figure, title, note, 150 + 38 * n_layers)
    return clickable(figure)
