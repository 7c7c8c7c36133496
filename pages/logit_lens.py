"""Logit lens: where in the model the answer appears, and which layers and heads write it."""

import streamlit as st

from app import url
from app.drawing.by_template import show_by_template, show_heatmaps_by_template
from app.drawing.by_template_charts import template_curves
from app.drawing.figure import show_figure
from app.drawing.frames import mean_frame
from app.logit_lens.charts import CELLS, head_heatmap, layer_bars, lens_curves, token_grid
from app.logit_lens.grid import grid_labels, shown_in
from app.logit_lens.requests import lens_requests
from app.logit_lens.tables import curves_frame, heads_frame, lens_frame
from app.logit_lens.words import head_effects, layer_effects, lens_story
from app.questions.compute import compute
from app.questions.shown import Shown
from app.shell.current_view import current_view
from app.shell.links import head_opener, open_head
from app.shell.title import headline, section
from app.shell.way import LOGIT_LENS
from app.words.effects import least, shows
from app.words.phrases import grouped_by, head_names, stage

view = current_view()
model, pairs, row = view.model, view.pairs, view.row

headline(
    LOGIT_LENS.question,
    "Read early, as if the model ended there: above 0 it prefers the right answer, **IO**; below 0, the other, **S**.",
    more="Layer by layer, the model adds to one running vector per token, the **residual stream**. Here it is read.",
)
of_final, of_layers, of_tokens, by_layer, by_head = requests = lens_requests(pairs, row)
final, per_layer, tokens, layers, heads = compute(model, *requests)
show_figure(
    "logit_lens_curve",
    lens_curves(final, per_layer) if shows(final.values, least()) else None,
    lens_story(final),
    lambda: curves_frame(final, per_layer),
    large=view.large,
    requests=[of_final, of_layers],
    first=True,
)
stages = [stage(label) for label in final.axes["stage"]]
show_by_template(
    view,
    "lens",
    final.per_prompt,
    stages,
    lambda groups: template_curves(
        final.per_prompt, groups, stages, f"logit_diff at END, by {grouped_by(pairs)}", "logits"
    ),
    requests=[of_final],
)

section(f"What would each layer say at each token of prompt {row + 1}?")
cells = st.radio("Each cell shows", CELLS, key=url.CELLS, bind="query-params", horizontal=True)
grid = grid_labels(model, pairs, row, tokens)
show_figure(
    "token_lens",
    token_grid(tokens, grid, cells),
    grid.story,
    lambda: lens_frame(model, pairs, row, tokens),
    large=view.large,
    requests=[of_tokens],
    shown=shown_in(cells),
    min_width=grid.pixels,
    from_right=True,
)

section("Which layers write the answer?")
show_figure(
    "attribution_by_layer",
    layer_bars(layers) if shows(layers.values, least()) else None,
    layer_effects(layers),
    lambda: mean_frame(layers),
    large=view.large,
    requests=[by_layer],
)

section("Which heads write the answer?")
st.write("Blue heads push towards the right answer, red heads towards the other. Click a head, or choose it below.")
show_figure(
    "attribution_by_head",
    head_heatmap(heads) if shows(heads.values, least()) else None,
    head_effects(heads),
    lambda: heads_frame(heads),
    large=view.large,
    requests=[by_head],
    shown=[Shown("per_prompt"), Shown("bias_per_prompt", axes=("layer", "prompt"))],
    min_width=110 + 46 * (heads.values.shape[1] + 1),
    on_click=open_head,
)
head_opener(model)
names = head_names(heads)
show_heatmaps_by_template(
    view, "heads", heads.per_prompt, names, f"Direct effect of heads, by {grouped_by(pairs)}", "logits",
    requests=[by_head], least=least(),
)  # fmt: skip
