"""Figures of one head; like `charts`, nothing is computed here and nothing knows the browser."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.drawing.kept import drawn_once
from app.drawing.parts import (
    CORRUPTED,
    FAVOURS_IO,
    FAVOURS_S,
    PLAIN_AXIS,
    laid_out,
    literal,
    mean_line,
    mean_note,
    prompt_axis,
    whisker_note,
    whiskers,
)
from app.heads.edges import METRIC, HeadEdge, intervals
from app.words.phrases import adds_or_takes, interval, number, over_prompts, prompts
from app.words.tokens import ROLE_COLOURS
from ioi_core import Direction, Head, HeadAttribution, NameWriting

_MARKS = {"IO": "circle", "S1": "square", "S2": "diamond"}
_CALLED = {"IO": "IO", "S1": "S, at its first place (S1)", "S2": "S, at its second place (S2)"}


@drawn_once
def direct_bars(direct: HeadAttribution, head: Head, shown: int) -> go.Figure:
    """The head's direct effect in every prompt."""
    values = direct.per_prompt[head.layer, head.head]
    numbers = np.arange(1, len(values) + 1)
    said = [adds_or_takes(f"Prompt {n}: head {head}", x) for n, x in zip(numbers, values, strict=True)]
    figure = go.Figure(
        go.Bar(
            x=numbers, y=values, marker_color=_colours(values), customdata=said,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    mean_line(figure, values, CORRUPTED)
    figure.add_hline(y=0, line={"width": 1, "color": CORRUPTED})
    prompt_axis(figure, len(values), shown)
    reach = max(float(np.abs(values).max()), 1e-6)
    figure.update_yaxes(
        title="logits (up: IO)", range=[min(0, 1.15 * values.min()), max(0, 1.15 * values.max()) or reach]
    )
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
        figure.add_scatter(
            x=x, y=y, mode="markers", name=_CALLED[name], customdata=said, cliponaxis=False,
            hovertemplate="%{customdata}<extra></extra>",
            marker={"color": ROLE_COLOURS[name], "symbol": _MARKS[name], "size": 10, "opacity": 0.8},
        )  # fmt: skip
    figure.add_hline(y=0, line={"width": 1, "color": CORRUPTED})
    figure.update_xaxes(title="attention from END to the name", range=[-0.02, 1.02], showgrid=True, zeroline=False)
    figure.update_yaxes(title="logits of the name that it writes", zeroline=False)
    note = f"probability and logits; {found.n_prompts} prompts, a point for each place of a name"
    figure = laid_out(figure, f"What head {head} looks at, and what it writes", note, 440, legend=True)
    return figure.update_layout(margin={"t": 150})


@drawn_once
def site_bars(frame: pd.DataFrame, words: Mapping[str, str], head: Head, direction: Direction) -> go.Figure:
    """Total effect of patching each part of the head, with its interval.

    Args:
        frame: a row a site, with `site`, `change_in_...`, `low_95`, `high_95`, `prompts`.
        words: what each site is.
    """
    [metric] = [column for column in frame.columns if column.startswith("change_in_")]
    values, rows = frame[metric].to_numpy(), np.arange(len(frame))
    n_prompts = int(frame["prompts"].iloc[0])
    over = over_prompts(n_prompts)
    said = [
        f"Patching {words[site]} ({site}) of head {head}: {number(value)}<br>({interval(low, high, over)})"
        for site, value, low, high in zip(frame["site"], values, frame["low_95"], frame["high_95"], strict=True)
    ]
    errors = whiskers(values, frame["low_95"].to_numpy(), frame["high_95"].to_numpy())
    figure = go.Figure(
        go.Bar(
            x=values, y=rows, orientation="h", marker_color=_colours(values), customdata=said, error_x=errors,
            hovertemplate="%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    names = [f"{site} {number(value)}" for site, value in zip(frame["site"], values, strict=True)]
    figure.update_yaxes(tickvals=rows, ticktext=names, range=[len(rows) - 0.4, -0.6], **PLAIN_AXIS)
    reach = 1.15 * max(float(np.nanmax(np.abs(frame[[metric, "low_95", "high_95"]].to_numpy()))), 1e-6)
    figure.update_xaxes(title="change in logit_diff_recovered", range=[-reach, reach], zeroline=True)
    note = f"share of clean minus corrupted, {direction}, {over}{whisker_note(n_prompts)}"
    return laid_out(figure, f"Total effects of patching head {head}", note, 150 + 40 * len(rows))


@drawn_once
def edge_bars(edges: Sequence[HeadEdge], title: str, n_prompts: int, *, inwards: bool) -> go.Figure:
    """The strongest edges; a bar whose other end is a head can be clicked."""
    values, rows, over = [edge.effect for edge in edges], np.arange(len(edges)), over_prompts(n_prompts)
    ends = [edge.sender if inwards else edge.receiver for edge in edges]
    low, high = intervals(edges)
    said = [
        [
            end.removeprefix("head ") if end.startswith("head ") else "",
            f"{edge.sender[0].upper()}{edge.sender[1:]} to {edge.into}:<br>corrupted, this edge alone changes "
            f"logit_diff<br>by {number(edge.effect)} of clean minus corrupted<br>({interval(least, most, over)})",
        ]
        for end, edge, least, most in zip(ends, edges, low, high, strict=True)
    ]
    figure = go.Figure(
        go.Bar(
            x=values, y=rows, orientation="h", marker_color=_colours(np.array(values)), customdata=said,
            hovertemplate="%{customdata[1]}<extra></extra>", error_x=whiskers(np.array(values), low, high),
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        )
    )  # fmt: skip
    through = [f" → {edge.through}" if edge.through else "" for edge in edges]
    names = [
        f"{f'{end}{how}' if inwards else f'{how[3:]} of {end}' if how else end} {number(value)}"
        for end, how, value in zip(ends, through, values, strict=True)
    ]
    reach = 1.15 * float(np.nanmax(np.abs([*values, *low, *high]), initial=0) or 1)
    figure.update_yaxes(tickvals=rows, ticktext=names, range=[len(rows) - 0.4, -0.6], **PLAIN_AXIS)
    figure.update_xaxes(title=METRIC, range=[-reach, reach], zeroline=True)
    figure = laid_out(
        figure, title, f"share of clean minus corrupted, noising, {over}{whisker_note(n_prompts)}", 150 + 28 * len(rows)
    )
    return figure.update_layout(clickmode="event+select")


def _colours(values: np.ndarray) -> list[str]:
    return [FAVOURS_IO if value >= 0 else FAVOURS_S for value in values]
