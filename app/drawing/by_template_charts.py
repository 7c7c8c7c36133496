"""One small figure for each template, side by side: they show what a mean over all prompts may hide."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.colours import ATTENTION, CORRUPTED, DARK, DIVERGING, FAVOURS_IO
from app.drawing import parts
from app.drawing.bars import name_rows
from app.drawing.heatmap import colour_limit
from app.drawing.kept import drawn_once
from app.words.phrases import grouped, grouped_by, number, prompts, size
from ioi_core import PromptPairs

_ACROSS = 4
MOST = 16
"""More small figures than these do not fit a screen."""


@dataclass(frozen=True)
class TemplateGroup:
    """The prompts of one template, or those that share a label.

    Attributes:
        name: the label or the template, or the prompt where each prompt has a template of its own.
        rows: indices of its prompts; example: the first of them; by: "template" or "label".
    """

    name: str
    rows: np.ndarray
    example: str
    by: str = "template"

    @property
    def text(self) -> str:
        """Name and first prompt for a hover text, escaped."""
        many = f" ({prompts(len(self.rows))}, such as:)" if len(self.rows) > 1 else ":"
        lines = textwrap.wrap(self.example, 70)
        return "<br>".join([f"{parts.literal(self.name)}{many}", *map(parts.literal, lines)])


def template_groups(pairs: PromptPairs) -> list[TemplateGroup]:
    """The prompts' groups, as `grouped` has them, at most `MOST`."""
    return [
        TemplateGroup(name, np.array(rows), pairs.clean_text[rows[0]], grouped_by(pairs))
        for name, rows in islice(grouped(pairs).items(), MOST)
    ]


@drawn_once
def template_curves(
    per_prompt: np.ndarray, groups: Sequence[TemplateGroup], stages: Sequence[str], title: str, unit: str
) -> go.Figure:
    """Draw a curve for each template, and the mean over all prompts behind each; `per_prompt` is [stage batch]."""
    figure, subplots = _subplots(groups)
    x, overall = np.arange(len(per_prompt)), per_prompt.mean(-1)
    for group, subplot in zip(groups, subplots, strict=True):
        values = per_prompt[:, group.rows].mean(-1)
        texts = [f"{stage}: {number(mean)} {unit}<br>{group.text}" for stage, mean in zip(stages, values, strict=True)]
        dotted = {"color": CORRUPTED, "dash": "dot", "width": 1.5}
        figure.add_scatter(x=x, y=overall, mode="lines", line=dotted, hoverinfo="skip", **subplot)
        line = {"color": FAVOURS_IO, "width": 2.5}
        figure.add_scatter(x=x, y=values, mode="lines", line=line, **subplot, **parts.hover(texts))
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(matches="y", zeroline=True)
    return _small_multiples(figure, groups, title, f"{unit}; dotted: mean over all prompts", 150)


