"""Circuits as values: what they hold, how they change, what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioi_core import (
    IOI_CIRCUIT,
    NAIVE_CIRCUIT,
    PUBLISHED_CLASSES,
    ROLES,
    Circuit,
    CircuitError,
    Head,
    HeadError,
    Model,
    PromptError,
    ablate,
    arena_pairs,
    evaluate_circuit,
    ioi_dataset,
    minimality,
    prompt_pairs,
)
from ioi_core.errors import ChoiceError

heads = st.builds(Head, st.integers(0, 11), st.integers(0, 11))
members = st.sets(st.tuples(heads, st.sampled_from(ROLES)), max_size=12)


@given(members)
def test_a_circuit_is_the_set_of_its_members(chosen) -> None:
    circuit = Circuit.of(list(chosen))
    assert set(circuit.members) == chosen
    assert len(circuit) == len({head for head, _ in chosen})
    assert {(head, role) for head, roles in circuit.items() for role in roles} == chosen
    assert set(circuit.roles) == {role for _, role in chosen}
    assert all(set(circuit.at(role)) == {head for head, at in chosen if at == role} for role in ROLES)
    assert circuit == Circuit(dict(circuit)) == Circuit(circuit.heads)
    assert hash(circuit) == hash(Circuit(dict(circuit)))


@given(members, members)
def test_adding_and_taking_away_are_those_of_sets(one, other) -> None:
    a, b = Circuit.of(list(one)), Circuit.of(list(other))
    assert set(a.with_(b).members) == one | other
    assert set(a.without(b).members) == one - other
    assert (a == b) == (one == other)


def test_all_takes_in_every_role() -> None:
    head = Head(1, 2)
    everywhere = Circuit({head: ("END", "all", "S2")})
    assert everywhere == Circuit({head: "all"}) == Circuit({head: "S2"}).with_({head: "all"})
    assert everywhere.without({head: "all"}) == Circuit() == Circuit({head: ("END", "S2")}).without({head: "all"})
    with pytest.raises(CircuitError, match="kept at every position, so it cannot lose S2 alone"):
        everywhere.without({head: "S2"})


def test_reads_well() -> None:
    assert str(Circuit({Head(9, 9): "END", Head(3, 0): ("END", "S2")})) == "3.0 at S2 END, 9.9 at END"
    assert str(Circuit()) == "no heads"


def test_the_published_circuits() -> None:
    assert len(IOI_CIRCUIT) == 26
    kept = {head: {group.kept_at} for group in PUBLISHED_CLASSES for head in group.heads}
    assert {head: set(roles) for head, roles in IOI_CIRCUIT.items()} == kept
    naive = ["9.6", "9.9", "10.0", "7.3", "7.9", "8.6", "8.10", "5.5", "5.9", "3.0", "0.10", "2.2", "4.11"]
    assert sorted(map(str, NAIVE_CIRCUIT)) == sorted(naive)
    assert not NAIVE_CIRCUIT.without(IOI_CIRCUIT)


@pytest.mark.parametrize(
    ("given_heads", "error", "says"),
    [
        ({"name mover": "END"}, HeadError, "'name mover' is not a head: write layer.head"),
        ([9.9], HeadError, r"9\.9 is not a head: write '9\.9', \(9, 9\) or Head\(9, 9\)"),
        ({Head(1, 1): "S3"}, CircuitError, "head 1.1: role 'S3' is not known: use IO, S1, S1\\+1, S2, END or all"),
        ({Head(1, 1): ("END", "end")}, CircuitError, "role 'end'"),
        ({Head(1, 1): 3}, CircuitError, "head 1.1 wants roles, got 3"),
        (9.9, CircuitError, r"heads are wanted, got 9\.9: write \{'9\.9': 'END'\}, or \['9\.9', '9\.6'\]"),
    ],
)
def test_what_is_no_circuit_is_refused(given_heads, error, says) -> None:
    with pytest.raises(error, match=says):
        Circuit(given_heads)


def test_heads_that_the_model_lacks_are_refused(small_model: Model) -> None:
    pairs = arena_pairs(small_model)
    for ask in (ablate, evaluate_circuit, minimality):
        with pytest.raises(HeadError, match=r"head 0\.10 does not exist: .* has heads 0-3"):
            ask(small_model, pairs, IOI_CIRCUIT)


def test_roles_that_the_prompts_lack_are_refused(small_model: Model) -> None:
    pairs = prompt_pairs(small_model, "The capital of France is", "The capital of Italy is", " Paris", " Rome")
    with pytest.raises(PromptError, match="these prompts have no S2, only END"):
        ablate(small_model, pairs, {Head(1, 1): "S2"})
    at_end = ablate(small_model, pairs, {Head(1, 1): "END"})
    assert np.isfinite(at_end.values)
    assert evaluate_circuit(small_model, pairs, {Head(1, 1): ("END", "all")}).n_prompts == 1


def test_unknown_ablations_and_circuits_without_members_are_refused(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 2)
    with pytest.raises(ChoiceError, match="ablation 'median' is not known: use zero, mean or resample"):
        ablate(small_model, pairs, {}, ablation="median")
    with pytest.raises(CircuitError, match="this circuit has no heads"):
        minimality(small_model, pairs, {})
