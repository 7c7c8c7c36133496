"""Figures of one head; like `charts`, nothing is computed here and nothing knows the browser."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.colours import ROLE_COLOURS
from app.drawing.bars import prompt_columns, row_bars
from app.drawing.kept import drawn_once
from app.drawing.parts import by_sign, hover, laid_out, literal, mean_note, whisker_note
from app.heads.edges import METRIC, HeadEdge, intervals
from app.words.phrases import adds_or_takes, interval, number, over_prompts, prompts
from ioi_core import Direction, Head, HeadAttribution, NameWriting

_MARKS = {"IO": "circle", "S1": "square", "S2": "diamond"}
_CALLED = {"IO": "IO", "S1": "S, at its first place (S1)", "S2": "S, at its second place (S2)"}


@drawn_once
def direct_bars(direct: HeadAttribution, head: Head, shown: int) -> go.Figure:
    """The head's direct effect in every prompt."""
    values = direct.per_prompt[head.layer, head.head]
    said = [adds_or_takes(f"Prompt {n}: head {head}", x) for n, x in enumerate(values, 1)]
    figure = prompt_columns(values, said, by_sign(values), shown)
    reach = max(float(np.abs(values).max()), 1e-6)
    ends = [min(0, 1.15 * values.min()), max(0, 1.15 * values.max()) or reach]
    figure.update_yaxes(title="logits (up: IO)", range=ends)
    note = f"logits, {prompts(len(values))}{mean_note(len(values))}"
    return laid_out(figure, f"Direct effect of head {head} on logit_diff", note, 300)


@drawn_once
def writing_scatter(found: NameWriting, head: Head, names: Sequence[Sequence[str]]) -> go.Figure:
    """How much the head looks at a name from END, and how much of the name it writes there.

    Args:
        names: [name][batch] the tokens, spelled out.
    """
    figure = go.Figure()
    for n, name in enumerate(found.axes["name"]):
        x, y = (values[n, head.layer, head.head] for values in (found.attention, found.per_prompt))
        said = [
            f"Prompt {row + 1}: head {head} looks {looked:.2f} from END at {name} ({literal(names[n][row])}),<br>"
            f"and writes {number(float(wrote))} logits of {literal(names[n][row])}"
            for row, (looked, wrote) in enumerate(zip(x, y, strict=True))
        ]
        marker = {"color": ROLE_COLOURS[name], "symbol": _MARKS[name], "size": 10, "opacity": 0.8}
        look = {"mode": "markers", "marker": marker, "cliponaxis": False}
        figure.add_scatter(x=x, y=y, name=_CALLED[name], **look, **hover(said))
    figure.add_hline(y=0)
    figure.update_xaxes(title="attention from END to the name", range=[-0.02, 1.02], showgrid=True, zeroline=False)
    figure.update_yaxes(title="logits of the name that it writes", zeroline=False)
    note = f"probability and logits; {found.n_prompts} prompts, a point for each place of a name"
    return laid_out(figure, f"What head {head} looks at, and what it writes", note, 440, legend=True, top=150)


@drawn_once
def site_bars(frame: pd.DataFrame, words: Mapping[str, str], head: Head, direction: Direction) -> go.Figure:
    """Total effect of patching each part of the head, with its interval.

    Args:
        frame: a row a site, with `site`, `change_in_...`, `low_95`, `high_95`, `prompts`.
        words: what each site is.
    """
    [metric] = [column for column in frame.columns if column.startswith("change_in_")]
    n_prompts = int(frame["prompts"].iloc[0])
    over = over_prompts(n_prompts)
    ends = frame[[metric, "low_95", "high_95"]].to_numpy().T
    said = [
        f"Patching {words[site]} ({site}) of head {head}: {number(value)}<br>({interval(low, high, over)})"
        for site, value, low, high in zip(frame["site"], *ends, strict=True)
    ]
    names = [f"{site} {number(value)}" for site, value in zip(frame["site"], ends[0], strict=True)]
    title, axis = f"Total effects of patching head {head}", "change in logit_diff_recovered"
    note = f"share of clean minus corrupted, {direction}, {over}{whisker_note(n_prompts)}"
    return row_bars(names, ends, said, title, note, axis, height=150 + 40 * len(names), symmetric=True)


@drawn_once
def edge_bars(edges: Sequence[HeadEdge], title: str, n_prompts: int, *, inwards: bool) -> go.Figure:
    """The strongest edges; a bar whose other end is a head can be clicked."""
    over, ends = over_prompts(n_prompts), np.array([[edge.effect for edge in edges], *intervals(edges)])
    names, keys, said = [], [], []
    for edge, low, high in zip(edges, *ends[1:], strict=True):
        end = edge.sender if inwards else edge.receiver
        through = (f"{end} → {edge.through}" if inwards else f"{edge.through} of {end}") if edge.through else end
        names.append(f"{through} {number(edge.effect)}")
        keys.append(end.removeprefix("head ") if end.startswith("head ") else "")
        said.append(
            f"{edge.sender[0].upper()}{edge.sender[1:]} to {edge.into}:<br>corrupted, this edge alone changes "
            f"logit_diff<br>by {number(edge.effect)} of clean minus corrupted<br>({interval(low, high, over)})"
        )
    note = f"share of clean minus corrupted, noising, {over}{whisker_note(n_prompts)}"
    height = 150 + 28 * len(edges)
    return row_bars(names, ends, said, title, note, METRIC, keys=keys, height=height, symmetric=True)
