"""Figures of lessons: the grid that is clicked before the reveal, and the true numbers with the visitor's answer."""

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.colours import CHOSEN, DARK, FAVOURS_IO
from app.drawing.bars import RowMarks, row_bars
from app.drawing.heatmap import clickable_cells, colour_limit, effect_cells, name_cells
from app.drawing.kept import drawn_once
from app.drawing.parts import columns_width, frame, hover, in_one_line, laid_out, literal
from app.lessons.answers import with_unit
from app.lessons.keys.measured import Measured
from app.lessons.lesson import Step
from app.words.effects import least
from app.words.phrases import number

_LINE = 24  # letters of a choice beside its bar
_ROW = 34
_BEFORE = "before layer "
_SEEN = 0.2  # of the way to blue: cells without a number must be seen on white and on black


@drawn_once
def question_grid(question: Mapping[str, Any], chosen: Sequence[Sequence[int]]) -> go.Figure:
    """Draw the cells that can be chosen, without any number; a click hands on "row,column"."""
    rows, columns = _labels(question)
    values = np.full((len(rows), len(columns)), _SEEN)
    keys = [
        [(f"{row},{column}", literal(f"{rows[row]}, {columns[column]}")) for column in range(len(columns))]
        for row in range(len(rows))
    ]
    figure = clickable_cells([effect_cells(values, 1, [], showscale=False, hoverinfo="skip")], keys, 26)
    for row, column in chosen:
        frame(figure, column, row)
    _name(figure, question, rows, columns)
    return laid_out(
        figure, "Choose here, or in the boxes", "frame: chosen", _height(rows, question), top=_top(question)
    )


@drawn_once
def curve_preview(question: Mapping[str, Any], drawn: Sequence[float]) -> go.Figure:
    """Draw the curve as it stands."""
    figure = go.Figure()
    _curve(figure, question["x"], drawn, "yours", CHOSEN, "dash")
    figure.update_yaxes(range=[question["low"], question["high"]], title=question["unit"])
    return laid_out(figure, "Your curve", question["unit"], 260)


@drawn_once
def reveal_chart(
    step: Step, question: Mapping[str, Any], measured: Measured, right: Any, answer: Any | None
) -> go.Figure:
    """Draw the true numbers, and on them what was answered; `answer` is None in print."""
    kind = question["kind"]
    if kind in ("cell", "heads"):
        answered = [] if answer is None else [answer] if kind == "cell" else answer
        return _grid(question, measured, right or [], answered)
    if kind == "curve":
        return _curves(question, measured, answer)
    if measured.labels:
        return _labelled(step, measured, answer)
    if kind == "choice":
        return _ranges(step, measured, answer)
    return _number(measured, answer)


def grid_width(question: Mapping[str, Any]) -> int:
    """Return the pixels in which a grid of cells has room, 0 for what is no grid."""
    if question["kind"] not in ("cell", "heads"):
        return 0
    _, columns = _labels(question)
    tokens = [_token_and_more(column)[0] for column in columns if question["kind"] == "cell"]
    return 130 + columns_width(tokens, len(columns))


