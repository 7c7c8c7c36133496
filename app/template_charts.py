"""One figure for each template, small and side by side: what a mean over all prompts may hide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.chart_parts import CORRUPTED, DIVERGING, FAVOURS_IO, FAVOURS_S, laid_out, literal, whiskers
from app.drawn import drawn_once
from app.words import interval, prompts
from ioi_core import PromptPairs, bootstrap_interval
from ioi_core.templates import TEMPLATES

_ACROSS = 4
MOST = 16
"""More small figures than these do not fit a screen."""


@dataclass(frozen=True)
class TemplateGroup:
    """The prompts of one template.

    Attributes:
        name: the template in words; a typed prompt is a template of its own.
        rows: which prompts are its.
    """

    name: str
    rows: np.ndarray


def template_groups(pairs: PromptPairs) -> list[TemplateGroup]:
    """The templates of these prompts, in the order in which they first occur; at most `MOST`."""
    numbers, first = np.unique(pairs.templates, return_index=True)
    ordered = numbers[np.argsort(first)][:MOST]
    rows = [np.flatnonzero(pairs.templates == number) for number in ordered]
    generated = len(pairs) > len(numbers)
    return [
        TemplateGroup(_name(int(number), one) if generated else f"prompt {one[0] + 1}", one)
        for number, one in zip(ordered, rows, strict=True)
    ]


def _name(number: int, rows: np.ndarray) -> str:
    return f"template {number}, {TEMPLATES[number].order} ({prompts(len(rows))})"


@drawn_once
def template_curves(
    per_prompt: np.ndarray, groups: Sequence[TemplateGroup], where: Sequence[str], title: str, unit: str
) -> go.Figure:
    """One curve a template, and the mean over all prompts behind each.

    Args:
        per_prompt: [stage batch]; where: what each stage is called.
    """
    figure, places = _side_by_side(groups)
    x, overall = np.arange(len(per_prompt)), per_prompt.mean(-1)
    for group, place in zip(groups, places, strict=True):
        own = per_prompt[:, group.rows].mean(-1)
        said = [f"{group.name}<br>{one}: {value:+.2f} {unit}" for one, value in zip(where, own, strict=True)]
        behind = {"color": CORRUPTED, "dash": "dot", "width": 1.5}
        figure.add_scatter(x=x, y=overall, mode="lines", line=behind, hoverinfo="skip", **place)
        figure.add_scatter(
            x=x, y=own, mode="lines", line={"color": FAVOURS_IO, "width": 2.5}, customdata=said,
            hovertemplate="%{customdata}<extra></extra>", **place,
        )  # fmt: skip
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(matches="y", zeroline=True)
    return _small(figure, groups, title, f"{unit}; dotted: mean over all prompts", 150)


@drawn_once
def template_heatmaps(
    per_prompt: np.ndarray, groups: Sequence[TemplateGroup], keys: Sequence[Sequence[str]], title: str, unit: str,
    *, less_is_good: bool = False, order: str = "rows, columns and colours as above",
) -> go.Figure:  # fmt: skip
    """One heatmap of effects a template, all on one scale.

    Args:
        per_prompt: [row column batch], nan where nothing is defined; keys: [row][column] what each cell is called.
        order: what rows and columns are.
    """
    figure, places = _side_by_side(groups)
    means = [per_prompt[..., group.rows].mean(-1) for group in groups]
    reach = float(np.nanmax(np.abs(means), initial=0)) or 1.0
    for group, place, mean in zip(groups, places, means, strict=True):
        said = [
            [f"{group.name}<br>{literal(key)}: {value:+.3f}" for key, value in zip(names, values, strict=True)]
            for names, values in zip(keys, mean, strict=True)
        ]
        figure.add_heatmap(
            z=mean.astype(np.float32), customdata=said, hovertemplate="%{customdata}<extra></extra>",
            coloraxis="coloraxis", hoverongaps=False, **place,
        )  # fmt: skip
    scale = {"colorscale": DIVERGING, "reversescale": less_is_good, "cmin": -reach, "cmax": reach,
             "colorbar": {"thickness": 12}}  # fmt: skip
    figure.update_layout(coloraxis=scale)
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(showticklabels=False, showgrid=False, autorange="reversed")
    return _small(figure, groups, title, f"{unit}; {order}", 30 + 14 * len(keys))


@drawn_once
def template_bars(
    per_prompt: np.ndarray, groups: Sequence[TemplateGroup], cells: Sequence[str], title: str, unit: str
) -> go.Figure:
    """One bar a template for each of a few values, with its interval over that template's prompts.

    Args:
        per_prompt: [cell batch]; cells: what each value is called, side by side in columns of their own.
    """
    figure = make_subplots(1, len(cells), subplot_titles=list(cells), shared_yaxes=True, horizontal_spacing=0.03)
    rows = np.arange(len(groups))
    for column, (cell, own) in enumerate(zip(cells, per_prompt, strict=True), 1):
        means = np.array([own[group.rows].mean() for group in groups])
        low, high = np.array([bootstrap_interval(own[group.rows]) for group in groups]).T
        said = [
            f"{literal(group.name)}<br>{cell}: {mean:+.3f} {unit}<br>({interval(least, most, over)})"
            for group, mean, least, most in zip(groups, means, low, high, strict=True)
            for over in [prompts(len(group.rows))]
        ]
        figure.add_bar(
            x=means, y=rows, orientation="h", customdata=said, hovertemplate="%{customdata}<extra></extra>",
            marker_color=[FAVOURS_IO if mean >= 0 else FAVOURS_S for mean in means],
            error_x=whiskers(means, low, high), row=1, col=column,
        )  # fmt: skip
        figure.add_vline(x=float(own.mean()), line={"dash": "dot", "width": 1.5, "color": CORRUPTED}, col=column)
    names = [literal(group.name) for group in groups]
    figure.update_yaxes(tickvals=rows, ticktext=names, range=[len(rows) - 0.4, -0.6], showgrid=False, zeroline=False)
    figure.update_xaxes(matches="x", zeroline=True)
    figure.update_annotations(font={"size": 12})
    note = f"{unit}; dotted: mean over all prompts; line: 95 % interval"
    return laid_out(figure, title, note, 130 + 24 * len(groups)).update_layout(margin={"t": 85})


def _side_by_side(groups: Sequence[TemplateGroup]) -> tuple[go.Figure, list[dict[str, int]]]:
    across = min(_ACROSS, len(groups))
    down = -(-len(groups) // across)
    gap = min(0.3 / down, 0.12)
    names = [literal(group.name) for group in groups]
    figure = make_subplots(down, across, subplot_titles=names, vertical_spacing=gap, horizontal_spacing=0.03)
    return figure, [{"row": n // across + 1, "col": n % across + 1} for n in range(len(groups))]


def _small(figure: go.Figure, groups: Sequence[TemplateGroup], title: str, note: str, each: int) -> go.Figure:
    figure.update_annotations(font={"size": 12})
    down = -(-len(groups) // _ACROSS)
    figure = laid_out(figure, title, note, 110 + down * (each + 45))
    return figure.update_layout(margin={"t": 85})
