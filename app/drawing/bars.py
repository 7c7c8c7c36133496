"""Bars with 95 % intervals: in rows, with marks where something else was expected, or one column a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.colours import CHOSEN, CORRUPTED, DARK, FAVOURS_IO
from app.drawing import parts
from app.words.phrases import number

_FRAME_HEIGHT, _BAR_HEIGHT = 150, 46  # pixels
_MARGIN = 1.15


@dataclass(frozen=True)
class RowMarks:
    """A mark on each bar: what was expected there.

    Attributes:
        name, bars: of the marks and of the bars in the legend.
        values: [bar]; texts: their hover texts.
    """

    name: str
    bars: str
    values: Sequence[float]
    texts: Sequence[str]


def row_bars(
    names: Sequence[str],
    ends: np.ndarray,
    texts: Sequence[str],
    title: str,
    note: str,
    axis: str,
    *,
    keys: Sequence[str] = (),
    marks: RowMarks | None = None,
    bold_values: bool = False,
    symmetric: bool = False,
    height: int | None = None,
    **x_axis: Any,
) -> go.Figure:
    """Draw bars in rows, the first on top; blue to the right and red to the left of 0.

    Args:
        names: on the y axis, as safe HTML; bold_values: append the values, all rounded alike.
        ends: [3 bar] values, and where their intervals begin and end, nan for a single prompt.
        texts: hover texts; keys: what a click hands on, "" where it leads nowhere.
        axis: title of the x axis; x_axis: Plotly's other settings of it.
        symmetric: 0 is in the middle, its line behind the bars; height: pixels, for bars closer together.
    """
    values, low, high = ends
    rows = np.arange(len(values))
    keys = keys or [""] * len(rows)
    hover = parts.keyed(list(zip(keys, texts, strict=True)))
    style = {"marker_color": parts.by_sign(values), "error_x": parts.whiskers(values, low, high), "showlegend": False}
    figure = go.Figure()
    figure.add_bar(x=values, y=rows, orientation="h", **style, **hover)
    if marks:
        _draw_marks(figure, marks, rows, keys)
    shown = [*ends.ravel(), *(marks.values if marks else []), 0.0]
    least, most = float(np.nanmin(shown)), float(np.nanmax(shown))
    limit = max(-least, most, 1e-6) if least or most else 1.0
    if bold_values:
        names = [f"{name} <b>{number(value, limit)}</b>" for name, value in zip(names, values, strict=True)]
    name_rows(figure, names)
    if symmetric:
        figure.update_xaxes(range=[-_MARGIN * limit, _MARGIN * limit], zeroline=True)
    else:
        figure.update_xaxes(range=[_MARGIN * least, _MARGIN * most or limit]).add_vline(x=0)
    figure.update_xaxes(title=axis.replace(" (", "<br>("), **x_axis)  # two lines: a phone's plot is narrow
    height = height or _FRAME_HEIGHT + _BAR_HEIGHT * len(rows) + 52 * bool(marks)
    return parts.laid_out(figure, title, note, height, legend=bool(marks)).update_layout(barmode="overlay")


def name_rows(figure: go.Figure, names: Sequence[str]) -> None:
    """Write the names of bars on the y axis, the first on top."""
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6], **parts.PLAIN_AXIS
    )


def _draw_marks(figure: go.Figure, marks: RowMarks, rows: np.ndarray, keys: Sequence[str]) -> None:
    """Draw diamonds over the bars, which a click takes for the bar; the legend names both."""
    figure.add_bar(x=[None], y=[None], name=marks.bars, marker_color=FAVOURS_IO, hoverinfo="skip")
    marker = {"symbol": "diamond", "size": 13, "color": CHOSEN, "line": {"width": 1.5, "color": DARK}}
    style = {"mode": "markers", "marker": marker, "cliponaxis": False}
    hover = parts.keyed(list(zip(keys, marks.texts, strict=True)))
    figure.add_scatter(x=list(marks.values), y=rows, name=marks.name, **style, **hover)


def prompt_columns(
    values: np.ndarray, texts: Sequence[str], colours: Sequence[str], shown: int, gaps: np.ndarray | None = None
) -> go.Figure:
    """Draw a column for each prompt, and their mean behind; `shown` and `gaps` as in `prompt_axis` and `mean_line`."""
    figure = go.Figure()
    figure.add_bar(x=np.arange(1, len(values) + 1), y=values, marker_color=colours, **parts.hover(texts))
    parts.mean_line(figure, values, CORRUPTED, gaps)
    figure.add_hline(y=0)
    parts.prompt_axis(figure, len(values), shown)
    return figure
