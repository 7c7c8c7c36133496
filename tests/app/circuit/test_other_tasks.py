"""Breaking circuits on a task of one's own, whose only role is END."""

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.circuit.breaking.graph import circuit_figure, graph_of
from app.circuit.breaking.numbers import by_template
from app.circuit.members import places_of
from app.circuit.starts import EMPTY, FOUND, FOUND_ON_HALF, WHOLE, classes_of, starts_of
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
from tests.app.pages import assert_fine, body, holds, opened, says
from tests.models.bundled import INDUCTION, INHIBITION, MOVERS
from tests.models.random_pairs import random_pairs

pytestmark = pytest.mark.usefixtures("loader")

EVENTS = (("John", "shops", "the bag"), ("Dan", "park", "the ball"), ("Mark", "school", "a drink"))
CLEAN = tuple(f"When {giver} and Tom went to the {place}, {giver} gave {thing} to" for giver, place, thing in EVENTS)
CORRUPTED = tuple(text.replace("Tom", "Amy") for text in CLEAN)
OTHERS = {"prompts": "own", "text": "\n".join(CLEAN), "corrupted": "\n".join(CORRUPTED), "io": "Tom", "s": "Amy"}
"""The demo model is good at these, though the wrong answer does not stand in them, so that they are no IOI prompts."""
NOTHING = "Choose prompts on which the model prefers the right answer. For now there is no circuit to start from."

ELSEWHERE = {"text": CLEAN[0], "corrupted": "When Amy and Kate went to the shops, Kate gave the bag to"}
"""They differ where heads before END matter."""

LAST = {"text": "The bag is for Mary", "corrupted": "The bag is for John", "io": "Mary", "s": "John"}
"""They differ at END alone, so that heads at END make all of the difference."""


def visit(**query: str) -> AppTest:
    return opened("../pages/circuit.py", **({"model": "ioi-demo"} | OTHERS | query))


@pytest.fixture(scope="module")
def others(demo_model: Model) -> PromptPairs:
    return prompt_pairs(demo_model, list(CLEAN), list(CORRUPTED), "Tom", "Amy")


def numbers(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


@pytest.mark.parametrize(("query", "place"), [(ELSEWHERE, "all"), (LAST, "END")])
def test_it_opens_with_the_found_circuit(demo_model: Model, query: dict[str, str], place: str) -> None:
    at = visit(**query)
    assert_fine(at)
    asked = OTHERS | query
    pairs = prompt_pairs(demo_model, asked["text"].split("\n"), asked["corrupted"].split("\n"), asked["io"], asked["s"])
    found = find_circuit(demo_model, pairs)
    result = evaluate_circuit(demo_model, pairs, found.circuit)
    assert numbers(at)["logit_diff of the circuit"] == number(float(result.logit_diff))
    assert numbers(at)["of the whole model"] == number(float(result.model_logit_diff))
    assert found.axes["role"] == (place,)
    captions = " ".join(text.value for text in at.caption)
    where = {"END": "all heads at END alone come close", "all": "all heads at END alone do not come close"}
    assert where[found.axes["role"][0]] in captions
    assert "no role but END" in captions
    assert "in the corrupted prompts of these pairs" in captions
    assert at.selectbox(key="circuit_start").options == [FOUND, FOUND_ON_HALF, EMPTY, WHOLE]
    assert at.selectbox(key="circuit_add_at").options == ["END", "all"]
    assert not [button for button in at.button if button.label.startswith("Take ")]
    assert len(at.get("plotly_chart")) == (5 if found.circuit else 3)


@pytest.mark.parametrize("start", [EMPTY, WHOLE])
def test_heads_are_added_and_switched_at_end_and_everywhere(demo_model: Model, others: PromptPairs, start: str) -> None:
    one, two, three = MOVERS[0], INHIBITION[0], INHIBITION[1]
    text = {EMPTY: f"{one}, {two} at END {three}:END -{two}", WHOLE: f"-{one} -{two}:all"}[start]
    circuit = Circuit({one: "all", two: "END", three: "END"})
    off = Circuit({two: "END"})
    if start == WHOLE:
        circuit, off = Circuit.full(demo_model), Circuit({one: "all", two: "all"})
    at = visit(circuit_start=start, circuit=text)
    assert_fine(at)
    result = completeness(demo_model, others, circuit, off)
    assert numbers(at)["logit_diff of the circuit"] == number(float(result.circuit_values))
    assert numbers(at)["model without what is off"] == number(float(result.model_values))
    table, left = at.dataframe[0].value, circuit.without(off)
    assert table["on"].tolist() == [member in left.members for member in circuit.members]
    counts = minimality(demo_model, others, left).signed_scores
    assert table[table["on"]]["minimality_percent"].tolist() == pytest.approx((100 * counts).tolist(), abs=1e-2)


def test_roles_that_the_prompts_lack_are_left_out_in_words(demo_model: Model, others: PromptPairs) -> None:
    at = visit(circuit_start="heads with measured roles", circuit=f"{INDUCTION[0]}:S2")
    assert_fine(at)
    assert "that circuit is about IOI prompts" in body(at)
    assert "these prompts have no S2, only END" in body(at)
    assert holds(at, "circuit_start") == FOUND
    found = find_circuit(demo_model, others).circuit
    left_out = evaluate_circuit(demo_model, others, found)
    assert numbers(at)["logit_diff of the circuit"] == number(left_out.logit_diff)


def test_where_nothing_can_be_found_nothing_is_drawn_and_the_page_goes_on() -> None:
    at = visit(io="Amy", s="Tom")
    assert_fine(at)
    assert f"{NOTHING}<details>" in body(at)
    assert (at.get("plotly_chart"), at.metric, says(at)) == ([], [], [])
    at.text_input(key="circuit").set_value(f"{MOVERS[0]}:END").run()
    assert_fine(at)
    assert at.get("plotly_chart"), "of heads that are added there is a circuit"
    assert NOTHING in body(at)
    at.selectbox(key="circuit_start").select(WHOLE).run()
    assert_fine(at)
    assert NOTHING not in body(at)
    at.selectbox(key="compare_with").select(f"start: {FOUND}").run()
    assert_fine(at)
    assert "For now there is nothing to compare." in body(at)


def test_the_papers_circuit_and_classes_are_about_ioi_alone(demo_model: Model, others: PromptPairs) -> None:
    gpt2 = replace(demo_model, is_gpt2_small=True)
    assert starts_of(gpt2, others) == (FOUND, FOUND_ON_HALF, EMPTY, WHOLE)
    assert classes_of(gpt2, others) == (False, {})
    assert places_of(others) == ("END", "all")


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
