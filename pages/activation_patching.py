"""Activation patching: which activations carry the difference between the clean and the corrupted prompt."""

from functools import partial

import streamlit as st

from app import url
from app.activation_patching import cells, tables, words
from app.activation_patching.charts import patch_heatmap
from app.activation_patching.controls import cell_control, choose_cell, patch_controls
from app.activation_patching.panels import show_cell, show_estimate
from app.activation_patching.requests import patch_requests
from app.drawing.by_template import show_heatmaps_by_template
from app.drawing.figure import show_chart, show_figure
from app.drawing.look import refuse, says
from app.drawing.parts import columns_width
from app.questions.compute import compute, is_known
from app.questions.shown import Shown
from app.questions.twins import mirror_story
from app.shell.current_view import current_view, end_page
from app.shell.title import Part, headline, roles_caption, show_parts
from app.shell.way import ACTIVATION_PATCHING
from app.words.phrases import cannot_be_scaled, capitalised, grouped_by, until_twins_change

view = current_view()
model, pairs, row = view.model, view.pairs, view.row

headline(
    ACTIVATION_PATCHING.question,
    "Each cell moves one activation between the prompts of a pair. **Blue**: towards the clean run; **red**: away.",
    more="Scored by logit_diff or a probability, blue is towards the right answer. White: no effect.",
)
left, right = st.columns([4, 1])
figure = left.empty()
with right:
    choice = patch_controls(pairs)
    roles_caption(pairs)
estimate_request, exact_request = patch_requests(pairs, choice)
if not is_known(model, exact_request) and (estimate := compute(model, estimate_request)).undefined is None:
    with figure.container():
        st.caption("First-order estimate, shown until the exact runs are done.")
        sketch = patch_heatmap(cells.effect_grid(model, pairs, row, estimate), estimate, None)
        show_chart("sketch", sketch, large=view.large, first=True)
exact = compute(model, exact_request)
if exact.undefined is not None:
    figure.empty()
    with left:
        refuse(cannot_be_scaled(exact.undefined, pairs))
    end_page()

grid = cells.effect_grid(model, pairs, row, exact)
if not grid.per_prompt.any():
    figure.empty()
    with left:
        says(
            f"{capitalised(until)}."
            if (until := until_twins_change(pairs))
            else "Choose another place, or the ABC corruption: no cell changes anything here.\nWhat is patched is the "
            "same in both runs: an S2 flip, for one, leaves every position before S2 as it was."
        )
    end_page()
story = words.strongest(grid, exact)
if not grid.standing_out:
    with figure.container():
        told = f"{story} {words.runs_story(exact)}"
        show_figure(
            "patch_heatmap", None, told, lambda: tables.patch_frame(exact), large=view.large,
            requests=[exact_request], shown=[Shown("effects")],
        )  # fmt: skip
    end_page()
kind = "-".join(exact.axes)
with right:
    if choice.positions == "each" and "role" in exact.axes:
        st.caption("The prompts differ in length: roles stand for positions here.")
    cell = cell_control(grid, kind)
with figure.container():
    show_figure(
        "patch_heatmap",
        patch_heatmap(grid, exact, cell),
        f"{story} {words.runs_story(exact)}",
        lambda: tables.patch_frame(exact),
        large=view.large,
        requests=[exact_request],
        shown=[Shown("effects")],
        min_width=130 + columns_width(grid.columns, len(grid.columns)),
        from_right=any(grid.roles),
        on_click=partial(choose_cell, kind),
        first=True,
    )
if mirrored := mirror_story(pairs):
    st.caption(mirrored)

show_heatmaps_by_template(
    view, "patching", grid.per_prompt, grid.keys, f"Change in {choice.metric}, by {grouped_by(pairs)}", exact.unit,
    requests=[exact_request], shown=[Shown("effects")], less_is_good=choice.metric == "kl", least=grid.least,
)  # fmt: skip

closely = f"A closer look: {grid.names[cell[0]][cell[1]]}"
looked_at = partial(show_cell, view, exact_request, exact, grid, cell)
estimated = partial(show_estimate, view, estimate_request, exact_request, exact)
show_parts(
    Part(closely, url.PART_CELL, looked_at, holds=[url.cell(kind)]),
    Part("How good is the quick estimate?", url.PART_ESTIMATE, estimated),
)
