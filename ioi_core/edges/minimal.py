"""The smallest edge circuit whose faithfulness reaches a bound, by a stated procedure: scores rank, edges leave again.

1. Rank all edges by the absolute value of their scores.
2. Grow: double the number of edges, from 1 on, until the circuit of so many of the largest, pruned, reaches the bound;
   then halve the interval between the last number that did not reach it and the first that did, until the two are
   neighbours. Faithfulness need not rise with every edge, so a smaller number may reach the bound as well.
3. Prune by exact effect: run the circuit once without each of its edges. Those whose leaving costs least leave
   together, as many of them as keep the circuit at the bound (by halving again), pruned. Repeat until no edge can leave
   by itself; a circuit of which many rounds are asked is left as it is after `ROUNDS` of them.

Nothing is drawn at random. No smaller set is ruled out: this is a local minimum. It is judged on the prompts it was
found on, and so flattered by them; `held_out` judges it on others as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from ioi_core.edges.evaluation import circuit_runs, edge_values, evaluation, largest, ranking
from ioi_core.edges.graph import EdgeGraph, EdgeMask
from ioi_core.edges.notation import Edge, EdgeError
from ioi_core.edges.results import EdgeEvaluation
from ioi_core.edges.runs import EdgeRuns, edge_blocks
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.progress import between
from ioi_core.engine.scoring import Scale
from ioi_core.engine.tensors import joined
from ioi_core.inputs import EdgeValues, Fraction, as_fraction
from ioi_core.model.weights import Model
from ioi_core.notation import ARROW, one_line
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress

BOUND = 0.9
ROUNDS = 20
MOST_EDGES = 2000
"""The largest circuit that step 3 takes edges out of: each of its rounds runs it once for every edge."""

Reached = Callable[[EdgeMask], bool]


@dataclass(frozen=True, eq=False, kw_only=True)
class MinimalEdges:
    """A circuit of few edges.

    Attributes:
        evaluation: of the circuit, on the prompts it was found on; held_out: on others, None if none were given.
        bound: the faithfulness that was asked for.
        n_ranked: how many edges of the ranking step 2 took; n_grown: how many of them were left after pruning.
        removed: edges that step 3 took out, round after round.
        sizes, faithfulness: [size] the numbers of edges that step 2 tried, in its order, and their faithfulness.
        complete: step 3 ended by itself; False if it was cut short, or the circuit was too large for it.
    """

    evaluation: EdgeEvaluation
    held_out: EdgeEvaluation | None
    bound: float
    n_ranked: int
    n_grown: int
    removed: tuple[Edge, ...]
    sizes: Int[np.ndarray, " size"]
    faithfulness: Float[np.ndarray, " size"]
    complete: bool

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The circuit."""
        return self.evaluation.edges

    def __repr__(self) -> str:
        share = f"faithfulness {self.evaluation.faithfulness:.3g}, at least {self.bound:g} wanted"
        return one_line(f"MinimalEdges({len(self.edges)} edges, {share}: {', '.join(map(ARROW.join, self.edges))})")


