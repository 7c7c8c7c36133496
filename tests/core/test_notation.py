"""One notation: circuits of heads as text, circuits of edges as heads, and circuits of heads as edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioi_core import (
    Circuit,
    EdgeError,
    EdgeGraph,
    Head,
    HeadError,
    IOIError,
    Model,
    evaluate_circuit,
    evaluate_edges,
    read_heads,
)
from ioi_core.notation import LONGEST_TEXT, CircuitTextError
from ioi_core.vocabulary import ALL, ROLES
from tests.models.random_pairs import random_pairs

HEADS = st.builds(Head, st.integers(0, 11), st.integers(0, 11))
CIRCUITS = st.lists(st.tuples(HEADS, st.sampled_from((*ROLES, ALL))), max_size=12).map(Circuit.of)
PAIRS = random_pairs([5, 7, 7], bos=True)


def test_heads_are_read_one_by_one() -> None:
    items = read_heads("9.9:END, -4.1 at S1+1 S2; 3.0")
    assert [(str(item.head), item.roles, item.off) for item in items] == [
        ("9.9", ("END",), False),
        ("4.1", ("S1+1", "S2"), True),
        ("3.0", ("all",), False),
    ]
    with pytest.raises(HeadError, match="a text is wanted, got list of length 1"):
        read_heads(["9.9"])


@given(CIRCUITS)
def test_a_circuit_is_read_as_it_prints(circuit: Circuit) -> None:
    assert Circuit(str(circuit)) == circuit


@pytest.mark.parametrize(
    ("text", "heads"),
    [
        ("9.9", {"9.9": "all"}),
        ("9.9, 9.6", {"9.9": "all", "9.6": "all"}),
        ("9.9:END 4.1 at S2 END; 3.0", {"9.9": "END", "4.1": ("S2", "END"), "3.0": "all"}),
        ("3.1 at every position\n3.1:S1+1", {"3.1": "all"}),
        ("no heads", {}),
        ("0.1->3.2<q>, embed->0.1<v>; mlp 2->logits", {"0.1": "all", "3.2": "all"}),
        ("a0.h1->a3.h2<q>", {"0.1": "all", "3.2": "all"}),
    ],
)
def test_a_text_is_a_circuit(text: str, heads: dict[str, str]) -> None:
    assert Circuit(text) == Circuit(heads)


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("-9.9", CircuitTextError, "name only the heads that the circuit keeps"),
        ("9.9:IN", CircuitTextError, "is no member of a circuit"),
        ("<b>9.9</b>", CircuitTextError, "is no member of a circuit"),
        ("9.9 " * LONGEST_TEXT, CircuitTextError, "characters long"),
        ("0.1->3.2", EdgeError, "three inputs"),
        ("0.1->", EdgeError, "is no receiver"),
        (" ", IOIError, "empty text"),
    ],
)
def test_a_text_that_is_none_is_refused(text: str, error: type[IOIError], why: str) -> None:
    with pytest.raises(error, match=why) as refused:
        Circuit(text)
    assert len(str(refused.value)) < 350


@pytest.mark.parametrize("heads", ["0.1, 2.3", "0.0, 1.1, 1.2, 3.3", "no heads"])
def test_heads_as_edges_are_the_run_in_which_all_others_are_resampled(small_model: Model, heads: str) -> None:
    """Every other head writes what it writes in the corrupted run; MLPs and embedding work on."""
    circuit = Circuit(heads)
    edges = evaluate_edges(small_model, PAIRS, circuit)
    ablated = evaluate_circuit(small_model, PAIRS, circuit, ablation="resample")
    np.testing.assert_allclose(edges.per_prompt, ablated.per_prompt[0], atol=1e-5)
    assert evaluate_edges(small_model, PAIRS, heads).edges == edges.edges


def test_which_edges_heads_are(small_model: Model) -> None:
    graph = EdgeGraph.of(small_model)
    edges = {"->".join(edge) for edge in graph.edges(graph.mask("2.1:END"))}
    assert {"embed->2.1<q>", "mlp 1->2.1<v>", "2.1->mlp 2", "2.1->logits", "embed->logits", "mlp 0->mlp 3"} <= edges
    assert not any("2.0" in edge or "1.1" in edge for edge in edges)
    assert graph.mask(Circuit.full(small_model)).sum() == graph.n_edges
    with pytest.raises(HeadError, match=r"head 9\.9 does not exist"):
        graph.mask(Circuit("9.9"))
    with pytest.raises(EdgeError, match="no circuit of heads"):
        graph.mask("nine")


def test_a_result_over_edges_gives_its_heads(small_model: Model) -> None:
    found = evaluate_edges(small_model, PAIRS, "embed->0.1<v>, 0.1->mlp 2, mlp 2->logits, 0.2->logits")
    assert Circuit(found) == Circuit("0.1"), "the last edge is on no path from the embedding"
