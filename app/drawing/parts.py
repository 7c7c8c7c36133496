"""What all figures share: colours, their frame, intervals, cells that can be clicked. Nothing is computed here.

Colour-blind people tell all of these colours apart; blue favours IO and red favours S.
"""

import html

import numpy as np
import plotly.graph_objects as go

from app.words.tokens import ROLE_COLOURS
from ioi_core import bootstrap_interval

FAVOURS_IO, FAVOURS_S = "#2E7EBB", "#D6503F"
CLEAN, CORRUPTED = "#009E73", "#8A8A8A"
DIVERGING = [[0.0, "#E0735B"], [0.25, "#F4B79F"], [0.5, "#FFFFFF"], [0.75, "#AFD3E8"], [1.0, "#5FA3D0"]]
"""Red to blue, so light that the same dark text is legible on all of it (contrast of 5 or more)."""

CELL_TEXT = {"size": 12, "color": "#1b1f24"}
PLAIN_AXIS = {"showgrid": False, "zeroline": False}


def literal(text: str) -> str:
    """`text` so that Plotly shows it as it is."""
    return html.escape(text, quote=False).replace("$", "&#36;")


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


def click_targets(x: np.ndarray, y: np.ndarray, told: list[list[str]], size: int) -> go.Scatter:
    """Invisible squares over the cells of a heatmap, which reports no clicks to Streamlit itself.

    Args:
        told: of each cell, what a click tells and what hovering says.
        size: pixels; with the layout of `clickable`, the nearest square counts wherever in its cell the pointer is.
    """
    unseen = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=x, y=y, mode="markers", marker={"symbol": "square", "size": size, "opacity": 0}, customdata=told,
        hovertemplate="%{customdata[1]}<extra></extra>", showlegend=False, selected=unseen, unselected=unseen,
    )  # fmt: skip


def clickable(figure: go.Figure) -> go.Figure:
    """The figure, whose `click_targets` are hovered and clicked without a limit of distance."""
    return figure.update_layout(clickmode="event+select", hoverdistance=-1)


def laid_out(figure: go.Figure, title: str, note: str, height: int, *, legend: bool = False) -> go.Figure:
    """The frame all figures share; `note` names the unit and the number of prompts."""
    return figure.update_layout(
        title={
            "text": title,
            "subtitle": {"text": note, "font": {"size": 13}},
            "font": {"size": 15},
            "x": 0,
            "xanchor": "left",
            "y": 0.99,
            "yanchor": "top",
        },
        height=height,
        margin={"l": 10, "r": 10, "t": 112 if legend else 60, "b": 10},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        hoverlabel={"align": "left"},
        dragmode=False,
        barmode="group",
    )


LOOKED_AT = "#A84300"
"""The colour of full attention."""

ATTENTION = [[0.0, "#FFFFFF"], [1.0, LOOKED_AT]]
FAINT = "#D4A480"
UNSEEN = "rgba(128, 128, 128, 0.25)"
LINE = 8
"""Letters of a token in one line; longer tokens are wrapped, never cut."""


def mark(role: str) -> str:
    """A role for a Plotly label: a square in its colour, and its name."""
    return f'<span style="color:{ROLE_COLOURS[role]}">■</span> {role}'


CLASS_COLOURS = {
    "previous token": "#DDDDDD",
    "duplicate token": "#99DDFF",
    "induction": "#77AADD",
    "S-inhibition": "#44BB99",
    "name mover": "#EEDD88",
    "negative name mover": "#EE8866",
    "backup name mover": "#BBCC33",
}
"""Paul Tol's light scheme, safe for colour-blind eyes and apart from the roles' colours: black text reads on all."""
