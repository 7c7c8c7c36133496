"""Estimates and edge circuits against TransformerLens's own (`tools.analysis.attribution_patching`).

Its estimate takes the gradient at the run called corrupt and points toward the one called clean: ours with the two
swapped. It scores each position by itself, reads the logits wherever asked, and has no EAP-IG yet.
"""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from transformer_lens.tools.analysis import attribution_patching as peer

from ioi_core import EdgeGraph, Model, edge_scores, evaluate_edges
from tests.models.random_pairs import random_pairs

PAIRS = random_pairs([6], seed=11, differ_from=2)


def name_of(node: peer.Node) -> str:
    """Our name of its node."""
    match node.kind:
        case "embed" | "logits":
            return node.kind
        case "attn_head_out":
            return f"{node.layer}.{node.head}"
        case "mlp_out" | "mlp_in":
            return f"mlp {node.layer}"
    return f"{node.layer}.{node.head}<{node.kind[0]}>"


def logit_diff(logits: torch.Tensor) -> torch.Tensor:
    io, s = PAIRS.answers[0]
    return logits[0, -1, io] - logits[0, -1, s]


@pytest.fixture(scope="module")
def found(small_bridge: Any) -> peer.AttributionResult:
    clean, corrupted = torch.tensor(PAIRS.clean_tokens), torch.tensor(PAIRS.corrupted_tokens)
    config = peer.EdgeAttributionConfig(granularity="edge")
    return peer.attribution_patch(small_bridge, corrupted, clean, logit_diff, config)


def test_estimates(small_model: Model, found: peer.AttributionResult) -> None:
    theirs: dict[tuple[str, str], float] = defaultdict(float)
    for (writer, reader), score in found.edge_scores.items():
        theirs[name_of(writer), name_of(reader)] += score
    ours = edge_scores(small_model, PAIRS, "eap")
    assert len(theirs) == ours.n_edges
    for (sender, receiver), score in theirs.items():
        assert ours.at(sender=sender, receiver=receiver).values == pytest.approx(score, abs=1e-4)


def test_circuits(small_model: Model, small_bridge: Any, found: peer.AttributionResult) -> None:
    graph, rng = EdgeGraph.of(small_model), np.random.default_rng(3)
    mask = graph.exists & (rng.random(graph.exists.shape) < 0.6)
    kept = set(graph.edges(mask))
    circuit = [edge for edge in found.edge_scores if (name_of(edge[0]), name_of(edge[1])) in kept]
    tokens = torch.tensor(PAIRS.clean_tokens), torch.tensor(PAIRS.corrupted_tokens)
    theirs = peer.faithfulness(small_bridge, *tokens, logit_diff, circuit)
    ours = evaluate_edges(small_model, PAIRS, mask)
    assert ours.clean - ours.corrupted == pytest.approx(theirs.full_metric - theirs.corrupt_metric, abs=1e-4)
    assert ours.faithfulness == pytest.approx(theirs.recovered, abs=1e-3)
