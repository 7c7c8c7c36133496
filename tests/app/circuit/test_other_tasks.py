"""Breaking circuits on a task of one's own, whose only role is END."""

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.circuit.breaking.graph import circuit_figure, graph_of
from app.circuit.breaking.numbers import by_template
from app.circuit.members import places_of
from app.circuit.starts import EMPTY, FOUND, WHOLE, classes_of, starts_of
from app.drawing.by_template_charts import template_groups
from app.questions.twins import circuit_pairs, twins_story
from app.view import View
from app.words.phrases import number
from ioi_core import (
    Circuit,
    Head,
    Model,
    PromptPairs,
    completeness,
    evaluate_circuit,
    find_circuit,
    minimality,
    prompt_pairs,
)
from tests.app.circuit.part_pages import FRANCE
from tests.app.pages import assert_fine, body, holds, opened, says
from tests.models.random_pairs import random_pairs

pytestmark = pytest.mark.usefixtures("loader")

CLEAN = ("The capital of France is", "The capital of Spain is", "The capital of Germany is")
CORRUPTED = ("The capital of Italy is", "The capital of Italy is", "The capital of Italy is")
CAPITALS = {**FRANCE, "text": "\n".join(CLEAN), "corrupted": "\n".join(CORRUPTED)}
NOTHING = "Nothing is found: "

NAMES = {
    "text": "When John and Tom went to the shops, John gave the bag to",
    "corrupted": "When John and Amy went to the shops, John gave the bag to", "io": "Tom", "s": "Amy",
}  # fmt: skip
"""The demo model is good at these, though the wrong answer does not stand in them, so that they are no IOI prompts."""


def visit(**query: str) -> AppTest:
    return opened("../pages/circuit.py", **({"model": "ioi-demo"} | CAPITALS | query))


@pytest.fixture(scope="module")
def capitals(demo_model: Model) -> PromptPairs:
    return prompt_pairs(demo_model, list(CLEAN), list(CORRUPTED), "Paris", "Rome")


def numbers(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


@pytest.mark.parametrize(("query", "figures"), [({}, 3), (NAMES, 5)])
def test_it_opens_with_the_found_circuit(demo_model: Model, query: dict[str, str], figures: int) -> None:
    """Capitals need no head of this model, names need some at every position."""
    at = visit(**query)
    assert_fine(at)
    asked = CAPITALS | query
    pairs = prompt_pairs(demo_model, asked["text"].split("\n"), asked["corrupted"].split("\n"), asked["io"], asked["s"])
    found = find_circuit(demo_model, pairs)
    result = evaluate_circuit(demo_model, pairs, found.circuit)
    assert numbers(at)["logit_diff of the circuit"] == number(float(result.logit_diff))
    assert numbers(at)["of the whole model"] == number(float(result.model_logit_diff))
    captions = " ".join(text.value for text in at.caption)
    where = {"END": "all heads at END alone come close", "all": "all heads at END alone do not come close"}
    assert where[found.axes["role"][0]] in captions
    assert "no role but END" in captions
    assert "own corrupted prompts" in captions
    assert at.selectbox(key="circuit_start").options == [FOUND, EMPTY, WHOLE]
    assert at.selectbox(key="circuit_add_at").options == ["END", "all"]
    assert not [button for button in at.button if button.label.startswith("Take ")]
    assert len(at.get("plotly_chart")) == figures


@pytest.mark.parametrize("start", [EMPTY, WHOLE])
def test_heads_are_added_and_switched_at_end_and_everywhere(
    demo_model: Model, capitals: PromptPairs, start: str
) -> None:
    text = {EMPTY: "3.1, 2.4 at END 2.1:END -2.4", WHOLE: "-3.1 -2.0:all"}[start]
    circuit = Circuit({Head(3, 1): "all", Head(2, 4): "END", Head(2, 1): "END"})
    off = Circuit({Head(2, 4): "END"})
    if start == WHOLE:
        circuit, off = Circuit.full(demo_model), Circuit({Head(3, 1): "all", Head(2, 0): "all"})
    at = visit(circuit_start=start, circuit=text)
    assert_fine(at)
    result = completeness(demo_model, capitals, circuit, off)
    assert numbers(at)["logit_diff of the circuit"] == number(float(result.circuit_values))
    assert numbers(at)["of the whole model without the same heads"] == number(float(result.model_values))
    table, left = at.dataframe[0].value, circuit.without(off)
    assert table["on"].tolist() == [member in left.members for member in circuit.members]
    counts = minimality(demo_model, capitals, left).signed_scores
    assert table[table["on"]]["minimality_percent"].tolist() == pytest.approx((100 * counts).tolist(), abs=1e-2)


def test_roles_that_the_prompts_lack_are_left_out_in_words(demo_model: Model, capitals: PromptPairs) -> None:
    at = visit(circuit_start="heads with measured roles", circuit="1.1:S2")
    assert_fine(at)
    assert "that circuit is about IOI prompts" in body(at)
    assert "these prompts have no S2, only END" in body(at)
    assert holds(at, "circuit_start") == FOUND
    found = find_circuit(demo_model, capitals).circuit
    left_out = evaluate_circuit(demo_model, capitals, found)
    assert numbers(at)["logit_diff of the circuit"] == number(left_out.logit_diff)


def test_where_nothing_can_be_found_the_empty_circuit_is_shown_and_the_page_goes_on() -> None:
    at = visit(io="Rome", s="Paris")
    assert_fine(at)
    assert NOTHING in body(at)
    assert "No head on" in " ".join(says(at))
    at.selectbox(key="circuit_start").select(WHOLE).run()
    assert_fine(at)
    assert NOTHING not in body(at)
    at.selectbox(key="compare_other").select(f"start: {FOUND}").run()
    assert_fine(at)
    assert any("There is nothing to compare: " in text for text in says(at))


def test_the_papers_circuit_and_classes_are_about_ioi_alone(demo_model: Model, capitals: PromptPairs) -> None:
    gpt2 = replace(demo_model, is_gpt2_small=True)
    assert starts_of(gpt2, capitals) == (FOUND, EMPTY, WHOLE)
    assert classes_of(gpt2, capitals) == (False, {})
    assert places_of(capitals) == ("END", "all")


def test_the_graph_has_a_column_for_each_place_and_no_lines() -> None:
    circuit = Circuit({Head(0, 1): "all", Head(0, 2): "all", Head(2, 1): "END", Head(3, 0): ("END",)})
    graph = graph_of(circuit, Circuit({Head(3, 0): "END"}), {})
    assert [role for _, _, role in graph.columns] == ["END", "all"]
    assert len(set(graph.places.values())) == 4
    figure = circuit_figure(graph, 4, published=False)
    assert [len(trace.x) for trace in figure.data] == [3, 1], "heads that are on, heads that are off, nothing else"
    end, everywhere = figure.layout.xaxis.ticktext
    assert "END" in end
    assert everywhere == "everywhere"


def test_templates_of_another_task_are_named_by_number(small_model: Model) -> None:
    pairs = replace(random_pairs([8, 8, 8, 8], differ_from=2), templates=np.array([3, 3, 900, 900]))
    names = [template.name for template in by_template(pairs, evaluate_circuit(small_model, pairs, {}))]
    assert names == [group.name for group in template_groups(pairs)] == ["template 3", "template 900"]
    view = View(small_model, pairs, 0, "typed", large=False)
    assert circuit_pairs(view) is pairs
    assert "2 prompts each, 4 prompts in all" in twins_story(view, pairs)
    assert "mean is resample here" in twins_story(view, random_pairs([5, 5]))
