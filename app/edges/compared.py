"""Two choices of edges side by side, and how steady one is under other prompts. No Streamlit here."""

import numpy as np

from app.edges.words import Agreement
from ioi_core import EdgeGraph, EdgeScores
from ioi_core.edges.evaluation import largest, ranking

_DRAWS = 200


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Return the size of the intersection over that of the union of two masks; 1 for two that are empty."""
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def agreement(graph: EdgeGraph, a: np.ndarray, b: np.ndarray) -> Agreement:
    """Return how far two masks [sender receiver] agree in edges and in nodes."""
    nodes = [set(graph.in_circuit(mask)) for mask in (a, b)]
    union = nodes[0] | nodes[1]
    shared_nodes = len(nodes[0] & nodes[1]) / len(union) if union else 1.0
    return Agreement(jaccard(a, b), shared_nodes, (int(a.sum()), int(b.sum())), int((a & b).sum()))


def overlaps_when_resampled(graph: EdgeGraph, scores: EdgeScores, number: int, seed: int = 0) -> np.ndarray:
    """Return [draw] the Jaccard overlap of the `number` strongest edges, prompts drawn with replacement, with all's."""
    of_all = largest(graph, ranking(graph, scores.values), number)
    chance = np.random.default_rng(seed)
    per_prompt = scores.per_prompt[graph.exists]  # [edge batch]
    overlaps = np.empty(_DRAWS)
    for draw in range(_DRAWS):
        weights = np.bincount(chance.integers(0, scores.n_prompts, scores.n_prompts), minlength=scores.n_prompts)
        drawn = np.full(graph.exists.shape, np.nan)
        drawn[graph.exists] = per_prompt @ weights / scores.n_prompts
        overlaps[draw] = jaccard(of_all, largest(graph, ranking(graph, drawn), number))
    return overlaps
