"""A switch below a figure that shows a mean over prompts: the same, template by template."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import url
from app.drawing import by_template_charts as charts
from app.drawing.by_template_charts import TemplateGroup, defined_mean
from app.drawing.figure import show_figure
from app.questions.shown import Requests, Shown, shown_by_default
from app.view import View
from app.words.phrases import grouped_by, number

_WIDTH = 720


def show_by_template(
    view: View,
    name: str,
    per_prompt: np.ndarray,
    cells: Sequence[str],
    draw: Callable[[Sequence[TemplateGroup]], go.Figure],
    *,
    requests: Requests,
    shown: Sequence[Shown] = (),
    min_width: int = _WIDTH,
) -> None:
    """Offer a small figure of each template, drawn on request; nothing with one template or no defined value.

    Args:
        name: of the figure above; its switch and file are named after it.
        per_prompt: [... batch] the values whose mean the figure above shows; cells: their names.
        requests, shown: as in `show_figure`, of the figure above.
        draw: makes the figure, which scrolls sideways below `min_width` pixels.
    """
    groups = charts.template_groups(view.pairs)
    if len(groups) < 2 or np.isnan(per_prompt).all():
        return
    by = grouped_by(view.pairs)
    if not st.toggle(f"{by} by {by}".capitalize(), key=url.by_template(name), bind="query-params"):
        return
    rows = tuple((group.name, tuple(group.rows.tolist())) for group in groups)
    show_figure(
        "by_template",
        draw(groups),
        _story(per_prompt.reshape(-1, per_prompt.shape[-1]), cells, groups, len(view.pairs), by),
        lambda: _frame(per_prompt, cells, groups),
        large=view.large,
        requests=requests,
        shown=[replace(one, groups=rows) for one in shown or shown_by_default(requests)],
        min_width=min_width,
        suffix=name,
    )


def show_heatmaps_by_template(
    view: View,
    name: str,
    per_prompt: np.ndarray,
    keys: Sequence[Sequence[str]],
    title: str,
    unit: str,
    *,
    requests: Requests,
    shown: Sequence[Shown] = (),
    **how: Any,
) -> None:
    """Offer `template_heatmaps`; `per_prompt` [row column batch], all else as there."""
    cells = [key for row in keys for key in row]
    show_by_template(
        view,
        name,
        per_prompt,
        cells,
        lambda groups: charts.template_heatmaps(per_prompt, groups, keys, title, unit, **how),
        requests=requests,
        shown=shown,
    )


def show_bars_by_template(
    view: View,
    name: str,
    per_prompt: np.ndarray,
    cells: Sequence[str],
    title: str,
    unit: str,
    *,
    requests: Requests,
    shown: Sequence[Shown] = (),
    **how: Any,
) -> None:
    """Offer `template_bars`; `per_prompt` [cell batch], all else as there."""
    show_by_template(
        view, name, per_prompt, cells,
        lambda groups: charts.template_bars(per_prompt, groups, cells, title, unit, **how),
        requests=requests, shown=shown, min_width=charts.bars_width(cells),
    )  # fmt: skip


def _story(flat: np.ndarray, cells: Sequence[str], groups: Sequence[TemplateGroup], n_prompts: int, by: str) -> str:
    """Say which cell differs most between groups; `flat` is [cell batch]."""
    means = np.stack([defined_mean(flat[:, group.rows]) for group in groups])
    spread = np.nan_to_num(np.fmax.reduce(means) - np.fmin.reduce(means), nan=-1)
    cell = int(spread.argmax())
    least, most = int(np.nanargmin(means[:, cell])), int(np.nanargmax(means[:, cell]))
    low, high = (number(float(means[n, cell])) for n in (least, most))
    text = f"Most apart: {cells[cell]}, from {low} ({groups[least].name}) to {high} ({groups[most].name})."
    if low == high:
        text = "All of these are alike."
    notes = []
    if by == "template" and all(len(group.rows) == 1 for group in groups):
        notes.append("Each of these prompts counts as a template of its own.")
    if sum(len(group.rows) for group in groups) < n_prompts:
        notes.append(f"Only the first {charts.MOST} {by}s are shown.")
    return "\n".join([text, *notes])


def _frame(per_prompt: np.ndarray, cells: Sequence[str], groups: Sequence[TemplateGroup]) -> pd.DataFrame:
    """Return mean, smallest and largest of every cell in each template: its prompts are too few for an interval."""
    flat = per_prompt.reshape(-1, per_prompt.shape[-1])
    parts = [
        pd.DataFrame(
            {group.by: group.name, "prompts": len(group.rows), "cell": cells, "mean": defined_mean(values),
             "smallest": np.fmin.reduce(values, -1), "largest": np.fmax.reduce(values, -1), "example": group.example}
        )
        for group in groups
        for values in [flat[:, group.rows]]
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)
