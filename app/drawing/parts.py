"""Parts of all figures: template, layout, hover texts, intervals, marks that can be clicked."""

import html
import re
from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go

from app.colours import CHOSEN, CORRUPTED, DARK, FAVOURS_IO, FAVOURS_S, ROLE_COLOURS
from ioi_core import bootstrap_interval

OUTLINE = {"width": 1, "color": "#555555"}
PLAIN_AXIS = {"showgrid": False, "zeroline": False}

_LETTERS, _SMALLEST = 8, 0.75
"""A token of more letters than these is written smaller, neither broken nor cut; down to this share of its size."""

_OPAQUE = {"marker": {"opacity": 1}}  # a click, or a click elsewhere, fades nothing
_MARKS = {"selected": _OPAQUE, "unselected": _OPAQUE}

TEMPLATE = go.layout.Template(
    data={
        "bar": [_MARKS],
        "scatter": [_MARKS],
        "heatmap": [{"colorbar": {"thickness": 12, "exponentformat": "none"}, "textfont": {"size": 12, "color": DARK}}],
    },
    layout={
        "title": {"x": 0, "xanchor": "left", "y": 0.99, "yanchor": "top", "subtitle": {"font": {"size": 13}}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hoverlabel": {"align": "left"},
        "colorway": [DARK],
        "shapedefaults": {"line": {"width": 1, "color": CORRUPTED}},
        "dragmode": False,
        # Clickable figures neither pan nor zoom: Streamlit lets them be dragged. Small numbers are written out.
        "xaxis": {"fixedrange": True, "exponentformat": "none", "ticklabeloverflow": "allow"},
        "yaxis": {"fixedrange": True, "exponentformat": "none", "ticklabeloverflow": "allow"},
    },
)
"""The defaults of every figure, limited to what Streamlit's theme leaves alone: in the browser it writes its colours,
fonts, font sizes and left and right margins over those of any template."""


def literal(text: str) -> str:
    """Return `text` escaped, so that Plotly shows it as it is."""
    return html.escape(text, quote=False).replace("$", "&#36;")


def hover(texts: Sequence[object]) -> dict[str, object]:
    """Return Plotly's arguments for marks or cells with one hover text each."""
    return {"customdata": texts, "hovertemplate": "%{customdata}<extra></extra>"}


def keyed(customdata: Sequence[Sequence[str]]) -> dict[str, object]:
    """Return the same for marks that can be clicked: for each its key, handed on by a click, and its hover text."""
    return {"customdata": customdata, "hovertemplate": "%{customdata[1]}<extra></extra>"}


def by_sign(values: Sequence[float] | np.ndarray) -> list[str]:
    """Return blue for each value from 0 up, red for each below."""
    return [FAVOURS_IO if value >= 0 else FAVOURS_S for value in values]


def whiskers(values: np.ndarray, low: np.ndarray, high: np.ndarray, *, caps: bool = True) -> dict[str, object] | None:
    """Return Plotly's error bars for 95 % intervals; None where no bar has one, as with a single prompt."""
    if not np.isfinite(low).any():
        return None
    up, down = (np.nan_to_num(np.maximum(length, 0)) for length in (high - values, values - low))
    bars = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": CORRUPTED, "thickness": 1.5}
    return bars if caps else bars | {"width": 0}


def whisker_note(n_prompts: int) -> str:
    """Explain the lines of `whiskers` in a figure's note; "" for a single prompt, which has none."""
    return "; line: 95 % interval" if n_prompts > 1 else ""


def mean_line(figure: go.Figure, values: np.ndarray, colour: str, gaps: np.ndarray | None = None) -> None:
    """Draw the mean of columns and its interval behind them, unless there is only one; `gaps` as in `PatchResult`."""
    if len(values) < 2:
        return
    low, high = (float(bound) for bound in bootstrap_interval(values, gaps=gaps))
    figure.add_hrect(y0=low, y1=high, fillcolor=colour, opacity=0.15, line_width=0, layer="below")
    figure.add_hline(y=float(values.mean()), line={"dash": "dot", "width": 2, "color": colour}, layer="below")


def mean_note(n_prompts: int) -> str:
    """Explain what `mean_line` draws in a figure's note."""
    return "; dotted: mean, shaded: its 95 % interval" if n_prompts > 1 else ""


_PLACES = 6
"""Room on an axis of prompts or templates: of one alone the bar is no wider than of one among as many."""


def places(first: int, n: int) -> list[float]:
    """Return the range of an axis of `n` columns, numbered from `first`, in which none is wider than a sixth."""
    return [first - 0.5, first + max(n, _PLACES) - 0.5]


def prompt_axis(figure: go.Figure, n_prompts: int, shown: int, most: int = 12) -> None:
    """Number at most `most` prompts on the x axis, the one shown elsewhere on the page in bold."""
    ticks = np.arange(1, n_prompts + 1)[:: max(1, -(-n_prompts // most))]
    texts = [f"<b>{n}</b>" if n == shown + 1 else str(n) for n in ticks]
    figure.update_xaxes(title="prompt", tickvals=ticks, ticktext=texts, showgrid=False, range=places(1, n_prompts))


def in_one_line(label: str) -> str:
    """Return a token for a Plotly label, escaped, in smaller letters if it is long."""
    return smaller(literal(label), _share(label))


def smaller(text: str, share: float) -> str:
    """Return a text for a Plotly label in letters of this share of their size, in its own from 1 on."""
    return text if share >= 1 else f'<span style="font-size:{round(100 * share)}%">{text}</span>'


def columns_width(labels: Iterable[str], n_columns: int) -> int:
    """Return the pixels of columns in which each of these tokens has room in one line."""
    longest = max((len(label) * _share(label) for label in labels), default=0)
    return n_columns * max(46, 6 + round(6.6 * longest))


def _share(label: str) -> float:
    return min(1.0, max(_SMALLEST, _LETTERS / max(len(label), 1)))


def estimate_scatter(x: np.ndarray, y: np.ndarray, texts: Sequence[str], names: tuple[str, str]) -> go.Figure:
    """Return a scatter of estimates, x, against exact values, y, with the line on which both are equal.

    Args:
        names: titles of the two axes.
    """
    figure, marker = go.Figure(), {"color": FAVOURS_IO, "size": 8, "opacity": 0.7}
    figure.add_scatter(x=x, y=y, mode="markers", marker=marker, **hover(texts))
    limit = (1.1 * max(float(np.abs(x).max()), float(np.abs(y).max()))) or 1.0
    ends = {"x0": -limit, "y0": -limit, "x1": limit, "y1": limit}
    figure.add_shape(type="line", **ends, line={"dash": "dash", "width": 1, "color": CORRUPTED}, layer="below")
    figure.update_xaxes(title=names[0], range=[-limit, limit], zeroline=True)
    return figure.update_yaxes(title=names[1], range=[-limit, limit], zeroline=True)


def click_targets(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    customdata: Sequence[Sequence[str]],
    size: int,
    symbol: str = "square",
) -> go.Scatter:
    """Return invisible marks: over the cells of a heatmap, which reports no clicks to Streamlit itself, or on edges.

    Args:
        customdata: as in `keyed`.
        size: pixels; with the layout of `clickable`, the nearest square counts wherever in its cell the pointer is.
    """
    unseen, marker = {"marker": {"opacity": 0}}, {"symbol": symbol, "size": size, "opacity": 0}
    style = {"mode": "markers", "marker": marker, "selected": unseen, "unselected": unseen, "showlegend": False}
    return go.Scatter(x=x, y=y, **style, **keyed(customdata))


def clickable(figure: go.Figure) -> go.Figure:
    """Return the figure; its `click_targets` are now hovered and clicked from any distance."""
    return figure.update_layout(hoverdistance=-1)


def frame(figure: go.Figure, left: float, top: float, side: float = 1) -> None:
    """Frame a cell, or a square of cells whose first is at `left` and `top`."""
    ends = {"x0": left - 0.5, "x1": left + side - 0.5, "y0": top - 0.5, "y1": top + side - 0.5}
    figure.add_shape(type="rect", **ends, line={"color": CHOSEN, "width": 3})


def laid_out(
    figure: go.Figure, title: str, note: str, height: int, *, legend: bool = False, top: int | None = None
) -> go.Figure:
    """Return the figure with the layout all share; `note` names unit and prompts, `top` is the margin above."""
    margin = {"l": 10, "r": 10, "t": top or (112 if legend else 60), "b": 10}
    heading = {"text": title, "subtitle": {"text": note}, "font": {"size": 15}}
    return figure.update_layout(template=TEMPLATE, title=heading, height=height, margin=margin, showlegend=legend)


def heading_in_words(figure: go.Figure) -> list[str]:
    """Return title and note of a figure as plain text, as far as it has them."""
    heading = figure.layout.title
    return [html.unescape(re.sub("<[^>]*>", " ", line)) for line in (heading.text, heading.subtitle.text) if line]


def name_in_words(figure: go.Figure) -> str:
    """Return title and note of a figure in one line, for screen readers."""
    return ": ".join(heading_in_words(figure))


def title_in_words(figure: go.Figure) -> str:
    """Return the title of a figure as plain text."""
    return heading_in_words(figure)[0]


def mark(role: str) -> str:
    """Return a role for a Plotly label: a square in its colour, and its name."""
    return f'<span style="color:{ROLE_COLOURS[role]}">■</span> {role}'
