"""Keys: equal requests share one, different requests never do."""

import dataclasses
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.keys import request_key

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
parameters = st.dictionaries(st.text(), values, max_size=4)


def key_of(value: object) -> str:
    return request_key("analysis", 1, "fingerprint", {"value": value})


def shape_of(value: object) -> object:
    """A second, independent canonical form: types beside values, mappings as sets of items."""
    if isinstance(value, dict):
        return ("mapping", frozenset((shape_of(k), shape_of(v)) for k, v in value.items()))
    if isinstance(value, list | tuple):
        return ("sequence", tuple(shape_of(v) for v in value))
    return (type(value).__name__, repr(value))


@given(parameters, parameters)
def test_keys_are_equal_exactly_if_the_parameters_are(one, other):
    same = shape_of(one) == shape_of(other)
    assert (request_key("a", 1, "f", one) == request_key("a", 1, "f", other)) == same


@given(parameters, st.randoms())
def test_the_order_of_a_mapping_does_not_count(given_parameters, random):
    items = list(given_parameters.items())
    random.shuffle(items)
    assert key_of(dict(items)) == key_of(given_parameters)


@given(st.lists(st.text(), min_size=2, max_size=4), st.lists(st.text(), min_size=2, max_size=4))
def test_texts_never_run_into_each_other(one, other):
    assert (key_of(one) == key_of(other)) == (one == other)


def test_analysis_version_and_model_are_part_of_the_key():
    keys = {
        request_key(*request, {})
        for request in [("a", 1, "f"), ("b", 1, "f"), ("a", 2, "f"), ("a", 1, "g"), ("a1", 1, "f")]
    }
    assert len(keys) == 5


def test_values_that_compare_equal_but_differ_in_type_have_different_keys():
    from ioi_core.vocabulary import Direction, Head

    alike = [1, 1.0, True, "1", [1], {"1": 1}, None, "", [], {}, 0.0, -0.0, False, 0]
    enums = [Direction.NOISING, Opaque.A, "A"]
    heads = [Head(9, 9), "9.9", 9.9, Head(9, 0), Head(1, 11), Head(11, 1), [9, 9]]
    everything = [*alike, *enums, *heads]
    assert len({key_of(value) for value in everything}) == len(everything)


def test_arrays_count_with_type_shape_and_values():
    base = np.arange(6, dtype=np.int64)
    arrays = [
        base, base.astype(np.int32), base.astype(np.float64), base.reshape(2, 3), base.reshape(3, 2), base[::-1],
        base.reshape(2, 3).T, base.tolist(), base == 1,
    ]  # fmt: skip
    assert len({key_of(array) for array in arrays}) == len(arrays)
    assert key_of(base.reshape(2, 3)) == key_of(np.asfortranarray(base.reshape(2, 3)))


def some_pairs():
    from ioi_core.prompts.pairs import PromptPairs

    tokens = np.arange(6).reshape(2, 3)
    return PromptPairs(
        clean_tokens=tokens,
        corrupted_tokens=tokens + 1,
        lengths=np.array([3, 2]),
        answers=np.array([[1, 2], [3, 4]]),
        roles={"IO": np.array([0, 0]), "END": np.array([2, 1])},
        templates=np.array([0, 1]),
        clean_text=("a", "b"),
        corrupted_text=("c", "d"),
        prepend_bos=False,
    )


def test_pairs_count_with_everything_but_their_texts():
    pairs = some_pairs()
    changes = {
        "clean_tokens": pairs.clean_tokens + 1,
        "corrupted_tokens": pairs.corrupted_tokens + 1,
        "lengths": np.array([3, 3]),
        "answers": pairs.answers[:, ::-1],
        "roles": {"S1": np.array([0, 0]), "END": np.array([2, 1])},
        "templates": np.array([1, 1]),
        "prepend_bos": True,
    }
    changed = [dataclasses.replace(pairs, **{name: value}) for name, value in changes.items()]
    assert len({key_of(p) for p in [pairs, *changed]}) == 1 + len(changes)
    assert key_of(pairs) == key_of(dataclasses.replace(pairs, clean_text=("x", "y"), labels=("l", "m"), people=True))


def test_circuits_count_by_their_members():
    from ioi_core.circuit.definition import Circuit
    from ioi_core.vocabulary import Head

    one, other = Head(1, 2), Head(3, 0)
    circuit = Circuit({other: ("END", "S2"), one: "S1"})
    assert key_of(circuit) == key_of(Circuit({one: ["S1"], other: ["S2", "END", "S2"]}))
    different = [
        circuit, Circuit(), Circuit({one: "S1"}), Circuit({one: "S2", other: ("END", "S2")}), Circuit({other: "all"}),
        circuit.heads, {one: ("S1",), other: ("S2", "END")}, list(circuit.members),
    ]  # fmt: skip
    assert len({key_of(value) for value in different}) == len(different)


class Opaque(Enum):
    A = object()
    B = object()


@pytest.mark.parametrize(
    "value", [object(), b"bytes", {1, 2}, np.array([object()]), np.array(["a"]), lambda: 0, 1j, np.int64(1), [object()]]
)
def test_what_has_no_unambiguous_form_is_refused(value):
    with pytest.raises(TypeError, match="no key"):
        key_of(value)


def test_a_choice_counts_as_its_text_and_any_other_enum_by_name():
    from ioi_core.vocabulary import Ablation, Direction

    for choice in (*Direction, *Ablation):
        assert key_of(choice) == key_of(str(choice))
        assert key_of([choice]) == key_of([choice.value])
    assert key_of(Opaque.A) != key_of("A")
    assert key_of(Opaque.A) != key_of(Opaque.B)
