"""Path patching: which head acts on which, through queries, keys or values, one step after another."""

from functools import partial

import streamlit as st

from app import url
from app.drawing.by_template import show_heatmaps_by_template
from app.drawing.figure import show_figure
from app.drawing.look import refuse
from app.path_patching import charts, controls, tables, words
from app.path_patching.cells import active_senders, path_grid, sender_head, strong_senders
from app.path_patching.panels import show_graph, show_ranking, show_why
from app.path_patching.requests import path_request
from app.questions.classes import head_classes
from app.questions.compute import compute_all
from app.questions.shown import effects_shown
from app.questions.twins import mirror_story
from app.shell.current_view import current_view, end_page
from app.shell.links import head_links
from app.shell.title import Part, headline, show_parts
from app.shell.way import PATH_PATCHING
from app.words.choices import EFFECT_UNITS, scored
from app.words.effects import logits_a_unit
from app.words.phrases import grouped_by

view = current_view()
model, pairs = view.model, view.pairs

headline(
    PATH_PATCHING.question,
    "Each cell is a sender, patched for the receivers alone. **Red**: the right answer loses; **blue**: it gains.",
    more="A sender is a head or an MLP. The receivers alone get its output as if it came from the other prompt; every "
    "other head keeps its own. Start at the logits, click the strongest senders, and ask who acts on them.",
)
left, right = st.columns([4, 1])
with right:
    crumbs = st.container(horizontal=True, vertical_alignment="center", key="breadcrumb")
    steps = controls.trail_control(model, crumbs)
    choice = controls.path_controls(pairs)
requests = [path_request(pairs, step, choice) for step in steps]
results = compute_all(model, requests)
step, result = steps[-1], results[-1]
grid = path_grid(result)
if reason := words.nothing_to_draw(grid, result, step, pairs):
    with left:
        refuse(reason)
    end_page()

story = words.path_story(grid, result, step)
shown = bool(strong_senders(grid))
with left:
    show_figure(
        "path_heatmap",
        charts.path_heatmap(grid, result, step, charts.cells_of(grid, controls.picked_heads(model))) if shown else None,
        story + words.runs_story(result),
        lambda: tables.ranking_frame(grid, result, step),
        large=view.large,
        requests=requests[-1:],
        shown=effects_shown(),
        min_width=130 + 46 * len(grid.columns),
        on_click=controls.add_receiver,
        first=True,
    )
if mirrored := mirror_story(pairs):
    st.caption(mirrored)
if not shown:
    end_page()
show_heatmaps_by_template(
    view, "paths", grid.per_prompt, grid.keys, f"Change in {scored(result.metric)}, by {grouped_by(pairs)}",
    EFFECT_UNITS[result.metric],
    requests=requests[-1:], shown=effects_shown(), less_is_good=logits_a_unit(result) < 0, least=grid.least,
)  # fmt: skip
senders = [head for cell in active_senders(grid) if (head := sender_head(grid.keys[cell[0]][cell[1]]))]
source, classes = head_classes(model, pairs)
controls.next_control(model, steps, senders, classes, source)
head_links(controls.picked_heads(model) or senders[:3])

ranked = partial(tables.ranking_frame, grid, result, step)
why = partial(show_why, view, (*step.heads, *senders))
show_parts(
    Part("Who acts most, one by one", url.PART_SENDERS, lambda: show_ranking(ranked(), large=view.large)),
    Part("The paths found so far", url.PART_PATHS, partial(show_graph, view, steps, requests, results)),
    Part("Why does a head attend?", url.PART_WHY, why, holds=[url.WHY_HEAD, url.WHY_QUERY, url.WHY_KEY]),
)
