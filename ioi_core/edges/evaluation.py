"""Edge circuits judged as MIB judges them: faithfulness of one, and its curve over the number of edges."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from ioi_core.edges.graph import EdgeGraph, EdgeMask
from ioi_core.edges.notation import Edge, EdgeError
from ioi_core.edges.results import EdgeCurve, EdgeEvaluation
from ioi_core.edges.runs import METRIC, METRIC_UNITS, EdgeRuns, edge_blocks
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.progress import between, in_parts
from ioi_core.engine.scoring import Scale
from ioi_core.engine.tensors import joined_columns
from ioi_core.errors import ChoiceError
from ioi_core.inputs import EdgeChoice, EdgeValues, Numbers, WholeNumber, as_whole_number, shown
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, over_prompts

SHARES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The sizes of MIB's curve, as shares of all edges."""


@torch.inference_mode()
def evaluate_edges(
    model: Model, pairs: PromptPairs, edges: EdgeChoice, *, progress: Progress | None = None
) -> EdgeEvaluation:
    """Run an edge circuit: the clean prompt, in which every edge outside it reads from the corrupted run.

    Edges that lie on no path from the embedding to the logits are pruned first; they change nothing.

    Args:
        edges: (sender, receiver) names: "embed", "9.9", "mlp 3" to "9.9<q>", "mlp 3", "logits"; as pairs, as text
            "0.1->3.2<q>", as a mask [sender receiver] on the axes of `edge_scores`, or as what `minimal_edges`,
            `evaluate_edges` or `read_edges` returned.
    Returns:
        logit_diff and faithfulness of the circuit; all edges are the clean run, none is the corrupted one.
    Raises:
        EdgeError, PromptError: say what was got and what is allowed.
    """
    check_pairs(model, pairs)
    graph = EdgeGraph.of(model)
    mask = graph.mask(edges)
    [circuit], clean, corrupted = circuit_runs(model, pairs, [mask], progress)
    return evaluation(graph, mask, circuit, clean, corrupted)


def evaluation(
    graph: EdgeGraph,
    mask: EdgeMask,
    circuit: Float[np.ndarray, " batch"],
    clean: Float[np.ndarray, " batch"],
    corrupted: Float[np.ndarray, " batch"],
) -> EdgeEvaluation:
    """The result for a circuit, from each prompt's logit_diff in it and in both runs."""
    return EdgeEvaluation(
        **over_prompts(circuit),
        axes={},
        metric=METRIC,
        unit=METRIC_UNITS[METRIC],
        clean_per_prompt=clean,
        corrupted_per_prompt=corrupted,
        edges=graph.edges(graph.pruned(mask)),
        n_given=int(mask.sum()),
    )


@torch.inference_mode()
def edge_curve(
    model: Model,
    pairs: PromptPairs,
    scores: EdgeValues,
    *,
    shares: Numbers = SHARES,
    progress: Progress | None = None,
) -> EdgeCurve:
    """Faithfulness of the circuits that the edges of largest score make, at several sizes (MIB's circuit track).

    Args:
        scores: `edge_scores`, or an array [sender receiver] on its axes; edges are ranked by absolute value.
        shares: of all edges, ascending, above 0 and at most 1; int(share x edges) edges are taken.
    Returns:
        `values` [share], with CPR and CMD.
    Raises:
        EdgeError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    check_pairs(model, pairs)
    graph, shares = EdgeGraph.of(model), _checked_shares(shares)
    order = ranking(graph, edge_values(graph, scores))
    masks = [largest(graph, order, int(share * graph.n_edges)) for share in shares]
    circuits, clean, corrupted = circuit_runs(model, pairs, masks, progress)
    scale = Scale.of("logit_diff_recovered", clean, corrupted)
    return EdgeCurve(
        **over_prompts(scale(circuits)),
        axes={"share": tuple(f"{share:g}" for share in shares)},
        metric="faithfulness",
        unit="fraction",
        undefined=scale.undefined,
        clean_per_prompt=clean,
        corrupted_per_prompt=corrupted,
        shares=shares,
        n_chosen=np.array([mask.sum() for mask in masks]),
        n_edges=np.array([graph.pruned(mask).sum() for mask in masks]),
        logit_diffs=circuits,
    )


def circuit_runs(
    model: Model, pairs: PromptPairs, masks: Sequence[EdgeMask], progress: Progress | None = None
) -> tuple[Float[np.ndarray, "circuit batch"], Float[np.ndarray, " batch"], Float[np.ndarray, " batch"]]:
    """logit_diff of each circuit's run, of the clean and of the corrupted run."""
    parts = []
    for rows, of_block in in_parts(edge_blocks(model, pairs), progress):
        runs = EdgeRuns.record(model, pairs.take(rows))
        if of_block:
            of_block(0, 1)  # a chance to cancel
        parts.append((runs.circuits(masks, between(of_block, 20, 100)), runs.of_clean(), runs.of_corrupted()))
    circuits, clean, corrupted = joined_columns(parts)
    return circuits, clean, corrupted


