"""Attribution patching: activation patching to first order, all cells from one backward pass (Nanda 2023).

A cell's effect is estimated as (source activation - base activation) . d metric / d activation, at the base run. It
costs about three forwards whatever the number of cells, and is wrong where the metric is not linear in the activation,
above all where attention is saturated: always an estimate, to be replaced by `patch_activations`.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.activation_patching.exact import Block, PatchResult, as_result
from ioi_core.activation_patching.grid import PatchPlan, plan_request
from ioi_core.activation_patching.sites import source_names
from ioi_core.engine.forward import embed, layer_runs
from ioi_core.engine.memory import blocks
from ioi_core.engine.progress import with_progress
from ioi_core.engine.recording import record, swap_if_denoising
from ioi_core.engine.scoring import Scorer
from ioi_core.engine.tensors import at_positions, to_device
from ioi_core.errors import IOIError
from ioi_core.inputs import Choice, OptionalChoice
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, check_result
from ioi_core.uncertainty import pearson
from ioi_core.vocabulary import Direction

_KEPT_BY_AUTOGRAD = 40  # of each token in each layer, in vectors of d_model


def estimate_patching(
    model: Model,
    pairs: PromptPairs,
    site: Choice,
    *,
    direction: Choice = Direction.DENOISING,
    positions: OptionalChoice = None,
    metric: Choice = "logit_diff_recovered",
    progress: Progress | None = None,
) -> PatchResult:
    """Estimate `patch_activations` to first order; same arguments, same axes, `estimate` is True.

    Raises:
        ChoiceError, MetricError, PromptError: say what was got and what is allowed.
    """
    request = plan_request(model, pairs, site, direction, positions, metric)
    parts = blocks(model, pairs, ("pattern",), more_vectors=_KEPT_BY_AUTOGRAD)
    estimated = []
    for rows in with_progress(parts, progress):
        with torch.inference_mode(False), torch.enable_grad():  # both are per thread: the caller's may differ
            estimated.append(estimate_block(model, pairs.take(rows), request.take(rows)))
    undefined = None
    if request.metric == "kl" and request.direction is Direction.NOISING:
        undefined = "KL is at its minimum in the clean run, so its slope there is 0: no first-order estimate of noising"
    if request.metric == "prob_diff" or (request.metric == "prob" and pairs.answer_sets is not None):
        undefined = "summed probabilities have no first-order estimate worth the name: use logit_diff for one"
    return as_result(model, request, estimated, estimate=True, undefined=undefined)


def estimate_block(model: Model, pairs: PromptPairs, request: PatchPlan) -> Block:
    """Base metric plus the first-order change of each cell, for a block of prompts."""
    direction, ends = request.direction, pairs.roles["END"]
    tokens = swap_if_denoising(direction, pairs.clean_tokens, pairs.corrupted_tokens)
    base_tokens, source_tokens = (to_device(model, of_run) for of_run in tokens)
    with torch.no_grad():
        source = record(model, source_tokens, source_names(request.site))
    runs = list(layer_runs(model, embed(model, base_tokens).requires_grad_()))
    own = [getattr(run, request.site) for run in runs]
    base_final = at_positions(runs[-1].resid_post, ends)
    source_final = at_positions(source[-1]["resid_post"], ends)
    clean_final, _ = swap_if_denoising(direction, base_final.detach(), source_final)
    scorer = Scorer.of(model, request.metric, pairs, clean_final)
    base = scorer.per_prompt(base_final)
    slopes = torch.autograd.grad(base.sum(), own)
    with torch.no_grad():
        by_position = [
            _by_position((run[request.site] - activation) * slope, request.site)
            for run, activation, slope in zip(source, own, slopes, strict=True)
        ]
        values = base.detach() + _by_column(torch.stack(by_position), request)
        return values, *swap_if_denoising(direction, base.detach(), scorer.per_prompt(source_final))


def _by_position(products: Tensor, site: str) -> Float[Tensor, "cell batch pos"]:
    """First-order change of each cell and position; a pattern's positions are its query rows."""
    if site == "pattern":  # [batch head query_pos key_pos]
        return products.sum(-1).transpose(0, 1)
    summed = products.sum(-1)  # [batch pos] or [batch pos head]
    return summed[None] if summed.ndim == 2 else summed.permute(2, 0, 1)


def _by_column(
    changes: Float[Tensor, "layer cell batch pos"], request: PatchPlan
) -> Float[Tensor, "layer cell column batch"]:
    """The changes summed over all positions, or taken at each prompt's own, column by column."""
    columns = []
    for positions in request.columns.values():
        if positions is None:
            columns.append(changes.sum(-1))
        else:
            index = torch.tensor(positions, device=changes.device)[:, None].expand(*changes.shape[:2], -1, 1)
            columns.append(changes.gather(-1, index)[..., 0])
    return torch.stack(columns, dim=2)


def correlation(estimate: PatchResult, exact: PatchResult) -> float:
    """Pearson correlation of an estimate's cells with the exact ones; nan if either does not vary.

    Raises:
        IOIError: no patching results, or of different axes.
    """
    check_result(PatchResult, estimate=estimate, exact=exact)
    if estimate.axes != exact.axes:
        raise IOIError(f"results over the same cells are wanted, got {estimate!r} and {exact!r}")
    return pearson(estimate.values, exact.values)
