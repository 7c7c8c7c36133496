"""Two choices of edges side by side, and how steady one is under other prompts. No Streamlit here."""

from dataclasses import dataclass

import numpy as np

from app.edges.words import Agreement
from ioi_core import EdgeGraph, EdgeScores
from ioi_core.edges.evaluation import strongest_mask

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
    of_all = strongest_mask(graph, scores.values, number)
    drawn = _Drawn.of(graph, scores, number)
    return np.array([jaccard(of_all, drawn(rows)) for rows in _draws(scores.n_prompts, seed)])


def overlaps_between(graph: EdgeGraph, one: EdgeScores, other: EdgeScores, number: int, *, paired: bool) -> np.ndarray:
    """Return [draw] the Jaccard overlap of both scores' `number` strongest edges, prompts drawn with replacement.

    Args:
        paired: both are of the same prompts, which are drawn together.
    """
    drawn, others = _Drawn.of(graph, one, number), _Drawn.of(graph, other, number)
    seeds = (0, 0) if paired else (0, 1)
    draws = zip(_draws(one.n_prompts, seeds[0]), _draws(other.n_prompts, seeds[1]), strict=True)
    return np.array([jaccard(drawn(rows), others(their_rows)) for rows, their_rows in draws])


def _draws(n_prompts: int, seed: int) -> np.ndarray:
    """Return [draw prompt] rows drawn with replacement."""
    return np.random.default_rng(seed).integers(0, n_prompts, (_DRAWS, n_prompts))


@dataclass(frozen=True, eq=False)
class _Drawn:
    """The strongest edges by the mean score over some rows.

    Attributes:
        per_prompt: [edge batch] scores of the edges there are.
    """

    graph: EdgeGraph
    per_prompt: np.ndarray
    number: int

    @classmethod
    def of(cls, graph: EdgeGraph, scores: EdgeScores, number: int) -> "_Drawn":
        return cls(graph, scores.per_prompt[graph.exists], number)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        weights = np.bincount(rows, minlength=self.per_prompt.shape[1])
        means = np.full(self.graph.exists.shape, np.nan)
        means[self.graph.exists] = self.per_prompt @ weights / len(rows)
        return strongest_mask(self.graph, means, self.number)
