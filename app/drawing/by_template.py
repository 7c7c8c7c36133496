"""A switch below a figure that shows a mean over prompts: the same, template by template."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import url
from app.drawing.by_template_charts import (
    MOST,
    TemplateGroup,
    bars_width,
    defined_mean,
    template_bars,
    template_groups,
    template_heatmaps,
)
from app.drawing.figure import show_figure
from app.view import View
from app.words.phrases import number

_WIDTH = 720


def show_by_template(
    view: View,
    name: str,
    per_prompt: np.ndarray,
    cells: Sequence[str],
    draw: Callable[[Sequence[TemplateGroup]], go.Figure],
    *,
    min_width: int = _WIDTH,
) -> None:
    """Offer small figures of each template, drawn only when they are wanted; none where nothing is defined.

    Args:
        name: of the figure above; tells the switches and files of one page apart.
        per_prompt: [... batch] what the figure above shows the mean of; cells: what each of its values is called.
        draw: makes the figure, which scrolls sideways below `min_width` pixels.
    """
    groups = template_groups(view.pairs)
    if len(groups) < 2 or np.isnan(per_prompt).all():
        return
    if not st.toggle("Template by template", key=url.by_template(name), bind="query-params"):
        return
    show_figure(
        "by_template",
        draw(groups),
        _story(per_prompt.reshape(-1, per_prompt.shape[-1]), cells, groups, len(set(view.pairs.templates.tolist()))),
        lambda: _frame(per_prompt, cells, groups),
        large=view.large,
        min_width=min_width,
        suffix=name,
    )


def show_heatmaps_by_template(
    view: View, name: str, per_prompt: np.ndarray, keys: Sequence[Sequence[str]], title: str, unit: str, **how: Any
) -> None:
    """The same for a figure of cells; `per_prompt` [row column batch], `how` and all else as in `template_heatmaps`."""
    cells = [key for row in keys for key in row]
    show_by_template(
        view, name, per_prompt, cells, lambda groups: template_heatmaps(per_prompt, groups, keys, title, unit, **how)
    )


def show_bars_by_template(
    view: View, name: str, per_prompt: np.ndarray, cells: Sequence[str], title: str, unit: str, **how: Any
) -> None:
    """The same for a few numbers; `per_prompt` [cell batch], `how` and all else as in `template_bars`."""
    show_by_template(
        view, name, per_prompt, cells, lambda groups: template_bars(per_prompt, groups, cells, title, unit, **how),
        min_width=bars_width(cells),
    )  # fmt: skip


def _story(flat: np.ndarray, cells: Sequence[str], groups: Sequence[TemplateGroup], n_templates: int) -> str:
    """What differs most between templates; per_prompt as [cell batch]."""
    means = np.stack([defined_mean(flat[:, group.rows]) for group in groups])
    spread = np.nan_to_num(np.fmax.reduce(means) - np.fmin.reduce(means), nan=-1)
    cell = int(spread.argmax())
    least, most = int(np.nanargmin(means[:, cell])), int(np.nanargmax(means[:, cell]))
    said = (
        f"Most apart: {cells[cell]}, from {number(float(means[least, cell]))} ({groups[least].name}) to "
        f"{number(float(means[most, cell]))} ({groups[most].name})."
    )
    if all(len(group.rows) == 1 for group in groups):
        said += " Each of these prompts counts as a template of its own."
    if n_templates > len(groups):
        said += f" The first {MOST} of {n_templates} templates are shown."
    return said


def _frame(per_prompt: np.ndarray, cells: Sequence[str], groups: Sequence[TemplateGroup]) -> pd.DataFrame:
    """Mean, smallest and largest of every cell within each template: a few prompts are too few for an interval."""
    flat = per_prompt.reshape(-1, per_prompt.shape[-1])
    parts = [
        pd.DataFrame(
            {"template": group.name, "prompts": len(group.rows), "cell": cells, "mean": defined_mean(own),
             "smallest": np.fmin.reduce(own, -1), "largest": np.fmax.reduce(own, -1), "example": group.example}
        )
        for group in groups
        for own in [flat[:, group.rows]]
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)
