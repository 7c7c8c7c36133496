"""Small circuits of edges: they reach the bound, no edge of theirs can leave, and held-out prompts judge them too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ioi_core import (
    EdgeError,
    EdgeGraph,
    IOIError,
    Model,
    edge_scores,
    edges_as_csv,
    edges_as_json,
    edges_as_neuronpedia,
    evaluate_edges,
    ioi_dataset,
    minimal_edges,
    read_edges,
    sweep,
    write_edges,
)
from ioi_core.edges import minimal
from tests.models.micro import micro_model, micro_pairs
from tests.models.random_pairs import random_pairs

PAIRS = random_pairs([5, 6], seed=21, differ_from=2)


def test_a_circuit_known_by_hand(demo_model_64: Model) -> None:
    """The micro model's 14 edges that matter; with a lower bound the weaker ones go."""
    model, pairs = micro_model(demo_model_64), micro_pairs()
    scores = edge_scores(model, pairs)
    nearly_all = minimal_edges(model, pairs, scores, bound=0.999999)
    chains = (
        "embed->0.0<v>, embed->0.1<v>, 0.0->mlp 0, 0.1->mlp 0, 0.0->logits, 0.1->logits, mlp 0->logits",
        "mlp 0->1.0<v>, 1.0->logits, 0.0->1.1<q>, 0.1->1.1<q>, embed->1.1<k>, embed->1.1<v>, 1.1->logits",
    )
    assert set(nearly_all.edges) == set(EdgeGraph.of(model).edges(EdgeGraph.of(model).mask(", ".join(chains))))
    few = minimal_edges(model, pairs, scores, bound=0.5)
    assert few.evaluation.faithfulness >= 0.5
    assert len(few.edges) < len(nearly_all.edges)


def test_no_edge_can_leave(demo_model: Model) -> None:
    pairs, other = (ioi_dataset(demo_model, 4, seed=seed, templates=[0], corruption="abc") for seed in (1, 2))
    scores = edge_scores(demo_model, pairs, "eap_ig")
    found = minimal_edges(demo_model, pairs, scores, bound=0.6, held_out=other)
    graph = EdgeGraph.of(demo_model)
    mask = graph.mask(found.edges)
    np.testing.assert_array_equal(graph.pruned(mask), mask)
    assert found.complete
    assert found.evaluation.faithfulness >= 0.6
    assert len(found.edges) <= found.n_grown <= found.n_ranked
    assert len(found.edges) + len(found.removed) == found.n_grown
    for edge in found.edges[::3]:
        fewer = [one for one in found.edges if one != edge]
        assert evaluate_edges(demo_model, pairs, fewer).faithfulness < 0.6
    held_out = evaluate_edges(demo_model, other, found.edges)
    assert found.held_out.faithfulness == pytest.approx(held_out.faithfulness, abs=1e-5)
    reached = found.faithfulness[found.sizes == found.n_ranked]
    assert reached >= 0.6
    assert (found.faithfulness[found.sizes == found.n_ranked - 1] < 0.6).all()


def test_a_result_stands_for_its_edges(small_model: Model, tmp_path: Path) -> None:
    found = minimal_edges(small_model, PAIRS, edge_scores(small_model, PAIRS, "eap"), bound=0.5)
    assert found.edges
    for given in (found, found.evaluation):
        again = evaluate_edges(small_model, PAIRS, given)
        assert again.edges == found.edges
        np.testing.assert_array_equal(again.per_prompt, found.evaluation.per_prompt)
        assert edges_as_csv(small_model, given) == edges_as_csv(small_model, found.edges)
        assert edges_as_json(small_model, given) == edges_as_json(small_model, found.edges)
        drawn = edges_as_neuronpedia(small_model, PAIRS, given)
        assert drawn == edges_as_neuronpedia(small_model, PAIRS, found.edges)
        write_edges(small_model, tmp_path / "found.csv", given)
        assert read_edges(small_model, tmp_path / "found.csv").edges == found.edges
        swept = {"analysis": "evaluate_edges", "prompts": 2}
        by_result, by_name = (sweep(small_model, **swept, parameters={"edges": e}) for e in (given, found.edges))
        np.testing.assert_array_equal(by_result.values, by_name.values)
    with pytest.raises(EdgeError, match="edges are wanted, got EdgeScores"):
        evaluate_edges(small_model, PAIRS, edge_scores(small_model, PAIRS, "eap"))


def test_a_large_circuit_is_not_pruned(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimal, "MOST_EDGES", 0)
    found = minimal_edges(small_model, PAIRS, edge_scores(small_model, PAIRS, "eap"), bound=0.5)
    assert not found.complete
    assert not found.removed
    assert found.held_out is None


def test_it_is_cancelled_and_refused(small_model: Model) -> None:
    scores = np.random.default_rng(0).normal(size=EdgeGraph.of(small_model).exists.shape)

    def stop(done: int, total: int) -> None:
        if 2 * done > total:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        minimal_edges(small_model, PAIRS, scores, bound=0.9, progress=stop)
    same = replace(PAIRS, corrupted_tokens=PAIRS.clean_tokens)
    with pytest.raises(IOIError, match="same mean logit_diff"):
        minimal_edges(small_model, same, scores)
    with pytest.raises(IOIError, match="bound must be a number between 0 and 1"):
        minimal_edges(small_model, PAIRS, scores, bound=1.5)
