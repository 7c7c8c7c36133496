"""The Edges page as Streamlit runs it, without a browser."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.edges.plan import first_size
from app.words.phrases import in_percent, number, size
from ioi_core import (
    TASKS,
    EdgeGraph,
    Model,
    PromptPairs,
    arena_pairs,
    edge_curve,
    edge_scores,
    edges_as_json,
    evaluate_edges,
    ioi_dataset,
    minimal_edges,
    with_twins,
)
from tests.app.pages import assert_fine, body, opened, says
from tests.models.bundled import MOVERS

PAGE = "../pages/edges.py"
MOVER = MOVERS[0]

pytestmark = pytest.mark.usefixtures("loader")


def page(**query: str) -> AppTest:
    return opened(PAGE, model="ioi-demo", **query)


def strongest(model: Model, method: str, count: int, pairs: PromptPairs | None = None) -> list[tuple[str, str]]:
    """By its own ranking: a full sort, edge by edge."""
    scores, graph = edge_scores(model, pairs or arena_pairs(model), method), EdgeGraph.of(model)
    edges = [
        (-abs(scores.values[a, b]), a, b)
        for a in range(graph.n_senders)
        for b in range(graph.n_receivers)
        if graph.exists[a, b]
    ]
    return [(graph.senders[a], graph.receivers[b]) for _, a, b in sorted(edges)[:count]]


def test_the_page_says_what_the_core_computes(demo_model: Model) -> None:
    at = page()
    assert_fine(at)
    pairs, graph = arena_pairs(demo_model), EdgeGraph.of(demo_model)
    kept = strongest(demo_model, "exact", first_size(graph.n_edges))
    evaluation = evaluate_edges(demo_model, pairs, kept)
    said = f"{evaluation.n_edges:,} of {graph.n_edges:,} edges"
    [story] = [text for text in says(at) if said in text]
    assert f"recover {100 * evaluation.faithfulness:.0f} %" in story
    curve = edge_curve(demo_model, pairs, edge_scores(demo_model, pairs, "exact"))
    assert any(f"exact scores: CMD {size(curve.cmd)}, CPR {number(curve.cpr)}" in text for text in says(at))
    table = at.dataframe[0].value
    scores = edge_scores(demo_model, pairs, "exact")
    assert table["adds_to_logit_diff"].iloc[0] == pytest.approx(np.nanmax(np.abs(scores.values)), abs=1e-5)
    estimate = edge_scores(demo_model, pairs, "eap")
    both = np.isfinite(scores.values)
    r = np.corrcoef(scores.values[both], estimate.values[both])[0, 1]
    assert any(f"correlation {number(r)}" in text for text in says(at))


def test_an_edge_is_dropped_and_kept_by_buttons(demo_model: Model) -> None:
    at = page(edge_method="EAP", edge_sender=str(MOVER), edge_receiver="logits", part_edge="true")
    assert_fine(at)
    pairs, graph = arena_pairs(demo_model), EdgeGraph.of(demo_model)
    edges = strongest(demo_model, "eap", first_size(graph.n_edges))
    at.button(key="switch_edge").click().run()
    assert_fine(at)
    assert at.text_input(key="edge_changes").value == f"-{MOVER}->logits"
    without = evaluate_edges(demo_model, pairs, [edge for edge in edges if edge != (str(MOVER), "logits")])
    [story] = [text for text in says(at) if f"of {graph.n_edges:,} edges" in text]
    assert f">{without.n_edges:,} of" in story
    assert any("it is not kept" in text for text in says(at))
    at.button(key="switch_edge").click().run()
    assert at.text_input(key="edge_changes").value == ""


def test_hostile_links_are_refused_in_words() -> None:
    at = page(edge_method="<b>", edges_kept="1e9", edge_changes="<script>", edge_sender="zzz", edge_receiver="$x$")
    assert not at.exception
    assert "For now the changes are left out" in body(at)
    assert "No part of this model that sends is called" in body(at)
    assert "<script>alert" not in body(at)


def test_every_colour_of_the_graph_is_in_its_legend() -> None:
    at = page(edge_method="EAP", parts="closed")
    [graph] = [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")][:1]
    named = {trace["name"] for trace in graph["data"] if trace.get("showlegend")}
    assert {"MLP", "other head", "name mover"} <= named


def test_no_edge_and_all_edges(demo_model: Model) -> None:
    everything = f"{EdgeGraph.of(demo_model).n_edges:,}"
    for kept, run in (("0", "this is the corrupted run"), (everything, "this is the whole model")):
        at = page(edge_method="EAP", edges_kept=kept)
        assert_fine(at)
        assert any(run in text for text in says(at))
        assert not any("recover 0 %" in text or "recover 100 %" in text for text in says(at)), "says nothing"


def test_effects_are_number_words(demo_model: Model) -> None:
    at = page(edge_method="EAP", edge_sender=str(MOVER), edge_receiver="logits")
    scores = edge_scores(demo_model, arena_pairs(demo_model), "eap")
    value = -float(scores.at(sender=str(MOVER), receiver="logits").values)
    assert any(f"about {number(value).removeprefix('+')} logits to logit_diff" in text for text in says(at))


def test_the_smallest_circuit_is_judged_on_prompts_held_out(demo_model: Model) -> None:
    at = page(edge_method="EAP-IG", edges_bound="80")
    assert_fine(at)
    pairs = arena_pairs(demo_model)
    scores = edge_scores(demo_model, pairs[:4], "eap_ig")
    found = minimal_edges(demo_model, pairs[:4], scores, bound=0.8, held_out=pairs[4:])
    assert found.held_out is not None
    said = f"{found.evaluation.n_edges} edges recover {in_percent(found.evaluation.faithfulness)}, and "
    assert any(f"{said}{in_percent(found.held_out.faithfulness)} on prompts held out" in text for text in says(at))
    at.button(key="edges_smallest_on").click().run()
    assert_fine(at)
    kept = evaluate_edges(demo_model, pairs, found.edges)
    assert any(f">{kept.n_edges} of" in text and in_percent(kept.faithfulness) in text for text in says(at))


def test_a_circuit_of_heads_is_pasted_and_put_on_the_page(demo_model: Model) -> None:
    at = page(edge_method="EAP")
    heads = f"{MOVERS[0]}:END, {MOVERS[1]} at END"
    at.text_area(key="edges_pasted").set_value(heads).run()
    assert_fine(at)
    found = evaluate_edges(demo_model, arena_pairs(demo_model), heads)
    assert any(f"These are heads: {MOVERS[0]} and {MOVERS[1]}" in text for text in says(at))
    assert any(f"The pasted circuit recovers {in_percent(found.faithfulness)} here" in text for text in says(at))
    at.button(key="edges_pasted_on").click().run()
    assert_fine(at)
    assert at.text_input(key="edge_circuit").value == f"{MOVERS[0]} at all, {MOVERS[1]} at all"
    [story] = [text for text in says(at) if f"of {EdgeGraph.of(demo_model).n_edges:,} edges" in text]
    assert f">{found.n_edges:,} of" in story
    at.text_area(key="edges_pasted").set_value("9.14 and so on").run()
    assert not at.exception
    assert "nor a circuit as text" in body(at)


def test_a_circuit_in_a_link_is_shown_or_refused(demo_model: Model) -> None:
    edges = f"embed->{MOVER}<v>, {MOVER}->logits"
    found = evaluate_edges(demo_model, arena_pairs(demo_model), edges)
    at = page(edge_method="EAP", edge_circuit=edges, parts="closed")
    assert_fine(at)
    assert any(f">2 of {EdgeGraph.of(demo_model).n_edges:,} edges" in text for text in says(at))
    assert any(f"recover {in_percent(found.faithfulness)} of" in text for text in says(at))
    for refused in ("<b>x</b>", "99.9", "embed->nothing"):
        at = page(edge_method="EAP", edge_circuit=refused, parts="closed")
        assert not at.exception
        assert "For now the strongest edges are kept" in body(at)


def test_a_circuit_is_compared_on_other_prompts(demo_model: Model) -> None:
    at = page(edge_method="EAP", edges_other="prompts: another seed", edges_other_seed="5")
    assert_fine(at)
    pairs, others = arena_pairs(demo_model), ioi_dataset(demo_model, 8, seed=5)
    assert at.selectbox(key="edges_other").value == "prompts: another seed"
    mine = strongest(demo_model, "eap", first_size(EdgeGraph.of(demo_model).n_edges))
    theirs = strongest(demo_model, "eap", len(mine), others)
    both, either = len(set(mine) & set(theirs)), len(set(mine) | set(theirs))
    [agreed] = [text for text in says(at) if "of the edges in either circuit" in text]
    assert f"{in_percent(both / either)} of the edges" in agreed
    assert "8 prompts generated with seed 5, corrupted by S2 flip" in agreed
    assert "With the prompts drawn again" in agreed
    carried = evaluate_edges(demo_model, others, mine)
    assert any(
        f"The circuit above recovers {in_percent(carried.faithfulness)} on 8 prompts" in text for text in says(at)
    )
    at.selectbox(key="edges_other").set_value("prompts: corrupted by ABC").run()
    assert_fine(at)
    twins = with_twins(demo_model, pairs, "abc")
    carried = evaluate_edges(demo_model, twins, mine)
    assert any(f"recovers {in_percent(carried.faithfulness)} on the same prompts, corr" in text for text in says(at))
    at.selectbox(key="edges_other").set_value(f"prompts: {TASKS['docstring'].title}").run()
    assert not at.exception


def test_a_circuit_goes_out_and_comes_back(demo_model: Model) -> None:
    at = page(edge_method="EAP")
    edges = strongest(demo_model, "eap", 30)
    at.text_area(key="edges_pasted").set_value(edges_as_json(demo_model, edges)).run()
    assert_fine(at)
    found = evaluate_edges(demo_model, arena_pairs(demo_model), edges)
    assert any(f"The pasted circuit recovers {in_percent(found.faithfulness)} here" in text for text in says(at))
    at.text_area(key="edges_pasted").set_value('{"edges": "<b>"}').run()
    assert not at.exception
    assert "Give MIB&#x27;s circuit file" in body(at)