@torch.inference_mode()
def minimal_edges(
    model: Model,
    pairs: PromptPairs,
    scores: EdgeValues,
    *,
    bound: Fraction = BOUND,
    held_out: PromptPairs | None = None,
    progress: Progress | None = None,
) -> MinimalEdges:
    """Find a small circuit of edges whose faithfulness is at least `bound`, by the procedure above.

    Args:
        scores: `edge_scores`, or an array [sender receiver] on its axes.
        bound: above 0 and below 1.
        held_out: other prompts, to judge the circuit on.
    Raises:
        EdgeError: both runs have the same logit_diff, so that there is no faithfulness, or scores that do not fit.
        PromptError: prompts that cannot be used, or a bound out of range.
    """
    check_pairs(model, pairs)
    if held_out is not None:
        check_pairs(model, held_out)
    bound = as_fraction(bound, "bound")
    search = _Search.of(model, pairs, bound, between(progress, 0, 5))
    graph = search.graph
    order = ranking(graph, edge_values(graph, scores))
    tried = _grow(search, order, between(progress, 5, 30))
    n_ranked = min((size for size, reached in tried.items() if reached >= bound), default=len(order))
    grown = graph.pruned(largest(graph, order, n_ranked))
    mask, removed, complete = _prune(search, grown, between(progress, 30, 95))
    return MinimalEdges(
        evaluation=_evaluated(model, pairs, graph, mask, between(progress, 95, 98)),
        held_out=None if held_out is None else _evaluated(model, held_out, graph, mask, between(progress, 98, 100)),
        bound=bound,
        n_ranked=n_ranked,
        n_grown=int(grown.sum()),
        removed=removed,
        sizes=np.array(list(tried)),
        faithfulness=np.array(list(tried.values())),
        complete=complete,
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """The recorded runs of all blocks of prompts, and the scale of faithfulness between them."""

    graph: EdgeGraph
    runs: tuple[EdgeRuns, ...]
    scale: Scale
    bound: float

    @classmethod
    def of(cls, model: Model, pairs: PromptPairs, bound: float, progress: Progress | None) -> "_Search":
        runs = []
        parts = edge_blocks(model, pairs)
        for number, rows in enumerate(parts):
            runs.append(EdgeRuns.record(model, pairs.take(rows)))
            if progress:
                progress(number + 1, len(parts))
        clean, corrupted = joined(of.of_clean() for of in runs), joined(of.of_corrupted() for of in runs)
        scale = Scale.of("logit_diff_recovered", clean, corrupted)
        if scale.undefined:
            raise EdgeError(f"no circuit can be found: {scale.undefined}", "choose other corrupted prompts")
        return cls(EdgeGraph.of(model), tuple(runs), scale, bound)

    def faithfulness(self, masks: list[EdgeMask], progress: Progress | None = None) -> Float[np.ndarray, " circuit"]:
        """Faithfulness of some circuits."""
        parts = []
        for number, runs in enumerate(self.runs):
            start, stop = (100 * n // len(self.runs) for n in (number, number + 1))
            parts.append(runs.circuits(masks, between(progress, start, stop)))
        return self.scale(joined(parts)).mean(-1)

    def reaches(self, mask: EdgeMask) -> bool:
        """Return whether a circuit reaches the bound."""
        return bool(self.faithfulness([mask])[0] >= self.bound)


def _grow(search: _Search, order: Int[np.ndarray, " edge"], progress: Progress | None) -> dict[int, float]:
    """Step 2: the faithfulness of each number of edges that was tried."""
    tried: dict[int, float] = {}
    steps = 2 * len(order).bit_length() + 1

    def reaches(size: int) -> bool:
        tried[size] = float(search.faithfulness([largest(search.graph, order, size)])[0])
        if progress:
            progress(min(len(tried), steps), steps)
        return tried[size] >= search.bound

    low, high = 0, 1
    while not reaches(high) and high < len(order):
        low, high = high, min(2 * high, len(order))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return tried


def _prune(search: _Search, grown: EdgeMask, progress: Progress | None) -> tuple[EdgeMask, tuple[Edge, ...], bool]:
    """Step 3: what is left of the circuit, what left, and whether no edge could leave any more."""
    mask, removed = grown, list[Edge]()
    if mask.sum() > MOST_EDGES:
        return mask, (), False
    for number in range(ROUNDS):
        cells = np.argwhere(mask)
        without = [_without(mask, cells[index : index + 1]) for index in range(len(cells))]
        reached = search.faithfulness(without, between(progress, 100 * number // ROUNDS, 100 * (number + 1) // ROUNDS))
        leaving = cells[np.argsort(-reached, kind="stable")][: int((reached >= search.bound).sum())]
        if not len(leaving):
            return mask, tuple(removed), True
        fewer = _fewest(search, mask, leaving)
        removed += search.graph.edges(mask & ~fewer)
        mask = fewer
    return mask, tuple(removed), False


def _fewest(search: _Search, mask: EdgeMask, leaving: Int[np.ndarray, "edge 2"]) -> EdgeMask:
    """The circuit without the first of some edges, as many as halving finds can leave together; at least one."""
    low, high = 1, len(leaving) + 1  # the first alone may leave; one more than all may not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if search.reaches(_without(mask, leaving[:middle])) else (low, middle)
    return search.graph.pruned(_without(mask, leaving[:low]))


def _without(mask: EdgeMask, cells: Int[np.ndarray, "edge 2"]) -> EdgeMask:
    fewer = mask.copy()
    fewer[tuple(cells.T)] = False
    return fewer


def _evaluated(
    model: Model, pairs: PromptPairs, graph: EdgeGraph, mask: EdgeMask, progress: Progress | None
) -> EdgeEvaluation:
    [circuit], clean, corrupted = circuit_runs(model, pairs, [mask], progress)
    return evaluation(graph, mask, circuit, clean, corrupted)