def _labels(question: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    if question["kind"] == "cell":
        return question["rows"], question["columns"]
    return [f"layer {n}" for n in range(question["layers"])], [f"head {n}" for n in range(question["heads"])]


def _name(figure: go.Figure, question: Mapping[str, Any], rows: Sequence[str], columns: Sequence[str]) -> None:
    numbers = [row.removeprefix("layer ") for row in rows]
    if question["kind"] == "heads":
        name_cells(figure, numbers, [column.removeprefix("head ") for column in columns], title="head", tickangle=0)
        return
    texts = [f"{in_one_line(token)}<br>{literal(more)}" for token, more in map(_token_and_more, columns)]
    name_cells(figure, numbers, texts, side="top", tickangle=0)


def _token_and_more(column: str) -> tuple[str, str]:
    """Split "2nd ·the" and "·John (S1)" of `token_labels`, so that neighbours' names do not meet."""
    token, _, role = column.removesuffix(")").partition(" (")
    *number, token = token.split(" ")  # a token's own spaces are shown as dots
    return token, " ".join([*number, role]).strip()


def _height(rows: Sequence[str], question: Mapping[str, Any]) -> int:
    return 150 + max(24, min(_ROW, 300 // len(rows))) * len(rows) + 30 * (question["kind"] == "cell")


def _top(question: Mapping[str, Any]) -> int | None:
    return 115 if question["kind"] == "cell" else None


def _grid(
    question: Mapping[str, Any], measured: Measured, right: Sequence[Sequence[int]], answered: Sequence[Sequence[int]]
) -> go.Figure:
    rows, columns = _labels(question)
    limit = colour_limit(measured.values, least())
    text = [["" if np.isnan(value) else number(value, limit, least()) for value in row] for row in measured.values]
    said = [
        [
            literal(f"{rows[row]}, {columns[column]}: {text[row][column] or 'no number'}")
            for column in range(len(columns))
        ]
        for row in range(len(rows))
    ]
    figure = go.Figure([effect_cells(measured.values, limit, text, showscale=False, **hover(said))])
    for row, column in right:
        ends = {"x0": column - 0.42, "x1": column + 0.42, "y0": row - 0.42, "y1": row + 0.42}
        figure.add_shape(type="rect", **ends, line={"color": DARK, "width": 2, "dash": "dot"})
    for row, column in answered:
        frame(figure, column, row)
    _name(figure, question, rows, columns)
    note = f"{measured.unit}, {measured.note}; dotted: stands out{'; frame: yours' if answered else ''}"
    return laid_out(figure, measured.title, note, _height(rows, question), top=_top(question))


def _curve(figure: go.Figure, x: Sequence[str], y: Sequence[float], name: str, colour: str, dash: str) -> None:
    places = list(range(len(x)))
    texts = [f"{name}, {literal(place)}: {number(value)}" for place, value in zip(x, y, strict=True)]
    style = {"mode": "lines+markers", "line": {"dash": dash, "width": 3, "color": colour}, "marker": {"size": 8}}
    figure.add_scatter(x=places, y=list(y), name=name, **style, **hover(texts))
    figure.update_xaxes(tickvals=places, ticktext=[literal(place) for place in x])
    figure.add_hline(y=0)


def _curves(question: Mapping[str, Any], measured: Measured, answer: Sequence[float] | None) -> go.Figure:
    figure = go.Figure()
    _curve(figure, question["x"], measured.values.tolist(), "real", FAVOURS_IO, "solid")
    if answer is not None:
        _curve(figure, question["x"], answer, "yours", CHOSEN, "dash")
    figure.update_yaxes(title=measured.unit)
    return laid_out(figure, measured.title, f"{measured.unit}, {measured.note}", 380, legend=True)


def _wrapped(text: str) -> str:
    return "<br>".join(literal(line) for line in textwrap.wrap(text, _LINE)) or literal(text)


def _bars(
    names: Sequence[str], values: Sequence[float], measured: Measured, yours: int | None, height: int | None = None
) -> go.Figure:
    """Draw a bar a name, the visitor's in bold; no intervals, since what is asked is about these prompts."""
    ends = np.array([values, [np.nan] * len(values), [np.nan] * len(values)])
    written = [f"<b>{name}<br>(yours)</b>" if n == yours else name for n, name in enumerate(names)]
    texts = [name.replace("<br>", " ") for name in names]
    if measured.behind is None:  # else the names hold the numbers
        texts = [f"{name}: {with_unit(value, measured.unit)}" for name, value in zip(texts, values, strict=True)]
    unit = _unit(measured)
    return row_bars(written, ends, texts, literal(measured.title), f"{unit}, {measured.note}", unit, height=height)


def _unit(measured: Measured) -> str:
    """Return the unit of what is drawn."""
    return measured.behind.unit if measured.behind else measured.unit


def _labelled(step: Step, measured: Measured, answer: float | None) -> go.Figure:
    """Draw a bar a choice, or a bar a layer."""
    [labels] = measured.labels
    yours = None if answer is None else int(answer)
    if step.ask.kind == "choice":
        values = [float(measured.values[labels.index(choice.of or "")]) for choice in step.ask.choices]
        return _bars([_wrapped(choice.text) for choice in step.ask.choices], values, measured, yours)
    return _bars(
        [literal(label) for label in labels], measured.values.tolist(), measured, yours, 150 + 30 * len(labels)
    )


def _ranges(step: Step, measured: Measured, answer: int | None) -> go.Figure:
    """Draw the one number among its bars, or the curve it is read off, and the range that was chosen."""
    ends = sorted({end for choice in step.ask.choices for end in (choice.low, choice.high) if np.isfinite(end)})
    along = 1.0
    if measured.behind is not None and measured.behind.is_curve:
        figure, along = _way(measured), (len(measured.behind.values) - 1) / 100
        low, high = 0.0, 100.0
    else:
        names, values, _ = _bars_behind(measured)
        figure = _bars(names, values, measured, None, 170 + 30 * len(names))
        low, high = min([0.0, *values, *ends]), max([0.0, *values, *ends])
        low, high = low - 0.15 * (high - low), high + 0.15 * (high - low)
    figure.update_xaxes(range=[along * low, along * high])
    for end in ends:
        figure.add_vline(x=along * end, line={"dash": "dot"})
    note = f"{figure.layout.title.subtitle.text}; dotted lines part the answers"
    if answer is not None:
        choice = step.ask.choices[answer]
        band = {"x0": along * max(choice.low, low), "x1": along * min(choice.high, high), "line_width": 0}
        figure.add_vrect(**band, fillcolor=CHOSEN, opacity=0.25, layer="below")
        note += "; shaded: your answer"
    return figure.update_layout(title={"subtitle": {"text": note}})


def _way(measured: Measured) -> go.Figure:
    """Draw the curve along which the one number is a share of the way."""
    behind = measured.behind
    assert behind is not None
    figure = go.Figure()
    _curve(figure, behind.labels, behind.values, "real", FAVOURS_IO, "solid")
    starts = [place for place, label in enumerate(behind.labels) if label.startswith(_BEFORE)]
    names = [behind.labels[place].removeprefix(_BEFORE) for place in starts]
    last = len(behind.labels) - 1
    figure.update_xaxes(title="before layer", tickvals=[*starts, last], ticktext=[*names, "end"])
    figure.update_yaxes(title=behind.unit)
    return laid_out(figure, literal(measured.title), f"{behind.unit}, {measured.note}", 340)


def _number(measured: Measured, answer: float | None) -> go.Figure:
    """Draw the one number among the bars that it belongs to, and on its bar what was answered."""
    names, values, asked = _bars_behind(measured)
    ends = np.array([values, [np.nan] * len(values), [np.nan] * len(values)])
    marks = None
    if answer is not None:
        at, texts = [np.nan] * len(values), [""] * len(values)
        at[asked] = answer
        texts[asked] = html.escape(f"your answer: {with_unit(answer, measured.unit)}")
        marks = RowMarks("your answer", "computed", at, texts)
    texts, unit = [name.replace("<br>", " ") for name in names], _unit(measured)
    note = f"{unit}, {measured.note}"
    return row_bars(names, ends, texts, literal(measured.title), note, unit, marks=marks, height=None)


def _bars_behind(measured: Measured) -> tuple[list[str], list[float], int]:
    """Return names and values of the bars of a single number, and which of them it is."""
    behind = measured.behind
    if behind is None:
        return [with_unit(float(measured.values), measured.unit)], [float(measured.values)], 0
    pairs = zip(behind.labels, behind.values, strict=True)
    return [f"{name}:<br>{with_unit(value, behind.unit)}" for name, value in pairs], list(behind.values), behind.asked
