"""What all figures share: template, colours, frame, intervals, cells that can be clicked. Nothing is computed here.

Colour-blind people tell all of these colours apart; blue favours IO and red favours S.
"""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.colours import CHOSEN, CORRUPTED, DARK, FAVOURS_IO, FAVOURS_S, ROLE_COLOURS
from ioi_core import bootstrap_interval

OUTLINE = {"width": 1, "color": "#555555"}


PLAIN_AXIS = {"showgrid": False, "zeroline": False}


_OPAQUE = {"marker": {"opacity": 1}}  # a click, or a click elsewhere, fades nothing


_MARKS = {"selected": _OPAQUE, "unselected": _OPAQUE}


TEMPLATE = go.layout.Template(
    data={
        "bar": [_MARKS],
        "scatter": [_MARKS],
        "heatmap": [{"colorbar": {"thickness": 12}, "textfont": {"size": 12, "color": DARK}}],
    },
    layout={
        "title": {"x": 0, "xanchor": "left", "y": 0.99, "yanchor": "top", "subtitle": {"font": {"size": 13}}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hoverlabel": {"align": "left"},
        "colorway": [DARK],
        "shapedefaults": {"line": {"width": 1, "color": CORRUPTED}},
        "dragmode": False,
    },
)
"""What every figure is drawn with unless it says otherwise. Only what Streamlit's theme leaves alone: in the browser it
writes its colours, its fonts and their sizes, and its margins left and right, over those of any template."""


def literal(text: str) -> str:
    """`text` so that Plotly shows it as it is."""
    return html.escape(text, quote=False).replace("$", "&#36;")


def hover(said: Sequence[object]) -> dict[str, object]:
    """Plotly's arguments for hovering over marks or cells, which says `said` of each."""
    return {"customdata": said, "hovertemplate": "%{customdata}<extra></extra>"}


def keyed(told: Sequence[Sequence[str]]) -> dict[str, object]:
    """The same for what can be clicked; `told` is of each its key, which a click tells, and what hovering says."""
    return {"customdata": told, "hovertemplate": "%{customdata[1]}<extra></extra>"}


def by_sign(values: Sequence[float] | np.ndarray) -> list[str]:
    """Blue for each value that is not below 0, red for each that is."""
    return [FAVOURS_IO if value >= 0 else FAVOURS_S for value in values]


def whiskers(values: np.ndarray, low: np.ndarray, high: np.ndarray, *, caps: bool = True) -> dict[str, object] | None:
    """Plotly's error bars from interval to interval; none where nothing has one, as with a single prompt."""
    if not np.isfinite(low).any():
        return None
    up, down = (np.nan_to_num(np.maximum(reach, 0)) for reach in (high - values, values - low))
    bars = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": CORRUPTED, "thickness": 1.5}
    return bars if caps else bars | {"width": 0}


def whisker_note(n_prompts: int) -> str:
    """What the lines of `whiskers` are, for a figure's note; nothing where a single prompt has none."""
    return "; line: 95 % interval" if n_prompts > 1 else ""


def mean_line(figure: go.Figure, values: np.ndarray, colour: str, gaps: np.ndarray | None = None) -> None:
    """The mean of bars that stand side by side, behind them, with its interval; nothing for a single bar.

    Args:
        gaps: as in `PatchResult`.
    """
    if len(values) < 2:
        return
    low, high = (float(bound) for bound in bootstrap_interval(values, gaps=gaps))
    figure.add_hrect(y0=low, y1=high, fillcolor=colour, opacity=0.15, line_width=0, layer="below")
    figure.add_hline(y=float(values.mean()), line={"dash": "dash", "width": 2, "color": colour}, layer="below")


def mean_note(n_prompts: int) -> str:
    """What `mean_line` draws, for a figure's note."""
    return "; dashed: mean, shaded: its 95 % interval" if n_prompts > 1 else ""


def prompt_axis(figure: go.Figure, n_prompts: int, shown: int, most: int = 12) -> None:
    """Number the prompts on the x axis, at most so many of them; the one shown elsewhere on the page is bold."""
    ticks = np.arange(1, n_prompts + 1)[:: max(1, -(-n_prompts // most))]
    texts = [f"<b>{n}</b>" if n == shown + 1 else str(n) for n in ticks]
    figure.update_xaxes(title="prompt", tickvals=ticks, ticktext=texts, showgrid=False)


def wrapped(label: str) -> str:
    """A token for a Plotly label, literally, on lines of at most `LINE` letters."""
    return "<br>".join(literal(label[start : start + LINE]) for start in range(0, len(label), LINE))


def click_targets(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    told: Sequence[Sequence[str]],
    size: int,
    symbol: str = "square",
) -> go.Scatter:
    """Invisible marks: squares over the cells of a heatmap, which reports no clicks to Streamlit itself, or on edges.

    Args:
        told: of each mark, what a click tells and what hovering says.
        size: pixels; with the layout of `clickable`, the nearest square counts wherever in its cell the pointer is.
    """
    unseen, marker = {"marker": {"opacity": 0}}, {"symbol": symbol, "size": size, "opacity": 0}
    look = {"mode": "markers", "marker": marker, "selected": unseen, "unselected": unseen, "showlegend": False}
    return go.Scatter(x=x, y=y, **look, **keyed(told))


def clickable(figure: go.Figure) -> go.Figure:
    """The figure, whose `click_targets` are hovered and clicked without a limit of distance."""
    return figure.update_layout(hoverdistance=-1)


def frame(figure: go.Figure, left: float, top: float, side: float = 1) -> None:
    """A frame around the cell, or the square of cells, whose first cell is at `left` and `top`."""
    ends = {"x0": left - 0.5, "x1": left + side - 0.5, "y0": top - 0.5, "y1": top + side - 0.5}
    figure.add_shape(type="rect", **ends, line={"color": CHOSEN, "width": 3})


def laid_out(
    figure: go.Figure, title: str, note: str, height: int, *, legend: bool = False, top: int | None = None
) -> go.Figure:
    """The frame all figures share; `note` names the unit and the number of prompts, `top` is the margin above."""
    margin = {"l": 10, "r": 10, "t": top or (112 if legend else 60), "b": 10}
    heading = {"text": title, "subtitle": {"text": note}, "font": {"size": 15}}
    return figure.update_layout(template=TEMPLATE, title=heading, height=height, margin=margin, showlegend=legend)


LINE = 8
"""Letters of a token in one line; longer tokens are wrapped, never cut."""


def mark(role: str) -> str:
    """A role for a Plotly label: a square in its colour, and its name."""
    return f'<span style="color:{ROLE_COLOURS[role]}">■</span> {role}'
