"""A switch below a figure that shows a mean over prompts: the same, template by template."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.figures import show_figure
from app.template_charts import MOST, TemplateGroup, template_groups
from app.view import View
from ioi_core import bootstrap_interval

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
    """Offer small figures of each template, drawn only when they are wanted.

    Args:
        name: of the figure above; tells the switches and files of one page apart.
        per_prompt: [... batch] what the figure above shows the mean of; cells: what each of its values is called.
        draw: makes the figure, which scrolls sideways below `min_width` pixels.
    """
    groups = template_groups(view.pairs)
    if len(groups) < 2:
        return
    if not st.toggle("Template by template", key=f"templates_{name}", bind="query-params"):
        return
    n = len(set(view.pairs.templates.tolist()))
    more = f" The first {MOST} of {n} are shown." if n > len(groups) else ""
    show_figure(
        "by_template",
        draw(groups),
        f"One mean can hide how much prompts differ: here are {len(groups)} templates side by side.{more}",
        lambda: _frame(per_prompt, cells, groups),
        large=view.large,
        min_width=min_width,
        suffix=name,
    )


def _frame(per_prompt: np.ndarray, cells: Sequence[str], groups: Sequence[TemplateGroup]) -> pd.DataFrame:
    """The mean of every cell within each template, and how far it could have come out otherwise."""
    flat = per_prompt.reshape(-1, per_prompt.shape[-1])
    parts = [
        pd.DataFrame(
            {"template": group.name, "prompts": len(group.rows), "cell": cells, "mean": own.mean(-1)}
            | dict(zip(("low_95", "high_95"), bootstrap_interval(own), strict=True))
        )
        for group in groups
        for own in [flat[:, group.rows]]
    ]
    return pd.concat(parts, ignore_index=True)
