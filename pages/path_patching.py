"""Path patching: which head acts on which, through queries, keys or values, one step after another."""

from functools import partial

import streamlit as st

from app.drawing.by_template import show_bars_by_template, show_heatmaps_by_template
from app.drawing.figure import show_figure
from app.drawing.look import problem, says
from app.path_patching import charts, controls, tables, words
from app.path_patching.cells import active_senders, path_grid, sender_head, strong_senders, trail_edges
from app.path_patching.panels import show_ranking
from app.path_patching.requests import path_request, split_request
from app.questions.classes import head_classes
from app.questions.compute import compute, compute_all
from app.questions.shown import Shown, effects_shown
from app.questions.twins import mirror_story
from app.shell.current_view import current_view
from app.shell.links import head_links
from app.shell.title import headline, section
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
crumbs = st.container(horizontal=True, vertical_alignment="center", key="breadcrumb")
left, right = st.columns([4, 1])
with right:
    steps = controls.trail_control(model, crumbs)
    choice = controls.path_controls(pairs)
requests = [path_request(pairs, step, choice) for step in steps]
results = compute_all(model, requests)
step, result = steps[-1], results[-1]
grid = path_grid(result)
if reason := words.nothing_to_draw(grid, result, step):
    problem(reason)
    st.stop()

story = words.path_story(grid, result, step)
shown = bool(strong_senders(grid))
with left:
    show_figure(
        "path_heatmap",
        charts.path_heatmap(grid, result, step, charts.cells_of(grid, controls.picked_heads(model))) if shown else None,
        f"{story} {words.runs_story(result)}",
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
    st.stop()
show_heatmaps_by_template(
    view, "paths", grid.per_prompt, grid.keys, f"Change in {scored(result.metric)}, by {grouped_by(pairs)}",
    EFFECT_UNITS[result.metric],
    requests=requests[-1:], shown=effects_shown(), less_is_good=logits_a_unit(result) < 0, least=grid.least,
)  # fmt: skip
senders = [head for cell in active_senders(grid) if (head := sender_head(grid.keys[cell[0]][cell[1]]))]
source, classes = head_classes(model, pairs)
controls.next_control(model, steps, senders, classes, source)
head_links(controls.picked_heads(model) or senders[:3])

section("Who acts most, one by one")
show_ranking(tables.ranking_frame(grid, result, step), large=view.large)

section("The paths found so far")
edges = [edge for n in range(len(steps)) for edge in trail_edges(path_grid(results[n]), steps, n)]
show_figure(
    "path_graph",
    charts.edge_graph(edges, steps, result, model.cfg.n_layers),
    words.graph_story(steps),
    lambda: tables.edges_frame(edges, steps, result.metric),
    large=view.large,
    requests=requests,
    shown=[one for n in range(len(steps)) for one in effects_shown(n)],
    min_width=560,
    from_right=True,
)

section("Why does a head attend?")
if len(pairs.roles) < 2:
    st.write("These prompts have no roles to attend to: only END is known.")
    st.stop()
head, query, key = controls.attention_control(view, (*step.heads, *senders))
request = split_request(pairs, head, query, key)
split = compute(model, request)
says(words.split_story(split))
for n, (column, side) in enumerate(zip(st.columns(2), split.axes["side"], strict=True)):
    one_side = [Shown("per_prompt", cells=(n,))]
    with column:
        show_figure(
            "path_split",
            charts.split_bars(split, side),
            "",
            partial(tables.split_frame, split, side),
            large=view.large,
            requests=[request],
            shown=one_side,
            suffix=side,
        )
        names, shares = words.split_shares(split, side, 2)
        title = f"Shares of head {head}'s {side} side, by {grouped_by(pairs)}"
        show_bars_by_template(
            view, f"split_{side}", shares, names, title, split.unit, requests=[request], shown=one_side
        )
