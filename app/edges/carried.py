"""Panels that find a small circuit, take circuits out to other tools, and read theirs."""

from functools import partial

import streamlit as st

import ioi_core
from app.drawing.figure import show_foot
from app.drawing.look import refuse, says
from app.drawing.table import show_frame
from app.edges import tables, words
from app.edges.compared import agreement
from app.edges.controls import LONGEST, bound_control, put_button
from app.edges.plan import ARROW, Plan, circuit_text
from app.edges.requests import circuit_request, scores_request, smallest_request
from app.questions.compute import compute
from app.questions.halves import halves
from app.questions.shown import Shown
from app.take_home.copying import copyable
from app.take_home.menu import download_button
from app.take_home.record import in_a_file_name
from app.view import View
from ioi_core import Circuit, IOIError, parse_edges
from ioi_core.edges.neuronpedia import has_viewer_layers

_LONGEST = 400_000  # letters: MIB's JSON of the bundled model is 80,000


def show_smallest(view: View, plan: Plan) -> None:
    """Draw the edges of a circuit as small as can be found, and say how it does on prompts held out."""
    bound = bound_control()
    scoring = scores_request(halves(view.pairs)[0], plan.scores.method)
    asked = smallest_request(view.pairs, compute(view.model, scoring), bound)
    try:
        found = compute(view.model, asked)
    except IOIError as error:
        refuse(error)
        return
    edges = [ARROW.join(edge) for edge in found.edges]
    frame = tables.circuit_frame(found.evaluation)
    show_frame("edge_smallest", frame, alt="The edges of the smallest circuit found", large=view.large)
    shown = [Shown("evaluation.per_prompt", 1)] + [Shown("held_out.per_prompt", 1)] * (found.held_out is not None)
    show_foot(
        "edge_smallest", words.smallest_story(found, len(view.pairs)), lambda: frame, requests=[scoring, asked],
        shown=shown,
    )  # fmt: skip
    put_button(circuit_text(edges), "edges_smallest_on")


def show_files(view: View, plan: Plan) -> None:
    """Offer the circuit in the formats of other tools, and run one of theirs."""
    model, name, edges = view.model, in_a_file_name(view.model.name), list(plan.names)
    with st.container(horizontal=True):
        write = partial(ioi_core.edges_as_json, model, edges, plan.scores)
        download_button("MIB's JSON", write, f"{name}_edges_mib.json", "application/json", key="edges-mib")
        table = partial(ioi_core.edges_as_csv, model, edges, plan.scores)
        download_button("CSV", table, f"{name}_edges.csv", "text/csv", key="edges-csv")
        if edges and has_viewer_layers(plan.graph, plan.pruned):
            graph = partial(ioi_core.edges_as_neuronpedia, model, view.pairs, edges, plan.scores)
            file = f"{name}_edges_graph.json"
            download_button("Graph for Neuronpedia", graph, file, "application/json", key="edges-graph")
    if edges and len(text := circuit_text(edges)) <= LONGEST:
        copyable("Copy the edges", text, "edges")
    st.caption(
        "In Python: `ioi_core.read_edges(model, path)` reads the first two, and this text, of edges or of heads."
    )
    text = st.text_area(
        "A circuit from elsewhere, pasted: MIB's JSON, a CSV, edges or heads", key="edges_pasted", max_chars=_LONGEST,
        height=100,
    )  # fmt: skip
    if text.strip():
        _show_theirs(view, plan, text)


def _show_theirs(view: View, plan: Plan, text: str) -> None:
    """Run a circuit from elsewhere, and say how far it agrees with the one of the page."""
    try:
        theirs = parse_edges(view.model, text)
    except IOIError as error:
        refuse(error)
        return
    names = [ARROW.join(edge) for edge in theirs.edges]
    if theirs.heads is not None:
        says(words.heads_story(theirs.heads, len(names)))
    says(words.imported_story(compute(view.model, circuit_request(view.pairs, names)), len(names)))
    found = agreement(plan.graph, plan.mask, plan.graph.mask(names))
    says(words.agreement_story("the circuit above, and the pasted one", found))
    put_button(circuit_text(names) if theirs.heads is None else str(Circuit(theirs.heads)), "edges_pasted_on")
