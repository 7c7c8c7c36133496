"""Circuits on prompts of other tasks, whose only role is END: heads are kept at END or at every position."""

from dataclasses import replace

import numpy as np
import pytest

from ioi_core import (
    IOI_CIRCUIT,
    Ablation,
    Circuit,
    Head,
    Model,
    PromptError,
    PromptPairs,
    completeness,
    completeness_sets,
    edit_circuit,
    evaluate_circuit,
    find_circuit,
    minimality,
    prompt_pairs,
)
from ioi_core.circuit.completeness_sets import circuit_classes
from ioi_core.circuit.runs import Variant, logit_diffs
from ioi_core.circuit.search import FoundCircuit
from tests.core.circuit.examples import logit_diff
from tests.models.random_pairs import random_pairs
from tests.oracles.hooked_ablation import HookedAblation

EVERYWHERE = Circuit({Head(0, 1): "all", Head(1, 0): "all", Head(2, 3): "all", Head(3, 2): "all"})
AT_END = Circuit({Head(0, 2): "END", Head(1, 1): "END", Head(2, 0): "END", Head(3, 3): "END"})
BOTH = EVERYWHERE.with_(AT_END)
K = Circuit({Head(1, 0): "all", Head(2, 0): "END", Head(3, 1): "END"})

PAIRS = {
    "a template each": random_pairs([7, 9, 6], bos=True),
    "several to a template": replace(random_pairs([8, 8, 8, 6], differ_from=2), templates=np.array([3, 3, 3, 3])),
}


@pytest.fixture(scope="module")
def capitals(small_model: Model) -> PromptPairs:
    """Each prompt has the model's own preference as its answer, so that there is a behaviour to be faithful to."""
    pairs = prompt_pairs(
        small_model,
        ["The capital of France is", "The capital of Spain is"],
        ["The capital of Italy is", "The capital of Germany is"],
        ["Paris", "Madrid"], ["Rome", "Berlin"],
    )  # fmt: skip
    return preferred(small_model, pairs)


def preferred(model: Model, pairs: PromptPairs) -> PromptPairs:
    right_first = logit_diff(model, pairs) > 0
    return replace(pairs, answers=np.where(right_first[:, None], pairs.answers, pairs.answers[:, ::-1]))


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("kind", PAIRS)
def test_runs_equal_hooked_forwards(small_model: Model, small_bridge, kind: str, ablation: Ablation) -> None:
    pairs, nothing = PAIRS[kind], Circuit()
    variants = [
        (kept, removed) for kept in (AT_END, EVERYWHERE, BOTH, None, nothing) for removed in (nothing, K, EVERYWHERE)
    ]
    ours = logit_diffs(small_model, pairs, [Variant(*variant) for variant in variants], ablation)
    oracle = HookedAblation(small_bridge, pairs, ablation)
    for variant, found in zip(variants, ours, strict=True):
        np.testing.assert_allclose(found, oracle.logit_diff(*variant), atol=1e-4, err_msg=str(variant))


@pytest.mark.parametrize("circuit", [AT_END, EVERYWHERE, BOTH], ids=["END", "all", "both"])
def test_an_edit_equals_hooked_forwards(small_model: Model, small_bridge, circuit: Circuit) -> None:
    pairs, removed = PAIRS["several to a template"], Circuit.of(circuit.members[:1])
    edit, oracle = edit_circuit(small_model, pairs, circuit, removed), HookedAblation(small_bridge, pairs, "mean")
    left = circuit.without(removed)
    np.testing.assert_allclose(edit.evaluation.per_prompt[0], oracle.logit_diff(left), atol=1e-4)
    np.testing.assert_allclose(edit.completeness.per_prompt[0], oracle.logit_diff(circuit, removed), atol=1e-4)
    np.testing.assert_allclose(edit.completeness.per_prompt[1], oracle.logit_diff(None, removed), atol=1e-4)
    assert edit.minimality.members == left.members
    for n, ((head, role), k) in enumerate(zip(left.members, edit.minimality.removed, strict=True)):
        expected = [oracle.logit_diff(left, k), oracle.logit_diff(left, k.with_({head: role}))]
        np.testing.assert_allclose(edit.minimality.per_prompt[:, n], expected, atol=1e-4)
        peers = Circuit({other: role for other in left.at(role) if other != head})
        options = [
            np.mean(oracle.logit_diff(left, q) - oracle.logit_diff(left, q.with_({head: role})))
            for q in (Circuit(), peers)
        ]
        assert np.abs(edit.minimality.changes[n].mean()) == pytest.approx(np.abs(options).max(), abs=1e-4)
    alone = minimality(small_model, pairs, left)
    assert alone.removed == edit.minimality.removed
    np.testing.assert_allclose(alone.per_prompt, edit.minimality.per_prompt, atol=1e-5)


