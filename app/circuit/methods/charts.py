"""Figures that set methods, and direct and total effects, side by side. No Streamlit here."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.circuit.methods.names import MARK, places_of_names
from app.circuit.methods.words import METHOD_WORDS, changes, effects_text, outliers
from app.colours import CLASS_COLOURS, CORRUPTED
from app.drawing.bars import row_bars
from app.drawing.kept import drawn_once
from app.drawing.parts import OUTLINE, keyed, laid_out, whisker_note, whiskers
from app.words.phrases import interval, mean_over, number
from ioi_core import Head, MethodContrast, PromptResult

_NO_CLASS, _NO_COLOUR = "no class", "#A9A9A9"
_LEADER = "#9470DC"
"""Of lines from names to points: no whisker, axis or class has it, and it is seen on white and on black."""
_NAMES = {"noising": "noising (into clean)", "denoising": "denoising (into the twin)"}


@drawn_once
def method_bars(result: MethodContrast) -> go.Figure:
    """Draw the change in logit_diff by each method, one below the other."""
    sample, by_method = mean_over(result.n_prompts), changes(result)
    names = [_NAMES.get(change.method, f"{change.method} ablation").replace(" (", "<br>(") for change in by_method]
    ends = np.array([(change.change, change.low, change.high) for change in by_method]).T
    hover_texts = [
        f"{METHOD_WORDS[change.method][0].upper()}{METHOD_WORDS[change.method][1:]}.<br>logit_diff goes from "
        f"{number(change.start)} ({change.run}) to {number(change.after)},<br>"
        f"a change of {number(change.change)} logits<br>({interval(change.low, change.high, sample)})"
        for change in by_method
    ]
    title, note = "Change in logit_diff by each method", f"logits, {sample}{whisker_note(result.n_prompts)}"
    return row_bars(names, ends, hover_texts, title, note, "change, logits (right: the right answer)", bold_values=True)


@drawn_once
def total_scatter(
    result: PromptResult, classes: Mapping[Head, str], ablation: str, *, large: bool = False
) -> go.Figure:
    """Draw direct effects to the right and total effects upwards, one point a head; a point can be clicked.

    Args:
        classes: the class of each head that has one.
        large: for a projector.
    """
    low, high = result.interval()
    named = set(outliers(result))
    heads = [Head(*cell) for cell in np.ndindex(*result.values.shape[1:])]
    figure = go.Figure()
    _draw_lines(figure, result.values)
    for name in (_NO_CLASS, *CLASS_COLOURS):
        group = [head for head in heads if classes.get(head, _NO_CLASS) == name]
        if group:
            _draw_group(figure, result, (low, high), group, named, name)
    _draw_names(figure, result.values, (low, high), named, large=large)
    figure.update_xaxes(title="direct effect, logits (right: the right answer)", zeroline=False)
    figure.update_yaxes(title="total effect, logits (up: logit_diff needs it)", zeroline=False)
    note = f"logits, {ablation} ablation, {mean_over(result.n_prompts)}"
    figure = laid_out(figure, "Direct against total effect, head by head", note, 620, legend=True, top=60)
    # Below the axis: on a phone the classes of GPT-2 small take nine lines.
    return figure.update_layout(legend={"y": -0.16, "yanchor": "top"})


def _draw_lines(figure: go.Figure, values: np.ndarray) -> None:
    """Draw the diagonal, on which total effects equal direct ones, and both axes."""
    low, high = float(values[0].min()), float(values[0].max())
    room = 0.1 * max(high - low, 1e-6)
    line = [min(low, 0) - room, max(high, 0) + room]
    figure.add_hline(y=0)
    figure.add_vline(x=0)
    look = {"mode": "lines", "line": {"color": CORRUPTED, "width": 2, "dash": "dash"}}
    nothing = {"hoverinfo": "skip", "customdata": [["", ""]] * 2}
    figure.add_scatter(x=line, y=line, name="total = direct", **look, **nothing)


def _draw_names(
    figure: go.Figure,
    values: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    named: Collection[Head],
    *,
    large: bool,
) -> None:
    """Write the names of some heads over all points, joined to them where they stand apart; a click goes through."""
    heads = sorted(named)
    at = (slice(None), [head.layer for head in heads], [head.head for head in heads])
    drawn = np.concatenate([values.reshape(2, -1), *(bound[at] for bound in bounds)], 1)
    spans = np.nanmax(drawn, 1) - np.nanmin(drawn, 1)
    places = places_of_names(values, spans, heads, large=large)
    for head, place in places.items():
        if place.joined:
            way = {"ax": place.right, "ay": -place.up, "arrowhead": 0, "arrowwidth": 2, "arrowcolor": _LEADER}
        else:
            way = {"showarrow": False, "xshift": place.right, "yshift": place.up}
        x, y = values[:, head.layer, head.head]
        figure.add_annotation(x=x, y=y, text=f"<b>{head}</b>", borderpad=0, **way)


def _draw_group(
    figure: go.Figure,
    result: PromptResult,
    bounds: tuple[np.ndarray, np.ndarray],
    group: Sequence[Head],
    named: Collection[Head],
    name: str,
) -> None:
    """Draw the heads of one class, those that stand out, which are `named`, with their intervals."""
    sample = mean_over(result.n_prompts)
    at = (slice(None), [head.layer for head in group], [head.head for head in group])
    values, low, high = result.values[at], bounds[0][at], bounds[1][at]
    customdata = [
        [str(head), f"Head {head} ({name}):<br>" + effects_text(values[:, n], low[:, n], high[:, n], sample)]
        for n, head in enumerate(group)
    ]
    hidden = np.array([head not in named for head in group]) & np.isfinite(low[0])
    errors = [
        whiskers(x, np.where(hidden, x, least), np.where(hidden, x, most), caps=False)
        for x, least, most in zip(values, low, high, strict=True)
    ]
    (x, y), (error_x, error_y) = values, errors
    marker = {"size": MARK, "color": CLASS_COLOURS.get(name, _NO_COLOUR), "line": OUTLINE}
    look = {"mode": "markers", "name": name, "marker": marker, "error_x": error_x, "error_y": error_y}
    figure.add_scatter(x=x, y=y, cliponaxis=False, **look, **keyed(customdata))