@drawn_once
def template_heatmaps(
    per_prompt: np.ndarray,
    groups: Sequence[TemplateGroup],
    keys: Sequence[Sequence[str]],
    title: str,
    unit: str,
    *,
    less_is_good: bool = False,
    least: float = 0.0,
    order: str = "rows and columns as above",
    labels: Sequence[str] = (),
    effects: bool = True,
) -> go.Figure:
    """Draw a heatmap for each template, all on one scale.

    Args:
        per_prompt: [row column batch], nan where undefined; means are over the defined values.
        keys: [row][column] names of the cells.
        least: as in `EffectGrid`.
        effects: values have a sign; if not, they are attention, in its usual colours.
        order: what rows and columns are, in words; labels: of rows and columns alike, if there is room.
    """
    figure, subplots = _subplots(groups)
    means = [defined_mean(per_prompt[..., group.rows]) for group in groups]
    limit = colour_limit(np.array(means), least) or 1.0
    for group, subplot, mean in zip(groups, subplots, means, strict=True):
        texts = [
            [
                f"{parts.literal(key)}: {(number if effects else size)(value)}<br>{group.text}"
                for key, value in zip(names, values, strict=True)
            ]
            for names, values in zip(keys, mean, strict=True)
        ]
        style = {"coloraxis": "coloraxis", "hoverongaps": False, "xgap": 1, "ygap": 1}
        figure.add_heatmap(z=mean.astype(np.float32), **style, **subplot, **parts.hover(texts))
    colours = {"colorscale": DIVERGING, "cmin": -limit} if effects else {"colorscale": ATTENTION, "cmin": 0}
    scale = {**colours, "cmax": limit, "reversescale": less_is_good, "colorbar": {"thickness": 12}}
    figure.update_layout(coloraxis=scale)
    figure.update_xaxes(showticklabels=False, **parts.PLAIN_AXIS)
    figure.update_yaxes(showticklabels=False, autorange="reversed", **parts.PLAIN_AXIS)
    if labels:
        named = {"showticklabels": True, "tickvals": list(range(len(labels))), "ticktext": list(labels), "tickangle": 0}
        figure.update_yaxes(**named, col=1)
        figure.update_xaxes(**named, row=-(-len(groups) // _ACROSS))
    note = f"{unit}; {order}; one colour scale for all of these"
    return _small_multiples(figure, groups, title, note, 30 + 14 * len(keys))


def defined_mean(per_prompt: np.ndarray) -> np.ndarray:
    """Return the mean over the prompts in which a value is defined; nan where it is in none."""
    there = ~np.isnan(per_prompt)
    count = there.sum(-1)
    return np.where(count, np.where(there, per_prompt, 0).sum(-1) / np.maximum(count, 1), np.nan)


@drawn_once
def template_bars(
    per_prompt: np.ndarray,
    groups: Sequence[TemplateGroup],
    cells: Sequence[str],
    title: str,
    unit: str,
    *,
    colours: Sequence[str] = (),
) -> go.Figure:
    """Draw a bar for each template and each of a few values, with a dot a prompt: too few for an interval.

    Args:
        per_prompt: [cell batch]; cells: names of the values, each of which has a column of its own.
        colours: of the cells; without them, blue for values from 0 up and red below.
    """
    figure = make_subplots(1, len(cells), subplot_titles=list(cells), shared_yaxes=True, horizontal_spacing=0.03)
    rows = np.arange(len(groups))
    dots = any(len(group.rows) > 1 for group in groups)
    for column, (cell, values) in enumerate(zip(cells, per_prompt, strict=True), 1):
        means = [float(values[group.rows].mean()) for group in groups]
        texts = [f"{cell}: {number(mean)} {unit}<br>{group.text}" for mean, group in zip(means, groups, strict=True)]
        subplot = {"row": 1, "col": column}
        style = {
            "marker_color": colours[column - 1] if colours else parts.by_sign(means),
            "opacity": 0.75 if dots else 1,
        }
        figure.add_bar(x=means, y=rows, orientation="h", **style, **subplot, **parts.hover(texts))
        if dots:
            at = [(n, int(row)) for n, group in enumerate(groups) for row in group.rows]
            x, y = [float(values[row]) for _, row in at], [n for n, _ in at]
            marker = {"color": DARK, "size": 6, "line": {"width": 1, "color": "#ffffff"}}
            texts = [f"prompt {row + 1}: {number(values[row])} {unit}" for _, row in at]
            figure.add_scatter(x=x, y=y, mode="markers", marker=marker, **subplot, **parts.hover(texts))
        figure.add_vline(x=float(values.mean()), line={"dash": "dot", "width": 1.5, "color": CORRUPTED}, col=column)
    name_rows(figure, [parts.literal(_short(group)) for group in groups])
    figure.update_yaxes(title=groups[0].by if dots else None, col=1)
    figure.update_xaxes(matches="x", zeroline=True)
    figure.update_annotations(font={"size": 12})
    note = f"{unit}; {'dots: prompts; ' * dots}dotted: mean over all"
    return parts.laid_out(figure, title, note, 130 + 24 * len(groups), top=85)


def _short(group: TemplateGroup) -> str:
    return group.name.removeprefix("template ") if group.by == "template" else group.name


def bars_width(cells: Sequence[str]) -> int:
    """Return the pixels below which `template_bars` is better scrolled than shrunk."""
    return 130 + 150 * len(cells)


def _subplots(groups: Sequence[TemplateGroup]) -> tuple[go.Figure, list[dict[str, int]]]:
    across = min(_ACROSS, len(groups))
    down = -(-len(groups) // across)
    gap = min(0.3 / down, 0.12)
    names = [parts.literal(group.name) for group in groups]
    figure = make_subplots(down, across, subplot_titles=names, vertical_spacing=gap, horizontal_spacing=0.03)
    return figure, [{"row": n // across + 1, "col": n % across + 1} for n in range(len(groups))]


def _small_multiples(figure: go.Figure, groups: Sequence[TemplateGroup], title: str, note: str, each: int) -> go.Figure:
    figure.update_annotations(font={"size": 12})
    down = -(-len(groups) // _ACROSS)
    return parts.laid_out(figure, title, note, 110 + down * (each + 45), top=85)