def test_sets_are_points_of_completeness(small_model: Model, capitals: PromptPairs) -> None:
    sets = completeness_sets(small_model, capitals, BOTH, n_random=2, n_greedy=1, steps=2)
    assert sets.axes["set"][:3] == ("nothing", "at END", "at all")
    assert sets.removed[1:3] == (AT_END, EVERYWHERE)
    for number, removed in enumerate(sets.removed):
        alone = completeness(small_model, capitals, BOTH, removed)
        np.testing.assert_allclose(sets.per_prompt[:, number], alone.per_prompt, atol=1e-5)


def test_the_published_classes_say_nothing_about_another_task(small_model: Model, capitals: PromptPairs) -> None:
    movers = Circuit({head: "END" for head in IOI_CIRCUIT.at("END")})
    assert list(circuit_classes(replace(small_model, is_gpt2_small=True), capitals, movers)) == ["at END"]


def test_roles_of_ioi_are_refused_in_words(small_model: Model, capitals: PromptPairs) -> None:
    for call in (evaluate_circuit, minimality, completeness_sets):
        with pytest.raises(PromptError, match=r"keeps 1\.1 at S2, and these prompts have no S2, only END"):
            call(small_model, capitals, {Head(1, 1): "S2"})
    with pytest.raises(PromptError, match="these prompts have no S2, only END"):
        edit_circuit(small_model, capitals, AT_END, {Head(1, 1): "S2"})


def check_found(model: Model, pairs: PromptPairs, found: FoundCircuit) -> None:
    added = found.ranking[: found.n_added]
    assert found.circuit == Circuit.of(added).without(Circuit.of(found.pruned))
    assert evaluate_circuit(model, pairs, found.circuit).faithfulness == pytest.approx(
        found.evaluation.faithfulness, abs=1e-5
    )
    assert abs(found.evaluation.faithfulness - 1) <= found.tolerance


def test_heads_are_looked_for_at_end_where_that_is_enough(small_model: Model) -> None:
    """Only the last token differs, so all heads at END are the whole model."""
    pairs = preferred(small_model, random_pairs([8, 8, 8], differ_from=7))
    found = find_circuit(small_model, pairs)
    assert found.axes["role"] == found.circuit.roles == ("END",)
    check_found(small_model, pairs, found)


def test_heads_are_looked_for_everywhere_where_end_is_not_enough(demo_model: Model, demo_abc: PromptPairs) -> None:
    some = demo_abc.take(slice(0, 12))
    pairs = replace(some, roles={"END": some.roles["END"]})
    every_head = Circuit(dict.fromkeys(demo_model.heads, "END"))
    assert abs(evaluate_circuit(demo_model, pairs, every_head).faithfulness - 1) > 0.1
    found = find_circuit(demo_model, pairs)
    assert found.axes["role"] == found.circuit.roles == ("all",)
    check_found(demo_model, pairs, found)
    circuit, left = Circuit.of(found.ranking[: found.n_added]), []
    for member in found.ranking[: found.n_added][::-1]:
        fewer = circuit.without(Circuit.of([member]))
        if abs(evaluate_circuit(demo_model, pairs, fewer).faithfulness - 1) <= found.tolerance:
            circuit = fewer
            left.append(member)
    assert found.pruned == tuple(left)
    assert 0 < len(found.circuit) < len(demo_model.heads)
