"""Bars below each other, each with its 95 % interval, and marks where something else was expected.

Like `charts`, nothing is computed here and nothing knows the browser.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.drawing.parts import CORRUPTED, FAVOURS_IO, FAVOURS_S, laid_out, whiskers
from app.words.phrases import signed

MARK = "#E69F00"
_AROUND, _EACH = 150, 46  # pixels of height: title and axis, one bar
_MARGIN = 1.15


@dataclass(frozen=True)
class RowBar:
    """One bar.

    Attributes:
        name: on the axis, a sentence of HTML that is safe; its value is written behind it.
        value, low, high: with its interval, nan for a single prompt.
        said: what hovering says.
        key: what a click tells; empty if it leads nowhere.
    """

    name: str
    value: float
    low: float
    high: float
    said: str
    key: str = ""


@dataclass(frozen=True)
class RowMarks:
    """A mark on each bar: what was expected there.

    Attributes:
        name: in the legend; bars: what the legend calls the bars.
        values: [bar]; said: what hovering says.
    """

    name: str
    bars: str
    values: Sequence[float]
    said: Sequence[str]


def row_bars(bars: Sequence[RowBar], marks: RowMarks | None, title: str, note: str, axis: str) -> go.Figure:
    """The bars, the first on top; blue to the right and red to the left of 0."""
    rows = np.arange(len(bars))
    values, low, high = (np.array([getattr(bar, name) for bar in bars]) for name in ("value", "low", "high"))
    figure = go.Figure(
        go.Bar(
            x=values, y=rows, orientation="h", customdata=[[bar.key, bar.said] for bar in bars], showlegend=False,
            hovertemplate="%{customdata[1]}<extra></extra>", error_x=whiskers(values, low, high),
            marker_color=[FAVOURS_IO if value >= 0 else FAVOURS_S for value in values],
            selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        )
    )  # fmt: skip
    expected = np.array(marks.values if marks else [], dtype=float)
    if marks:
        _draw_marks(figure, marks, rows)
    ends = np.concatenate([values, low, high, expected, [0.0]])
    least, most = float(np.nanmin(ends)), float(np.nanmax(ends))
    reach = max(abs(least), abs(most), 1e-6)
    names = [f"{bar.name} <b>{signed(bar.value, reach)}</b>" for bar in bars]
    figure.update_yaxes(
        tickvals=rows, ticktext=names, range=[len(rows) - 0.4, -0.6], showgrid=False, zeroline=False
    )  # fmt: skip
    figure.update_xaxes(title=axis, range=[_MARGIN * min(least, 0), _MARGIN * max(most, 0) or reach])
    figure.add_vline(x=0, line={"width": 1, "color": CORRUPTED})
    figure = laid_out(figure, title, note, _AROUND + _EACH * len(rows) + 52 * bool(marks), legend=bool(marks))
    return figure.update_layout(clickmode="event+select", barmode="overlay")


def _draw_marks(figure: go.Figure, marks: RowMarks, rows: np.ndarray) -> None:
    """Diamonds over the bars; the legend tells what they are, and what bars are."""
    figure.add_bar(x=[None], y=[None], name=marks.bars, marker_color=FAVOURS_IO, hoverinfo="skip")
    figure.add_scatter(
        x=list(marks.values), y=rows, mode="markers", name=marks.name, customdata=[["", said] for said in marks.said],
        hovertemplate="%{customdata[1]}<extra></extra>", cliponaxis=False,
        marker={"symbol": "diamond", "size": 13, "color": MARK, "line": {"width": 1.5, "color": "#1b1f24"}},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