def edge_values(graph: EdgeGraph, scores: EdgeValues) -> Float[np.ndarray, "sender receiver"]:
    """Return the score of each edge, from a result or an array; those of no edge do not count.

    Raises:
        EdgeError: another shape, or an edge without a number.
    """
    values = getattr(scores, "values", scores)
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or values.shape != graph.exists.shape:
        got = f"numbers of shape {values.shape}" if isinstance(values, np.ndarray) else shown(scores)
        raise EdgeError(
            f"scores must be the result of edge_scores, or an array of shape {graph.exists.shape}, got {got}"
        )
    if not np.isfinite(values[graph.exists]).all():
        raise EdgeError(f"{int((~np.isfinite(values[graph.exists])).sum())} edges have no score that is a number")
    return values


def largest_edges(model: Model, scores: EdgeValues, number: WholeNumber) -> tuple[Edge, ...]:
    """Return the edges of largest absolute score by name, not pruned: a circuit for `evaluate_edges`.

    Args:
        scores: `edge_scores`, or an array [sender receiver] on its axes; of equal ones the first on the axes counts.
        number: how many, from 0 to all edges.
    Returns:
        (sender, receiver) names, in the order of the axes; as `edge_curve` takes them (Mueller et al. 2025).
    Raises:
        EdgeError: scores that do not fit the model. PromptError: no such number.
    """
    check_model(model)
    graph = EdgeGraph.of(model)
    number = as_whole_number(number, "number", 0, graph.n_edges)
    return graph.edges(strongest_mask(graph, edge_values(graph, scores), number))


def ranking(graph: EdgeGraph, values: Float[np.ndarray, "sender receiver"]) -> Int[np.ndarray, " edge"]:
    """Flat indices of all edges, the largest absolute value first; equal ones in the order of the axes."""
    edges = np.flatnonzero(graph.exists)
    return edges[np.argsort(-np.abs(values.ravel()[edges]), kind="stable")]


def strongest_mask(graph: EdgeGraph, values: Float[np.ndarray, "sender receiver"], number: int) -> EdgeMask:
    """The circuit of the edges of largest absolute value, not yet pruned."""
    return largest(graph, ranking(graph, values), number)


def largest(graph: EdgeGraph, order: Int[np.ndarray, " edge"], number: int) -> EdgeMask:
    """The circuit of the first edges of a ranking, not yet pruned."""
    mask = np.zeros(graph.exists.size, dtype=bool)
    mask[order[:number]] = True
    return mask.reshape(graph.exists.shape)


def _checked_shares(shares: Numbers) -> Float[np.ndarray, " share"]:
    try:
        array = np.asarray(shares, dtype=np.float64) if isinstance(shares, list | tuple | np.ndarray) else np.empty(0)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 1 or not len(array) or not ((array > 0) & (array <= 1)).all() or (np.diff(array) <= 0).any():
        raise ChoiceError(
            f"shares must be numbers above 0 and at most 1, each larger than the last, got {shown(shares)}"
        )
    return array
