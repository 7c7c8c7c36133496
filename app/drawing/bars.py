"""Bars with 95 % intervals: below each other with marks where something else was expected, or one bar a prompt.

Like `charts`, nothing is computed here and nothing knows the browser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from app.colours import CHOSEN, CORRUPTED, DARK, FAVOURS_IO
from app.drawing import parts
from app.words.phrases import signed

_AROUND, _EACH = 150, 46  # pixels of height: title and axis, one bar
_MARGIN = 1.15


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


def row_bars(
    names: Sequence[str],
    ends: np.ndarray,
    said: Sequence[str],
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
    """The bars, the first on top; blue to the right and red to the left of 0.

    Args:
        names: on the y axis, HTML that is safe; bold_values: write the values behind them, with as many digits as the
            axis asks for.
        ends: [3 bar] values, and where their intervals begin and end, nan for a single prompt.
        said: what hovering says; keys: what clicks tell, empty where they lead nowhere.
        axis: title of the x axis; x_axis: what else Plotly is to know about it.
        symmetric: 0 is in the middle, and its line behind the bars.
        height: pixels, where bars are to be closer together.
    """
    values, low, high = ends
    rows = np.arange(len(values))
    told = parts.keyed(list(zip(keys or [""] * len(rows), said, strict=True)))
    look = {"marker_color": parts.by_sign(values), "error_x": parts.whiskers(values, low, high), "showlegend": False}
    figure = go.Figure()
    figure.add_bar(x=values, y=rows, orientation="h", **look, **told)
    if marks:
        _draw_marks(figure, marks, rows)
    shown = [*ends.ravel(), *(marks.values if marks else []), 0.0]
    least, most = float(np.nanmin(shown)), float(np.nanmax(shown))
    reach = max(-least, most, 1e-6) if least or most else 1.0
    if bold_values:
        names = [f"{name} <b>{signed(value, reach)}</b>" for name, value in zip(names, values, strict=True)]
    name_rows(figure, names)
    if symmetric:
        figure.update_xaxes(range=[-_MARGIN * reach, _MARGIN * reach], zeroline=True)
    else:
        figure.update_xaxes(range=[_MARGIN * least, _MARGIN * most or reach]).add_vline(x=0)
    figure.update_xaxes(title=axis, **x_axis)
    height = height or _AROUND + _EACH * len(rows) + 52 * bool(marks)
    return parts.laid_out(figure, title, note, height, legend=bool(marks)).update_layout(barmode="overlay")


def name_rows(figure: go.Figure, names: Sequence[str]) -> None:
    """Write the names of bars on the y axis, the first on top."""
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6], **parts.PLAIN_AXIS
    )


def _draw_marks(figure: go.Figure, marks: RowMarks, rows: np.ndarray) -> None:
    """Diamonds over the bars; the legend tells what they are, and what bars are."""
    figure.add_bar(x=[None], y=[None], name=marks.bars, marker_color=FAVOURS_IO, hoverinfo="skip")
    marker = {"symbol": "diamond", "size": 13, "color": CHOSEN, "line": {"width": 1.5, "color": DARK}}
    look = {"mode": "markers", "marker": marker, "cliponaxis": False}
    figure.add_scatter(
        x=list(marks.values), y=rows, name=marks.name, **look, **parts.keyed([("", said) for said in marks.said])
    )


def prompt_columns(
    values: np.ndarray, said: Sequence[str], colours: Sequence[str], shown: int, gaps: np.ndarray | None = None
) -> go.Figure:
    """One bar for each prompt, and behind them their mean with its interval.

    Args:
        said: what hovering says; shown: the prompt that is shown elsewhere on the page.
        gaps: as in `PatchResult`.
    """
    figure = go.Figure()
    figure.add_bar(x=np.arange(1, len(values) + 1), y=values, marker_color=colours, **parts.hover(said))
    parts.mean_line(figure, values, CORRUPTED, gaps)
    figure.add_hline(y=0)
    parts.prompt_axis(figure, len(values), shown)
    return figure
