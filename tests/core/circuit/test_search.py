"""The automatic circuit: faithful, minimal, and ranked by noising."""

from dataclasses import replace

import numpy as np
import pytest

from ioi_core import (
    Circuit,
    CircuitError,
    Model,
    PromptError,
    PromptPairs,
    evaluate_circuit,
    find_circuit,
    ioi_dataset,
    patch_activations,
)
from ioi_core.circuit.search import FoundCircuit


@pytest.fixture(scope="module")
def found(demo_model: Model, demo_abc: PromptPairs) -> FoundCircuit:
    return find_circuit(demo_model, demo_abc)


def test_the_found_circuit_is_faithful_and_nothing_can_leave(
    demo_model: Model, demo_abc: PromptPairs, found: FoundCircuit
) -> None:
    assert abs(found.evaluation.faithfulness - 1) <= found.tolerance
    assert len(found.circuit.members) == found.n_added - len(found.pruned) < len(found.ranking) / 2
    assert found.circuit == Circuit.of(found.ranking[: found.n_added]).without(Circuit.of(found.pruned))
    judged = evaluate_circuit(demo_model, demo_abc, found.circuit)
    np.testing.assert_allclose(judged.per_prompt, found.evaluation.per_prompt, atol=1e-4)
    for member in found.circuit.members:
        fewer = evaluate_circuit(demo_model, demo_abc, found.circuit.without(Circuit.of([member])))
        assert abs(fewer.faithfulness - 1) > found.tolerance


def test_the_found_circuit_holds_on_other_prompts(demo_model: Model, found: FoundCircuit) -> None:
    others = ioi_dataset(demo_model, 50, seed=11, corruption="abc", prepend_bos=False)
    assert abs(evaluate_circuit(demo_model, others, found.circuit).faithfulness - 1) < 2 * found.tolerance


def test_members_are_ranked_by_noising_and_added_in_that_order(
    demo_model: Model, demo_abc: PromptPairs, found: FoundCircuit
) -> None:
    effects = {
        role: patch_activations(
            demo_model, demo_abc, "z", direction="noising", positions=role, metric="logit_diff"
        ).effects.mean(-1)
        for role in found.axes["role"]
    }
    sizes = [abs(effects[role][head.layer, head.head]) for head, role in found.ranking]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(found.ranking)) == 5 * len(demo_model.heads)
    for size in (0, 1, 7, found.n_added):
        grown = evaluate_circuit(demo_model, demo_abc, Circuit.of(found.ranking[:size]))
        assert found.growth[size] == pytest.approx(grown.logit_diff, abs=1e-3)
    assert found.n_added == first_near_enough(found)


def first_near_enough(found: FoundCircuit) -> int:
    """The first size within half the tolerance of F(M), or else the closest one."""
    distances = np.abs(found.growth / found.evaluation.model_logit_diff - 1).tolist()
    near = [size for size, distance in enumerate(distances) if distance <= found.tolerance / 2]
    return near[0] if near else distances.index(min(distances))


def test_members_are_added_until_half_the_tolerance_is_reached_or_as_close_as_can_be(
    demo_model: Model, demo_abc: PromptPairs
) -> None:
    pairs = demo_abc.take(slice(0, 12))
    reached = find_circuit(demo_model, pairs, tolerance=0.5)
    closest = float(np.abs(reached.growth / reached.evaluation.model_logit_diff - 1).min())
    assert 0 < closest <= 0.25
    missed = find_circuit(demo_model, pairs, tolerance=closest)  # half of that no size can reach
    for found in (reached, missed):
        assert found.n_added == first_near_enough(found)
        assert abs(found.evaluation.faithfulness - 1) <= found.tolerance + 1e-5
    assert reached.n_added < missed.n_added


def test_prompts_held_out_judge_what_was_found_and_change_nothing_of_it(
    demo_model: Model, demo_abc: PromptPairs
) -> None:
    pairs, others = demo_abc[:8], demo_abc[8:16]
    alone = find_circuit(demo_model, pairs, ablation="resample", tolerance=0.3)
    found = find_circuit(demo_model, pairs, ablation="resample", tolerance=0.3, held_out=others)
    assert alone.held_out is None
    assert (found.circuit, found.ranking, found.pruned) == (alone.circuit, alone.ranking, alone.pruned)
    there = evaluate_circuit(demo_model, others, found.circuit, ablation="resample")
    assert found.held_out is not None
    np.testing.assert_array_equal(found.held_out.values, there.values)
    with pytest.raises(PromptError, match="held_out has the roles END: give prompts with those of the others"):
        find_circuit(demo_model, pairs, held_out=replace(others, roles={"END": others.roles["END"]}))


def test_finding_is_deterministic(demo_model: Model, demo_abc: PromptPairs) -> None:
    pairs = demo_abc.take(slice(0, 12))
    one, other = (find_circuit(demo_model, pairs, tolerance=0.3) for _ in range(2))
    assert (one.circuit, one.ranking, one.pruned) == (other.circuit, other.ranking, other.pruned)


def test_there_is_nothing_to_find_where_the_model_prefers_s(demo_model: Model, demo_abc: PromptPairs) -> None:
    swapped = replace(demo_abc.take(slice(0, 4)), answers=demo_abc.answers[:4, ::-1].copy())
    with pytest.raises(CircuitError, match="does not prefer the right answer"):
        find_circuit(demo_model, swapped)
    with pytest.raises(PromptError, match=r"tolerance .* got 2\.0"):
        find_circuit(demo_model, demo_abc, tolerance=2.0)
