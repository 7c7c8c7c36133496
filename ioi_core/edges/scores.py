"""A score for every edge, by one of three methods (Mueller et al. 2025, MIB's circuit track)."""

from collections.abc import MutableMapping

import numpy as np
import torch

from ioi_core.edges.exact import Block, exact_scores
from ioi_core.edges.gradient import gradient_scores
from ioi_core.edges.graph import EdgeGraph
from ioi_core.edges.results import METHODS, EdgeScores
from ioi_core.edges.runs import METRIC, METRIC_UNITS, EdgeRuns, edge_blocks
from ioi_core.engine.checks import check_pairs
from ioi_core.engine.parts import Parts
from ioi_core.engine.progress import between, in_parts
from ioi_core.engine.scoring import check_metric
from ioi_core.engine.tensors import joined_columns
from ioi_core.errors import ChoiceError
from ioi_core.inputs import Choice, WholeNumber, as_choice, as_whole_number, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, over_prompts

STEPS = 5
_MOST_STEPS = 100


def edge_scores(
    model: Model,
    pairs: PromptPairs,
    method: Choice = "exact",
    *,
    steps: WholeNumber = STEPS,
    metric: Choice = METRIC,
    progress: Progress | None = None,
    parts: Parts | None = None,
) -> EdgeScores:
    """Score every edge by what corrupting it alone changes: exactly, or to first order.

    "exact": logit_diff of the clean run in which this one edge reads from the corrupted run, minus the clean run's.
    "eap": edge attribution patching (Syed et al. 2023), (corrupted - clean) output of the sender times the gradient of
    the receiver's input at the clean run. "eap_ig": the same with the gradient averaged over `steps` runs whose
    embedding lies between corrupted and clean (EAP-IG inputs, Hanna et al. 2024).

    Args:
        steps: of eap_ig, from 1 to 100; else it has no effect.
        metric: "logit_diff"; of the sets' mean logits where answers are sets.
        parts: where finished parts of "exact" are kept; those of an earlier call with the same other arguments are
            reused.
    Returns:
        `values` [sender receiver] in logits, below 0 where the edge adds to logit_diff; nan where there is no edge.
        `per_prompt` as well: 0.28 MB a prompt in GPT-2 small's shape.
    Raises:
        ChoiceError, MetricError, PromptError: say what was got and what is allowed.
    """
    check_pairs(model, pairs)
    method, steps = as_choice(method, "method", METHODS), as_whole_number(steps, "steps", 1, _MOST_STEPS)
    check_metric(metric, METRIC_UNITS)
    if parts is not None and not isinstance(parts, MutableMapping):
        raise ChoiceError(f"parts must be a mapping that can be changed, such as a dict, got {shown(parts)}")

    def block(rows: slice, of_block: Progress | None) -> Block:
        if method == "exact":
            with torch.inference_mode():
                return exact_scores(model, pairs.take(rows), rows.start, parts, of_block)
        return _estimated(model, pairs.take(rows), steps if method == "eap_ig" else None, of_block)

    scores, clean, corrupted = joined_columns(
        block(rows, of_block) for rows, of_block in in_parts(edge_blocks(model, pairs), progress)
    )
    graph = EdgeGraph.of(model)
    scores[~graph.exists] = np.nan
    return EdgeScores(
        **over_prompts(scores),
        axes=graph.axes,
        metric=METRIC,
        unit=METRIC_UNITS[METRIC],
        undefined="an edge goes from a sender to a later part alone",
        method=method,
        steps=steps if method == "eap_ig" else None,
        clean=float(clean.mean()),
        corrupted=float(corrupted.mean()),
    )


_EDGES_A_RUN = 2


def count_cells(model: Model, *, method: str = "exact", **_: object) -> int:
    """Return what `edge_scores` costs in each prompt, in patched runs of a head: half a run an edge if it is exact.

    On the eight classic prompts and GPT-2 small's shape an edge takes 1.65 GFLOP, a head's z in `patch_activations`
    3.3: behind an edge into a head only that head's z is computed anew in its layer.
    """
    return -(-EdgeGraph.of(model).n_edges // _EDGES_A_RUN) if method == "exact" else 1


def _estimated(model: Model, pairs: PromptPairs, steps: int | None, progress: Progress | None) -> Block:
    with torch.no_grad():
        runs = EdgeRuns.record(model, pairs)
        clean, corrupted = runs.of_clean(), runs.of_corrupted()
    if progress:
        progress(0, 1)  # a chance to cancel
    return gradient_scores(runs, steps, between(progress, 20, 100)), clean, corrupted
