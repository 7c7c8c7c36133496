"""Sets of members for completeness: each is a point of `completeness`."""

from dataclasses import replace

import numpy as np
import pytest

from ioi_core import (
    IOI_CIRCUIT,
    Ablation,
    Circuit,
    CircuitError,
    Head,
    Model,
    PromptPairs,
    completeness,
    completeness_sets,
)
from ioi_core.circuit.completeness_sets import circuit_classes
from tests.core.circuit.examples import CIRCUIT


@pytest.mark.parametrize("ablation", Ablation)
def test_every_set_is_a_point_of_completeness(small_model: Model, abc: PromptPairs, ablation: Ablation) -> None:
    sets = completeness_sets(small_model, abc, CIRCUIT, n_random=3, n_greedy=2, steps=3, seed=1, ablation=ablation)
    assert sets.kinds.count("random") == 3
    assert sets.kinds.count("greedy") == 2
    for number, removed in enumerate(sets.removed):
        alone = completeness(small_model, abc, CIRCUIT, removed, ablation=ablation)
        np.testing.assert_allclose(sets.per_prompt[:, number], alone.per_prompt, atol=1e-5)
        assert sets.incompleteness[number] == pytest.approx(alone.incompleteness, abs=1e-5)
        assert not removed.without(CIRCUIT)
    assert sets.removed[0] == Circuit()
    again = completeness_sets(small_model, abc, CIRCUIT, n_random=3, n_greedy=2, steps=3, seed=1, ablation=ablation)
    assert again.removed == sets.removed
    np.testing.assert_array_equal(again.values, sets.values)


def test_a_greedy_set_takes_the_worst_member_of_those_tried(small_model: Model, abc: PromptPairs) -> None:
    """With no more members than are tried in one step, the first one must be the worst of all."""
    circuit = Circuit({Head(0, 3): "S2", Head(1, 0): "S2", Head(2, 1): "END", Head(3, 0): "END"})
    sets = completeness_sets(small_model, abc, circuit, n_random=0, n_greedy=1, steps=1)
    [greedy] = [removed for removed, kind in zip(sets.removed, sets.kinds, strict=True) if kind == "greedy"]
    scores = {
        member: float(completeness(small_model, abc, circuit, Circuit.of([member])).incompleteness)
        for member in circuit.members
    }
    assert greedy == Circuit.of([max(scores, key=scores.__getitem__)])
    everything = completeness_sets(small_model, abc, circuit, n_random=0, n_greedy=1, steps=9)
    assert everything.removed[-1] == circuit


def test_classes_are_the_published_ones_or_roles(small_model: Model, abc: PromptPairs) -> None:
    gpt2 = replace(small_model, is_gpt2_small=True)
    classes = circuit_classes(gpt2, abc, IOI_CIRCUIT.with_({Head(0, 0): "IO", Head(9, 9): "S2"}))
    assert list(classes)[:7] == [
        "previous token", "duplicate token", "induction", "S-inhibition", "name mover", "negative name mover",
        "backup name mover",
    ]  # fmt: skip
    assert classes["at IO"] == Circuit({Head(0, 0): "IO"})
    assert classes["at S2"] == Circuit({Head(9, 9): "S2"})
    by_role = circuit_classes(small_model, abc, CIRCUIT)
    assert set(by_role) == {f"at {role}" for role in CIRCUIT.roles}
    assert Circuit.of([m for circuit in by_role.values() for m in circuit.members]) == CIRCUIT


def test_a_circuit_without_heads_has_no_sets(small_model: Model, abc: PromptPairs) -> None:
    with pytest.raises(CircuitError, match="this one has none"):
        completeness_sets(small_model, abc, {})
