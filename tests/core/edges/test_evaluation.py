"""The run of an edge circuit: identities, a slow hooked run, pruning, and a model whose edges are computed by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioi_core import (
    DEMO_MODEL_DIR,
    EdgeGraph,
    IOIError,
    Model,
    arena_pairs,
    edge_curve,
    edge_scores,
    evaluate_edges,
    ioi_dataset,
    largest_edges,
)
from tests.models.micro import A, B, C, D, E, micro_model, micro_pairs
from tests.models.random_pairs import UNEQUAL, random_pairs
from tests.oracles.hooked_edges import HookedEdges

PAIRS = random_pairs(UNEQUAL, seed=8, bos=True, differ_from=1)
GRAPH = EdgeGraph(3, 2)


def test_the_largest_edges_are_those_that_the_curve_takes(small_model: Model) -> None:
    scores = edge_scores(small_model, PAIRS, "eap")
    curve = edge_curve(small_model, PAIRS, scores, shares=[0.05, 0.3, 1])
    for n, run in zip(curve.n_chosen, curve.logit_diffs, strict=True):
        edges = largest_edges(small_model, scores, int(n))
        assert len(set(edges)) == n
        np.testing.assert_allclose(evaluate_edges(small_model, PAIRS, edges).per_prompt, run, atol=1e-5)
    rows, columns = (list(scores.axes[axis]) for axis in ("sender", "receiver"))
    sizes = sorted(np.abs(scores.values[np.isfinite(scores.values)]))[-9:]
    largest = [abs(scores.values[rows.index(s), columns.index(r)]) for s, r in largest_edges(small_model, scores, 9)]
    assert sorted(largest) == sizes


def test_gpt2_small_s_graph() -> None:
    graph = EdgeGraph(12, 12)
    assert (graph.n_edges, len(graph.nodes)) == (32_491, 158)
    assert graph.exists.shape == (len(graph.senders), len(graph.receivers)) == (157, 445)
    assert graph.senders[:2] == ("embed", "0.0")
    assert graph.senders[-1] == "mlp 11"
    assert graph.receivers[12] == "0.0<k>"
    assert graph.receivers[-2:] == ("mlp 11", "logits")


@pytest.mark.parametrize("pairs", [PAIRS, random_pairs([6], seed=9, differ_from=0)], ids=["unequal", "one prompt"])
def test_the_whole_graph_is_the_clean_run_and_the_empty_one_the_corrupted(small_model: Model, pairs) -> None:
    graph = EdgeGraph.of(small_model)
    whole, empty = (evaluate_edges(small_model, pairs, mask) for mask in (graph.exists, graph.exists & False))
    np.testing.assert_allclose(whole.per_prompt, whole.clean_per_prompt, atol=1e-5)
    np.testing.assert_allclose(empty.per_prompt, whole.corrupted_per_prompt, atol=1e-5)
    assert whole.faithfulness == pytest.approx(1, abs=1e-5)
    assert empty.faithfulness == pytest.approx(0, abs=1e-5)
    assert (whole.n_given, whole.n_edges, empty.n_edges) == (graph.n_edges, graph.n_edges, 0)
    assert abs(whole.clean - whole.corrupted) > 0.05


@pytest.mark.parametrize("share", [0.05, 0.3, 0.8])
def test_circuits_equal_a_run_put_together_by_hooks(small_model: Model, small_folder, share: float) -> None:
    graph, rng = EdgeGraph.of(small_model), np.random.default_rng(int(100 * share))
    mask = graph.exists & (rng.random(graph.exists.shape) < share)
    found, oracle = evaluate_edges(small_model, PAIRS, mask), HookedEdges(small_folder, PAIRS)
    np.testing.assert_allclose(found.per_prompt, oracle.circuit(set(graph.edges(mask))), atol=1e-5)
    np.testing.assert_allclose(found.per_prompt, oracle.circuit(set(found.edges)), atol=1e-5)
    assert found.n_edges <= found.n_given == mask.sum()


def test_all_edges_but_one_is_its_exact_score(small_model: Model) -> None:
    graph, scores = EdgeGraph.of(small_model), edge_scores(small_model, PAIRS)
    for edge in (("embed", "0.1<v>"), ("1.2", "mlp 2"), ("0.3", "3.0<q>"), ("mlp 1", "logits")):
        mask = graph.exists.copy()
        mask[graph.senders.index(edge[0]), graph.receivers.index(edge[1])] = False
        left = evaluate_edges(small_model, PAIRS, mask)
        expected = scores.at(sender=edge[0], receiver=edge[1]).per_prompt
        np.testing.assert_allclose(left.per_prompt - left.clean_per_prompt, expected, atol=1e-5)


def test_the_bundled_model(demo_model: Model) -> None:
    """A circuit of the strongest edges, against the hooked run, on generated prompts of several lengths."""
    pairs = ioi_dataset(demo_model, 6, seed=1, corruption="abc")
    scores = edge_scores(demo_model, pairs, "eap_ig")
    curve = edge_curve(demo_model, pairs, scores, shares=[0.05, 0.2, 1.0])
    strongest = np.argsort(-np.abs(np.nan_to_num(scores.values)), axis=None)[: curve.n_chosen[1]]
    mask = np.zeros(scores.values.shape, dtype=bool)
    mask.flat[strongest] = True
    found = evaluate_edges(demo_model, pairs, mask)
    theirs = HookedEdges(DEMO_MODEL_DIR, pairs).circuit(set(found.edges))
    np.testing.assert_allclose(found.per_prompt, theirs, atol=1e-4)
    np.testing.assert_allclose(curve.logit_diffs[1], found.per_prompt, atol=1e-5)
    assert curve.values[2] == pytest.approx(1, abs=1e-5)
    assert curve.n_edges[1] == found.n_edges > 10
    assert found.faithfulness == pytest.approx(curve.values[1], abs=1e-5)
    low, high = found.faithfulness_interval()
    assert low <= found.faithfulness <= high


# --- the micro model: two tokens, 1 2 clean and 1 5 corrupted


def _chosen(query: float, value: float) -> float:
    """What head 1.1 reads: softmax over keys 1 and 2 (or 5) is given by its tokens; `query` times each is the logit."""
    weight = 1 / (1 + math.exp(query * (1 - value)))
    return weight * value + (1 - weight) * 1


def test_a_circuit_computed_by_hand(demo_model_64: Model) -> None:
    """embed -> 0.0<v> -> logits alone: A times the mean token, 1.5 clean and 3 corrupted; all else stays corrupted."""
    model, pairs = micro_model(demo_model_64), micro_pairs()
    empty = evaluate_edges(model, pairs, [])
    early = (A + B) * 3
    mlp_second = C * early
    mlp_first = C * (A + B)  # at the first position both runs agree: its mean is the token there, 1
    corrupted = early + mlp_second + D * (mlp_first + mlp_second) / 2 + _chosen(E * early, 5)
    assert empty.logit_diff == pytest.approx(corrupted, abs=1e-6)
    found = evaluate_edges(model, pairs, "embed->0.0<v>, 0.0->logits")
    assert found.logit_diff - corrupted == pytest.approx(A * (1.5 - 3), abs=1e-6)
    through_mlp = evaluate_edges(
        model, pairs, [("embed", "0.0<v>"), ("0.0", "mlp 0"), ("mlp 0", "1.0<v>"), ("1.0", "logits")]
    )
    assert through_mlp.logit_diff - corrupted == pytest.approx(D * C * A * (1.5 - 3) / 2, abs=1e-6)
    querying = evaluate_edges(model, pairs, "embed->0.1<v>; 0.1->1.1<q>; 1.1->logits")
    query = E * (early + B * (1.5 - 3))
    assert querying.logit_diff - corrupted == pytest.approx(_chosen(query, 5) - _chosen(E * early, 5), abs=1e-6)
    assert querying.n_edges == 3


def test_scores_computed_by_hand(demo_model_64: Model) -> None:
    model, pairs = micro_model(demo_model_64), micro_pairs()
    scores = edge_scores(model, pairs)
    estimate = edge_scores(model, pairs, "eap")
    expected = {
        ("0.0", "logits"): A * 1.5,
        ("0.1", "logits"): B * 1.5,
        ("0.0", "mlp 0"): C * A * 1.5 * (1 + D / 2),
        ("mlp 0", "1.0<v>"): D * C * (A + B) * 1.5 / 2,
        ("mlp 0", "1.0<q>"): 0,
        ("1.0", "logits"): D * C * (A + B) * 1.5 / 2,
        ("embed", "logits"): 0,
    }
    for (sender, receiver), value in expected.items():
        for result in (scores, estimate):  # linear: the estimate is exact
            assert result.at(sender=sender, receiver=receiver).values == pytest.approx(value, abs=1e-6)
    early = (A + B) * 1.5
    changed = _chosen(E * (early + A * 1.5), 2) - _chosen(E * early, 2)
    assert scores.at(sender="0.0", receiver="1.1<q>").values == pytest.approx(changed, abs=1e-6)


# --- pruning


masks = st.lists(st.booleans(), min_size=GRAPH.n_edges, max_size=GRAPH.n_edges)


def _mask(chosen: list[bool]) -> np.ndarray:
    mask = np.zeros(GRAPH.exists.shape, dtype=bool)
    mask[GRAPH.exists] = chosen
    return mask


@given(masks, st.floats(0, 1))
def test_pruning_keeps_what_lies_on_a_path(chosen: list[bool], share: float) -> None:
    """Against all pairs of nodes that a chain of edges joins."""
    mask = _mask(chosen) & (np.random.default_rng(int(1e6 * share)).random(GRAPH.exists.shape) < share)
    joined = np.eye(len(GRAPH.nodes), dtype=bool)
    for sender, receiver in GRAPH.edges(mask):
        joined[GRAPH.nodes.index(sender), GRAPH.nodes.index(receiver.partition("<")[0])] = True
    for _ in GRAPH.nodes:
        joined = joined @ joined
    on_path = {node for number, node in enumerate(GRAPH.nodes) if joined[0, number] and joined[number, -1]}
    expected = [edge for edge in GRAPH.edges(mask) if edge[0] in on_path and edge[1].partition("<")[0] in on_path]
    pruned = GRAPH.pruned(mask)
    assert list(GRAPH.edges(pruned)) == expected
    np.testing.assert_array_equal(GRAPH.pruned(pruned), pruned)


@given(masks)
def test_names_of_edges_are_read_as_they_are_written(chosen: list[bool]) -> None:
    mask = _mask(chosen)
    edges = GRAPH.edges(mask)
    np.testing.assert_array_equal(GRAPH.mask(edges), mask)
    np.testing.assert_array_equal(GRAPH.mask(", ".join("->".join(edge) for edge in edges)), mask)


# --- the curve


def test_the_curve_takes_the_largest_absolute_scores(small_model: Model) -> None:
    graph = EdgeGraph.of(small_model)
    values = np.random.default_rng(1).normal(size=graph.exists.shape)
    curve = edge_curve(small_model, PAIRS, values)
    assert curve.axes == {"share": ("0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1")}
    np.testing.assert_array_equal(curve.n_chosen, [int(share * graph.n_edges) for share in curve.shares])
    ranked = sorted(np.argwhere(graph.exists).tolist(), key=lambda cell: -abs(values[*cell]))
    half = evaluate_edges(
        small_model, PAIRS, [(graph.senders[s], graph.receivers[r]) for s, r in ranked[: curve.n_chosen[8]]]
    )
    assert curve.values[8] == pytest.approx(half.faithfulness, abs=1e-5)
    assert curve.n_edges[8] == half.n_edges
    f, x = curve.values, curve.shares
    widths = np.diff(x)
    assert curve.cpr == pytest.approx(((f[1:] + f[:-1]) / 2 * widths).sum())
    away = np.abs(1 - f)
    assert curve.cmd == pytest.approx(((away[1:] + away[:-1]) / 2 * widths).sum())
    low, high = curve.interval()
    assert (low <= curve.values + 1e-5).all()
    assert (high >= curve.values - 1e-5).all()


def test_no_faithfulness_where_both_runs_agree(small_model: Model) -> None:
    same = replace(PAIRS, corrupted_tokens=PAIRS.clean_tokens)
    curve = edge_curve(small_model, same, np.zeros(EdgeGraph.of(small_model).exists.shape))
    assert np.isnan(curve.values).all()
    assert "same mean logit_diff" in curve.undefined
    found = evaluate_edges(small_model, same, ["embed->logits"])
    assert np.isnan(found.faithfulness)
    assert found.no_fraction


def test_bad_requests_say_what_is_allowed(small_model: Model) -> None:
    shape = EdgeGraph.of(small_model).exists.shape
    for edges, says in (
        (["0.1->0.2<q>"], "an edge goes to a later part"),
        (["0.1->3.2"], "3.2<q>, 3.2<k> or 3.2<v>"),
        (["0.1<q>->3.2<q>"], "write 0.1 for the sender"),
        (["0.9->3.2<q>"], "heads 0-3 and an MLP in each of its layers 0-3"),
        ([("0.1", "nowhere")], "is no receiver"),
        ([("0.1", "1.1<q>", "2.1<q>")], "is no edge"),
        (7, "edges are wanted"),
        (np.ones((2, 2), dtype=bool), "true and false of shape"),
        (np.ones(shape, dtype=bool), "there is no edge from"),
    ):
        with pytest.raises(IOIError, match=says):
            evaluate_edges(small_model, PAIRS, edges)
    for scores, shares, says in (
        (np.zeros((2, 2)), [0.1], "an array of shape"),
        (np.full(shape, np.nan), [0.1], "no score that is a number"),
        (np.zeros(shape), [0.0], "above 0"),
        (np.zeros(shape), [0.2, 0.1], "larger than the last"),
        ("all", [0.1], "result of edge_scores"),
    ):
        with pytest.raises(IOIError, match=says):
            edge_curve(small_model, PAIRS, scores, shares=shares)


def test_mib_s_names_are_read_too(small_model: Model) -> None:
    pairs = PAIRS[:1]
    ours = evaluate_edges(small_model, pairs, "embed->0.1<k>, 0.1->mlp 2, mlp 2->3.3<v>, 3.3->logits")
    theirs = evaluate_edges(small_model, pairs, "input->a0.h1<k>, a0.h1->m2, m2->a3.h3<v>, a3.h3->logits")
    assert ours.edges == theirs.edges
    assert len(ours.edges) == 4


def test_an_exception_in_progress_cancels(small_model: Model) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    for call in (lambda: evaluate_edges(small_model, PAIRS, [], progress=stop),):
        with pytest.raises(InterruptedError):
            call()
    told: list[tuple[int, int]] = []
    pairs = arena_pairs(small_model)
    edge_curve(small_model, pairs, np.zeros(EdgeGraph.of(small_model).exists.shape), progress=lambda *x: told.append(x))
    assert told[-1][0] == told[-1][1]
