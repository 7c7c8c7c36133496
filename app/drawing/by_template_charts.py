"""One figure for each template, small and side by side: what a mean over all prompts may hide."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.colours import ATTENTION, CORRUPTED, DARK, DIVERGING, FAVOURS_IO
from app.drawing import parts
from app.drawing.bars import name_rows
from app.drawing.kept import drawn_once
from app.words.phrases import prompts
from ioi_core import PromptPairs
from ioi_core.prompts.templates import TEMPLATES

_ACROSS = 4
MOST = 16
"""More small figures than these do not fit a screen."""


@dataclass(frozen=True)
class TemplateGroup:
    """The prompts of one template.

    Attributes:
        name: the template, or the prompt where each prompt has a template of its own.
        rows: which prompts are its.
        example: the first of them.
    """

    name: str
    rows: np.ndarray
    example: str

    @property
    def said(self) -> str:
        """The group in words that Plotly shows as they are, with its first prompt."""
        many = f" ({prompts(len(self.rows))}, such as:)" if len(self.rows) > 1 else ":"
        lines = textwrap.wrap(self.example, 70)
        return "<br>".join([f"{parts.literal(self.name)}{many}", *map(parts.literal, lines)])


def template_groups(pairs: PromptPairs) -> list[TemplateGroup]:
    """The templates of these prompts, in the order in which they first occur; at most `MOST`."""
    numbers, first = np.unique(pairs.templates, return_index=True)
    ordered = numbers[np.argsort(first)][:MOST]
    generated = len(pairs) > len(numbers)
    groups = []
    for number in map(int, ordered):
        rows = np.flatnonzero(pairs.templates == number)
        name = f"template {number}, {TEMPLATES[number].order}" if generated else f"prompt {rows[0] + 1}"
        groups.append(TemplateGroup(name, rows, pairs.clean_text[rows[0]]))
    return groups


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
        said = [f"{one}: {value:+.2f} {unit}<br>{group.said}" for one, value in zip(where, own, strict=True)]
        behind = {"color": CORRUPTED, "dash": "dot", "width": 1.5}
        figure.add_scatter(x=x, y=overall, mode="lines", line=behind, hoverinfo="skip", **place)
        line = {"color": FAVOURS_IO, "width": 2.5}
        figure.add_scatter(x=x, y=own, mode="lines", line=line, **place, **parts.hover(said))
    figure.update_xaxes(showticklabels=False, showgrid=False)
    figure.update_yaxes(matches="y", zeroline=True)
    return _small(figure, groups, title, f"{unit}; dotted: mean over all prompts", 150)


@drawn_once
def template_heatmaps(
    per_prompt: np.ndarray,
    groups: Sequence[TemplateGroup],
    keys: Sequence[Sequence[str]],
    title: str,
    unit: str,
    *,
    less_is_good: bool = False,
    order: str = "rows and columns as above",
    labels: Sequence[str] = (),
    effects: bool = True,
) -> go.Figure:
    """One heatmap a template, all on one scale.

    Args:
        per_prompt: [row column batch], nan where nothing is defined: a mean is over the prompts where it is, or empty;
            keys: [row][column] what each cell is called.
        effects: they go both ways; if not, they are attention, in the colours that it has everywhere.
        order: what rows and columns are; labels: of rows and columns alike, where there is room for them.
    """
    figure, places = _side_by_side(groups)
    means = [defined_mean(per_prompt[..., group.rows]) for group in groups]
    reach = float(np.nanmax(np.abs(means), initial=0)) or 1.0
    for group, place, mean in zip(groups, places, means, strict=True):
        said = [
            [
                f"{parts.literal(key)}: {value:{'+' * effects}.3f}<br>{group.said}"
                for key, value in zip(names, values, strict=True)
            ]
            for names, values in zip(keys, mean, strict=True)
        ]
        look = {"coloraxis": "coloraxis", "hoverongaps": False, "xgap": 1, "ygap": 1}
        figure.add_heatmap(z=mean.astype(np.float32), **look, **place, **parts.hover(said))
    colours = {"colorscale": DIVERGING, "cmin": -reach} if effects else {"colorscale": ATTENTION, "cmin": 0}
    scale = {**colours, "cmax": reach, "reversescale": less_is_good, "colorbar": {"thickness": 12}}
    figure.update_layout(coloraxis=scale)
    figure.update_xaxes(showticklabels=False, **parts.PLAIN_AXIS)
    figure.update_yaxes(showticklabels=False, autorange="reversed", **parts.PLAIN_AXIS)
    if labels:
        named = {"showticklabels": True, "tickvals": list(range(len(labels))), "ticktext": list(labels), "tickangle": 0}
        figure.update_yaxes(**named, col=1)
        figure.update_xaxes(**named, row=-(-len(groups) // _ACROSS))
    note = f"{unit}; {order}; one colour scale for all of these"
    return _small(figure, groups, title, note, 30 + 14 * len(keys))


def defined_mean(per_prompt: np.ndarray) -> np.ndarray:
    """Mean over the prompts in which a value is defined; nan where it is in none."""
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
    """One bar a template for each of a few values, and a dot for each of its prompts: too few for an interval.

    Args:
        per_prompt: [cell batch]; cells: what each value is called, side by side in columns of their own.
        colours: of the cells; without them, blue favours IO and red favours S.
    """
    figure = make_subplots(1, len(cells), subplot_titles=list(cells), shared_yaxes=True, horizontal_spacing=0.03)
    rows = np.arange(len(groups))
    dots = any(len(group.rows) > 1 for group in groups)
    for column, (cell, own) in enumerate(zip(cells, per_prompt, strict=True), 1):
        means = [float(own[group.rows].mean()) for group in groups]
        said = [f"{cell}: {mean:+.3f} {unit}<br>{group.said}" for mean, group in zip(means, groups, strict=True)]
        place = {"row": 1, "col": column}
        look = {
            "marker_color": colours[column - 1] if colours else parts.by_sign(means),
            "opacity": 0.75 if dots else 1,
        }
        figure.add_bar(x=means, y=rows, orientation="h", **look, **place, **parts.hover(said))
        if dots:
            at = [(n, int(row)) for n, group in enumerate(groups) for row in group.rows]
            x, y = [float(own[row]) for _, row in at], [n for n, _ in at]
            marker = {"color": DARK, "size": 6, "line": {"width": 1, "color": "#ffffff"}}
            said = [f"prompt {row + 1}: {own[row]:+.3f} {unit}" for _, row in at]
            figure.add_scatter(x=x, y=y, mode="markers", marker=marker, **place, **parts.hover(said))
        figure.add_vline(x=float(own.mean()), line={"dash": "dot", "width": 1.5, "color": CORRUPTED}, col=column)
    name_rows(figure, [parts.literal(group.name.removeprefix("template ")) for group in groups])
    figure.update_yaxes(title="template" if dots else None, col=1)
    figure.update_xaxes(matches="x", zeroline=True)
    figure.update_annotations(font={"size": 12})
    note = f"{unit}; {'dots: prompts; ' * dots}dotted: mean over all"
    return parts.laid_out(figure, title, note, 130 + 24 * len(groups), top=85)


def bars_width(cells: Sequence[str]) -> int:
    """Pixels below which `template_bars` is better scrolled than shrunk."""
    return 130 + 150 * len(cells)


def _side_by_side(groups: Sequence[TemplateGroup]) -> tuple[go.Figure, list[dict[str, int]]]:
    across = min(_ACROSS, len(groups))
    down = -(-len(groups) // across)
    gap = min(0.3 / down, 0.12)
    names = [parts.literal(group.name) for group in groups]
    figure = make_subplots(down, across, subplot_titles=names, vertical_spacing=gap, horizontal_spacing=0.03)
    return figure, [{"row": n // across + 1, "col": n % across + 1} for n in range(len(groups))]


def _small(figure: go.Figure, groups: Sequence[TemplateGroup], title: str, note: str, each: int) -> go.Figure:
    figure.update_annotations(font={"size": 12})
    down = -(-len(groups) // _ACROSS)
    return parts.laid_out(figure, title, note, 110 + down * (each + 45), top=85)
