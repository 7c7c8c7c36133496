"""Activation patching: the total effect of moving one activation from one run into the other, cell by cell, exactly.

`grid` plans which cells can change and groups them; for each block of prompts both runs are recorded, `sites` begins
the groups' cells, `engine.wavefront` carries them to END, and a `Scorer` reads the metric there. Cells that cannot
change keep the base run's own value.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.activation_patching.grid import PatchPlan, groups, plan_request
from ioi_core.activation_patching.sites import RESIDUAL_SITES, Site, base_names, source_names
from ioi_core.engine.memory import blocks, group_chunks
from ioi_core.engine.progress import in_parts
from ioi_core.engine.recording import record, record_source, swap_if_denoising
from ioi_core.engine.scoring import UNITS, Scale, Scorer, two_run_fields
from ioi_core.engine.tensors import at_positions, joined_columns, to_device
from ioi_core.engine.wavefront import wavefront
from ioi_core.inputs import Choice, OptionalChoice
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, TwoRunResult
from ioi_core.vocabulary import Direction


@dataclass(frozen=True, eq=False, kw_only=True)
class PatchResult(TwoRunResult):
    """Total effects of one site.

    Attributes:
        site: what was moved.
        estimate: True for a first-order estimate, False for exact values.
    """

    site: str
    estimate: bool


@torch.inference_mode()
def patch_activations(
    model: Model,
    pairs: PromptPairs,
    site: Choice,
    *,
    direction: Choice = Direction.DENOISING,
    positions: OptionalChoice = None,
    metric: Choice = "logit_diff_recovered",
    progress: Progress | None = None,
) -> PatchResult:
    """Patch one site, cell by cell, and score END (Wang et al. 2022; Heimersheim and Nanda 2024).

    Args:
        site: "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", or "z", "q", "k", "v", "pattern".
        direction: DENOISING puts clean activations into the corrupted run, NOISING the reverse.
        positions: "each" one at a time ("pattern": one query row), the default of residual sites; "roles", which stand
            for "each" if prompts differ in length. Head sites: "all" too (default), every position, and a role alone.
        metric: "logit_diff", "logit_diff_recovered" (0 = corrupted, 1 = clean), "prob" of IO, "prob_diff" (its
            probability minus that of S; summed where answers are sets), or "kl" from the clean run, in nats.
    Returns:
        `values` [layer (head) (pos or role)], mean over prompts, and `per_prompt`. The recovered metric is a ratio of
        means over prompts; its `per_prompt` divides each prompt's change by the same mean difference.
    Raises:
        ChoiceError, MetricError, PromptError: say what was got and what is allowed.
    """
    request = plan_request(model, pairs, site, direction, positions, metric)
    parts = blocks(model, pairs, (*base_names(request.site), *source_names(request.site)))
    patched = (
        patch_cells(model, pairs.take(rows), request.take(rows), of_block)
        for rows, of_block in in_parts(parts, progress)
    )
    return as_result(model, request, patched)


Block = tuple[Float[Tensor, "layer cell column batch"], Float[Tensor, " batch"], Float[Tensor, " batch"]]
"""Raw metrics of some prompts, on the model's device: of the cells, of the clean and of the corrupted run."""


def as_result(
    model: Model,
    request: PatchPlan,
    blocks_of_prompts: Iterable[Block],
    *,
    estimate: bool = False,
    undefined: str | None = None,
) -> PatchResult:
    """Join raw metrics to a result: on the recovered scale if asked for, without axes of length one.

    Args:
        undefined: why no cell has a value; all are nan then, as they are where the metric has no scale.
    """
    raw, clean, corrupted = joined_columns(blocks_of_prompts)
    if not request.column_axis:
        raw = raw[..., 0, :]
    if request.site in RESIDUAL_SITES:
        raw = raw[:, 0]
    scale = Scale.of(request.metric, clean, corrupted)
    per_prompt = np.full_like(raw, np.nan) if undefined else scale(raw)
    return PatchResult(
        **two_run_fields(per_prompt, scale, request.direction, clean, corrupted),
        axes=request.axes(model),
        metric=request.metric,
        unit=UNITS[request.metric],
        undefined=undefined or scale.undefined,
        site=request.site,
        estimate=estimate,
    )


def patch_cells(model: Model, pairs: PromptPairs, request: PatchPlan, progress: Progress | None = None) -> Block:
    """Patch a block of prompts that fits the memory budget; runs on any device, also PyTorch's `meta`."""
    direction = request.direction
    base_tokens, _ = swap_if_denoising(direction, pairs.clean_tokens, pairs.corrupted_tokens)
    base = record(model, to_device(model, base_tokens), base_names(request.site))
    if progress:
        progress(0, 1)  # a chance to cancel between the recorded runs
    source = record_source(model, pairs, direction, source_names(request.site), base)
    finals = [at_positions(trace[-1]["resid_post"], pairs.roles["END"]) for trace in (base, source)]
    scorer = Scorer.of(model, request.metric, pairs, swap_if_denoising(direction, *finals)[0])
    unpatched, of_source = map(scorer.per_prompt, finals)
    site = Site(request.site, model, base, source)
    values = unpatched.expand(model.cfg.n_layers, site.cells_a_layer, len(request.columns), -1).clone()
    chunks = list(group_chunks(model, site.cells_a_layer, groups(model, pairs, request)))
    for chunk, of_chunk in in_parts(chunks, progress):
        for group, final in zip(chunk, wavefront(model, base, chunk, site.starts(), of_chunk), strict=True):
            prompts = group.rows(model)
            scores = scorer(final, prompts).unflatten(1, (len(group.layers), -1))  # [batch layer cell]
            layers = slice(group.layers[0], group.layers[-1] + 1)
            values[layers, :, group.column, prompts] = scores.permute(1, 2, 0)
    return values, *swap_if_denoising(direction, unpatched, of_source)
