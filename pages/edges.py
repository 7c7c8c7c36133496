"""Edges: which connections between the model's parts carry the answer, and how few of them are enough."""

from functools import partial

import streamlit as st

from app import url
from app.drawing.figure import show_foot
from app.drawing.look import says
from app.edges import carried, panels, tables, words
from app.edges.controls import given_control, method_control, plan_control, size_control
from app.edges.plan import Changes, Plan
from app.edges.requests import scores_request
from app.questions.compute import compute, is_known
from app.shell.current_view import current_view, end_page
from app.shell.title import Part, headline, roles_caption, show_parts
from app.shell.way import EDGES
from ioi_core import EdgeGraph

view = current_view()
model, pairs = view.model, view.pairs
graph = EdgeGraph.of(model)

headline(
    EDGES.question,
    "Lines are connections that still work; all others carry the corrupted prompt. **Blue** helps the right answer.",
    more="A line is an edge: what one part writes and a later part reads, at all positions. Heads are in columns, "
    "layers go upwards. Red lines help the wrong answer.",
)
left, right = st.columns([4, 1])
figure = left.empty()
with right:
    method = method_control(graph, len(pairs))
    number = size_control(graph)
    given = given_control(graph)
    roles_caption(pairs)
request = scores_request(pairs, method)
if not is_known(model, request) and method != "eap":
    estimate = compute(model, scores_request(pairs, "eap"))
    if words.has_edges(estimate):
        with figure.container():
            panels.show_sketch(view, Plan(graph, estimate, number, Changes(), given))
scores = compute(model, request)
if not words.has_edges(scores):
    with figure.container():
        says(words.nothing_story(scores))
        everything = Plan(graph, scores, graph.n_edges, Changes())
        show_foot("edge_table", "", partial(tables.edges_frame, everything), requests=[request])
    end_page()
with right:
    plan = plan_control(graph, scores, number, given)
with figure.container():
    panels.show_graph(view, plan, request)

chosen_by, compared_with = [url.EDGE_SENDER, url.EDGE_RECEIVER], [url.EDGES_OTHER, url.EDGES_OTHER_SEED]
compared, smallest = partial(panels.show_comparison, view, plan), partial(carried.show_smallest, view, plan)
show_parts(
    Part("How many edges are enough?", url.PART_CURVE, partial(panels.show_curve, view, plan)),
    Part("What does one edge do?", url.PART_EDGE, partial(panels.show_edge, view, plan, request), holds=chosen_by),
    Part("How good are the estimates?", url.PART_ESTIMATES, partial(panels.show_estimate, view, plan)),
    Part("How sure is this choice of edges?", url.PART_AGREEMENT, compared, holds=compared_with),
    Part("What is the smallest circuit?", url.PART_SMALLEST, smallest, holds=[url.EDGES_BOUND]),
    Part("From and to other tools", url.PART_FILES, partial(carried.show_files, view, plan)),
)
