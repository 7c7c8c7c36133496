"""Figures of one head; nothing is computed here."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.colours import ROLE_COLOURS
from app.drawing.bars import prompt_columns, row_bars
from app.drawing.kept import drawn_once
from app.drawing.parts import by_sign, hover, laid_out, literal, mean_note, whisker_note
from app.heads.edges import METRIC, HeadEdge, intervals
from app.words.phrases import adds_or_takes, capitalised, interval, mean_over, number, prompts, size
from ioi_core import Direction, Head, HeadAttribution, NameWriting

_MARKS = {"IO": "circle", "S1": "square", "S2": "diamond"}
_LEGEND = {"IO": "IO", "S1": "S, at its first place (S1)", "S2": "S, at its second place (S2)"}


@drawn_once
def direct_bars(direct: HeadAttribution, head: Head, shown: int) -> go.Figure:
    """Draw the head's direct effect in every prompt."""
    values = direct.per_prompt[head.layer, head.head]
    texts = [adds_or_takes(f"Prompt {n}: head {head}", x) for n, x in enumerate(values, 1)]
    figure = prompt_columns(values, texts, by_sign(values), shown)
    largest = max(float(np.abs(values).max()), 1e-6)
    ends = [min(0, 1.15 * values.min()), max(0, 1.15 * values.max()) or largest]
    figure.update_yaxes(title="logits (up: the right answer)", range=ends)
    note = f"logits, {prompts(len(values))}{mean_note(len(values))}"
    return laid_out(figure, f"Direct effect of head {head} on logit_diff", note, 300)


@drawn_once
def writing_scatter(result: NameWriting, head: Head, names: Sequence[Sequence[str]]) -> go.Figure:
    """Draw the attention from END to each name against the logits of that name that the head writes at END.

    Args:
        names: [name][batch] the tokens, spelled out visibly.
    """
    figure = go.Figure()
    for n, name in enumerate(result.axes["name"]):
        x, y = (values[n, head.layer, head.head] for values in (result.attention, result.per_prompt))
        texts = [
            f"Prompt {row + 1}: head {head} looks {size(looked)} from END at {name} ({literal(names[n][row])}),<br>"
            f"and writes {number(float(wrote))} logits of {literal(names[n][row])}"
            for row, (looked, wrote) in enumerate(zip(x, y, strict=True))
        ]
        marker = {"color": ROLE_COLOURS[name], "symbol": _MARKS[name], "size": 10, "opacity": 0.8}
        style = {"mode": "markers", "marker": marker, "cliponaxis": False}
        figure.add_scatter(x=x, y=y, name=_LEGEND[name], **style, **hover(texts))
    figure.add_hline(y=0)
    figure.update_xaxes(title="attention from END to the name", range=[-0.02, 1.02], showgrid=True, zeroline=False)
    figure.update_yaxes(title="logits of the name that it writes", zeroline=False)
    note = f"probability and logits; {prompts(result.n_prompts)}, a point for each place of a name"
    return laid_out(figure, f"What head {head} looks at, and what it writes", note, 440, legend=True, top=150)


@drawn_once
def site_bars(frame: pd.DataFrame, words: Mapping[str, str], head: Head, direction: Direction) -> go.Figure:
    """Draw the total effect of patching each site; `frame` is from `sites_frame`, `words` is site -> its name."""
    [metric] = [column for column in frame.columns if column.startswith("change_in_")]
    n_prompts = int(frame["prompts"].iloc[0])
    sample = mean_over(n_prompts)
    ends = frame[[metric, "low_95", "high_95"]].to_numpy().T
    texts = [
        f"Patching {words[site]} ({site}) of head {head}: {number(value)}<br>({interval(low, high, sample)})"
        for site, value, low, high in zip(frame["site"], *ends, strict=True)
    ]
    names = [f"{site} {number(value)}" for site, value in zip(frame["site"], ends[0], strict=True)]
    title, axis = f"Total effects of patching head {head}", "change in logit_diff_recovered"
    note = f"share of clean minus corrupted, {direction}, {sample}{whisker_note(n_prompts)}"
    return row_bars(names, ends, texts, title, note, axis, height=150 + 40 * len(names), symmetric=True)


@drawn_once
def edge_bars(edges: Sequence[HeadEdge], title: str, n_prompts: int, *, inwards: bool) -> go.Figure:
    """Draw edges as bars; one whose other end is a head can be clicked."""
    sample, ends = mean_over(n_prompts), np.array([[edge.effect for edge in edges], *intervals(edges)])
    names, keys, texts = [], [], []
    for edge, low, high in zip(edges, *ends[1:], strict=True):
        end = edge.sender if inwards else edge.receiver
        through = (f"{end} → {edge.through}" if inwards else f"{edge.through} of {end}") if edge.through else end
        names.append(f"{through} {number(edge.effect)}")
        keys.append(end.removeprefix("head ") if end.startswith("head ") else "")
        texts.append(
            f"{capitalised(edge.sender)} to {edge.into}:<br>corrupted, this edge alone changes "
            f"logit_diff<br>by {number(edge.effect)} of clean minus corrupted<br>({interval(low, high, sample)})"
        )
    note = f"share of clean minus corrupted, noising, {sample}{whisker_note(n_prompts)}"
    height = 150 + 28 * len(edges)
    return row_bars(names, ends, texts, title, note, METRIC, keys=keys, height=height, symmetric=True)
