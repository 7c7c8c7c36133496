"""Panels of the Edges page: the graph, its parts below, each asking for its own numbers."""

from collections.abc import Callable
from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.drawing.figure import show_chart, show_figure, show_foot
from app.drawing.look import refuse, says
from app.drawing.table import number_column, show_frame
from app.edges import charts, tables, words
from app.edges.compared import agreement, overlaps_between, overlaps_when_resampled
from app.edges.controls import clicked, compared_with, edge_control
from app.edges.graph import drawn_edges, edge_graph, width_of
from app.edges.other_prompts import OtherPrompts, other_prompts
from app.edges.plan import Plan
from app.edges.requests import circuit_request, curve_request, scores_request
from app.questions.ask import Request
from app.questions.classes import head_classes
from app.questions.compute import compute, compute_all, is_known
from app.questions.shown import Shown
from app.view import View
from ioi_core import EdgeEvaluation, EdgeScores, IOIError
from ioi_core.edges.evaluation import strongest_mask

_ROWS = 30
_WORST = 2


def show_graph(view: View, plan: Plan, request: Request[EdgeScores]) -> None:
    """Draw the circuit, and say how much it recovers."""
    asked = circuit_request(view.pairs, plan.names)
    figure, story = _graph(view, plan, asked)
    show_figure(
        "edge_graph", figure, story, partial(tables.edges_frame, plan), large=view.large, requests=[asked, request],
        shown=[Shown("per_prompt"), Shown("values", 1)], min_width=width_of(plan),
        on_click=partial(clicked, plan.graph), first=True,
    )  # fmt: skip


def show_sketch(view: View, plan: Plan) -> None:
    """Draw the circuit by quick scores, until those that were asked for are there."""
    figure, _ = _graph(view, plan, circuit_request(view.pairs, plan.names))
    st.caption("By EAP, an estimate, until the scores that were asked for are there.")
    show_chart("edge_sketch", figure, large=view.large, min_width=width_of(plan), first=True)


def _graph(view: View, plan: Plan, asked: Request[EdgeEvaluation]) -> tuple[go.Figure, str]:
    evaluation = compute(view.model, asked)
    _, classes = head_classes(view.model, view.pairs)
    figure = edge_graph(plan, drawn_edges(plan), evaluation, classes, low=view.large)
    return figure, words.circuit_story(plan, evaluation)


def show_curve(view: View, plan: Plan) -> None:
    """Draw faithfulness over the number of edges, by every method that is known."""
    methods = [method for method in words.METHODS if _is_there(view, plan, method)]
    scores = dict(zip(methods, _scores(view, methods), strict=True))
    asked = {method: curve_request(view.pairs, scores[method]) for method in methods}
    curves = dict(zip(methods, compute_all(view.model, list(asked.values())), strict=True))
    requests = [one for method in methods for one in (scores_request(view.pairs, method), asked[method])]
    kept = int(plan.mask.sum()) / plan.graph.n_edges
    undefined = any(curve.no_fraction for curve in curves.values())
    show_figure(
        "edge_curve",
        None if undefined else charts.curve_figure(curves, kept),
        words.curve_story(curves),
        partial(tables.curve_frame, curves),
        large=view.large,
        requests=requests,
        shown=[Shown("per_prompt", 2 * n + 1) for n in range(len(methods))],
    )
    _say_what_is_missing(methods)


def _is_there(view: View, plan: Plan, method: str) -> bool:
    """Return whether a method's scores are asked for: the chosen one's, quick ones, others that are known anyway."""
    return method in (plan.scores.method, "eap") or is_known(view.model, scores_request(view.pairs, method))


def _scores(view: View, methods: list[str]) -> list[EdgeScores]:
    return compute_all(view.model, [scores_request(view.pairs, method) for method in methods])


def _say_what_is_missing(methods: list[str]) -> None:
    if missing := [words.METHOD_NAMES[method] for method in words.METHODS if method not in methods]:
        st.caption(f"Choose {' or '.join(missing)} beside the graph to add its curve.")


def show_estimate(view: View, plan: Plan) -> None:
    """Draw an estimate against the exact scores."""
    method = "eap_ig" if plan.scores.method == "eap_ig" else "eap"
    exact, estimate = _scores(view, ["exact", method])
    r = words.correlation(estimate, exact)
    off = np.abs(np.nan_to_num(estimate.values - exact.values))
    worst = [divmod(int(at), plan.graph.n_receivers) for at in np.argsort(-off, axis=None, kind="stable")[:_WORST]]
    figure = charts.estimate_scatter(estimate, exact, r) if words.has_edges(exact) else None
    show_figure(
        "edge_estimate",
        figure,
        words.estimate_story(estimate, exact, r, worst),
        partial(tables.estimate_frame, estimate, exact),
        large=view.large,
        requests=[scores_request(view.pairs, method), scores_request(view.pairs, "exact")],
        shown=[Shown("values", 0), Shown("values", 1)],
    )


def show_edge(view: View, plan: Plan, request: Request[EdgeScores]) -> None:
    """Say what one edge does, and list the strongest."""
    edge = edge_control(plan)
    exact = None
    if plan.scores.estimate and is_known(view.model, scores_request(view.pairs, "exact")):
        [exact] = _scores(view, ["exact"])
    says(words.edge_story(plan, exact, edge))
    frame = tables.edges_frame(plan, exact, _ROWS)
    columns = {
        "adds_to_logit_diff": number_column("adds to logit_diff", "logits"),
        "receiver_input": st.column_config.TextColumn("input", help="q: queries, k: keys, v: values"),
    }
    show_frame("edge_table", frame.drop(columns="method"), alt="The strongest edges", large=view.large, columns=columns)
    show_foot("edge_table", "", partial(tables.edges_frame, plan, exact), requests=[request], shown=[Shown("values")])


def show_comparison(view: View, plan: Plan) -> None:
    """Say how far the circuit agrees with one of another method or of other prompts, and how steady it is by itself."""
    kinds = other_prompts(view)
    method, chosen = compared_with(plan.scores.method, kinds)
    if method is not None:
        [scores] = _scores(view, [method])
        _say_agreement(plan, scores, f"by {words.METHOD_NAMES[method]}", paired=True)
    else:
        _compare_prompts(view, plan, kinds[chosen])
    overlaps = overlaps_when_resampled(plan.graph, plan.scores, plan.number)
    says(words.stability_story(overlaps, plan.number, plan.scores.n_prompts))


def _compare_prompts(view: View, plan: Plan, made: Callable[[], OtherPrompts]) -> None:
    """Say the same of other prompts, and how the circuit does there."""
    try:
        others = made()
        scores = compute(view.model, scores_request(others.pairs, plan.scores.method))
        carried = compute(view.model, circuit_request(others.pairs, plan.names))
    except IOIError as error:
        refuse(error)
        return
    says(words.carried_story(carried, others.name))
    if words.has_edges(scores):
        _say_agreement(plan, scores, f"on {others.name}", paired=False)
    else:
        says(words.nothing_story(scores))


def _say_agreement(plan: Plan, scores: EdgeScores, which: str, *, paired: bool) -> None:
    number, graph = int(plan.mask.sum()), plan.graph
    theirs = strongest_mask(graph, scores.values, number)
    overlaps = overlaps_between(graph, plan.scores, scores, number, paired=paired)
    what = f"the circuit above, and the {number:,} strongest {which}"
    sizes = min(plan.scores.n_prompts, scores.n_prompts)
    says(words.agreement_story(what, agreement(graph, plan.mask, theirs), overlaps if sizes > 1 else None))
