"""The panels of the Logit lens page: each asks for its own results, waits with progress, and draws."""

import streamlit as st

from app import url
from app.drawing.by_template import show_by_template, show_heatmaps_by_template
from app.drawing.by_template_charts import template_curves
from app.drawing.figure import show_figure
from app.drawing.frames import mean_frame
from app.logit_lens.charts import CELLS, head_heatmap, layer_bars, lens_curves, token_grid
from app.logit_lens.grid import grid_labels, shown_in
from app.logit_lens.requests import curve_requests, heads_request, layers_request, tokens_request
from app.logit_lens.tables import curves_frame, heads_frame, lens_frame
from app.logit_lens.words import head_effects, layer_effects, lens_story
from app.questions.compute import compute
from app.questions.ranking import ranking
from app.questions.shown import Shown
from app.shell.links import head_opener, open_head
from app.view import View
from app.words.effects import least, shows
from app.words.phrases import grouped_by, head_names, stage


def show_curves(view: View) -> None:
    """Draw logit_diff at END, read after each layer."""
    requests = curve_requests(view.pairs)
    final, per_layer = compute(view.model, *requests)
    show_figure(
        "logit_lens_curve",
        lens_curves(final, per_layer) if shows(final.values, least()) else None,
        lens_story(final),
        lambda: curves_frame(final, per_layer),
        large=view.large,
        requests=requests,
        first=True,
    )
    stages = [stage(label) for label in final.axes["stage"]]
    title = f"logit_diff at END, by {grouped_by(view.pairs)}"
    show_by_template(
        view, "lens", final.per_prompt, stages,
        lambda groups: template_curves(final.per_prompt, groups, stages, title, "logits"), requests=requests[:1],
    )  # fmt: skip


def show_tokens(view: View) -> None:
    """Draw what each layer would say at each token of the prompt shown."""
    request = tokens_request(view.pairs, view.row)
    tokens = compute(view.model, request)
    cells = st.radio("Each cell shows", CELLS, key=url.CELLS, bind="query-params", horizontal=True)
    grid = grid_labels(view.model, view.pairs, view.row, tokens)
    show_figure(
        "token_lens",
        token_grid(tokens, grid, cells),
        grid.story,
        lambda: lens_frame(view.model, view.pairs, view.row, tokens),
        large=view.large,
        requests=[request],
        shown=shown_in(cells),
        min_width=grid.pixels,
        from_right=True,
    )


def show_layers(view: View) -> None:
    """Draw the direct effect of each layer's attention and MLP."""
    request = layers_request(view.pairs)
    layers = compute(view.model, request)
    show_figure(
        "attribution_by_layer",
        layer_bars(layers) if shows(layers.values, least()) else None,
        layer_effects(layers),
        lambda: mean_frame(layers),
        large=view.large,
        requests=[request],
    )


def show_heads(view: View) -> None:
    """Draw the direct effect of each head."""
    request = heads_request(view.pairs)
    heads = compute(view.model, request)
    st.write("Blue heads push towards the right answer, red heads towards the other. Click a head, or choose it below.")
    show_figure(
        "attribution_by_head",
        head_heatmap(heads) if shows(heads.values, least()) else None,
        head_effects(heads),
        lambda: heads_frame(heads),
        large=view.large,
        requests=[request],
        shown=[Shown("per_prompt"), Shown("bias_per_prompt", axes=("layer", "prompt"))],
        min_width=110 + 46 * (heads.values.shape[1] + 1),
        on_click=open_head,
    )
    head_opener(view.model, *ranking(view.model, view.pairs, "direct effect").top(1))
    title = f"Direct effect of heads, by {grouped_by(view.pairs)}"
    show_heatmaps_by_template(
        view, "heads", heads.per_prompt, head_names(heads), title, "logits", requests=[request], least=least()
    )
