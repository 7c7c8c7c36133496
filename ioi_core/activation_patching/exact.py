"""Activation patching: the total effect of moving one activation from one run into the other, cell by cell, exactly.

`grid` plans which cells can change and groups them; for each block of prompts both runs are recorded, `sites` begins
the groups' cells, `engine.wavefront` carries them to END, and `metrics` scores them there. Cells that cannot change
keep the base run's own value.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.activation_patching.grid import PatchPlan, groups, plan_request
from ioi_core.activation_patching.sites import RESIDUAL_SITES, Site, base_names, source_names
from ioi_core.engine.memory import blocks, group_chunks
from ioi_core.engine.progress import in_parts
from ioi_core.engine.recording import receiving_and_giving, record, record_source
from ioi_core.engine.scoring import UNITS, Scale, Scorer, of_two_runs
from ioi_core.engine.tensors import at_positions, joined_columns, to_device
from ioi_core.engine.wavefront import wavefront
from ioi_core.inputs import Choice
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, TwoRunResult
from ioi_core.vocabulary import Direction


@dataclass(frozen=True, eq=False, kw_only=True)
class PatchResult(TwoRunResult):
    """Total effects of one site.

    Attributes:
        site: what was moved.
        estimate: whether the values are a first-order estimate and not exact.
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
    positions: Choice | None = None,
    metric: Choice = "logit_diff_recovered",
    progress: Progress | None = None,
) -> PatchResult:
    """Patch one site, cell by cell, and score END (Wang et al. 2022; Heimersheim and Nanda 2024).

    Args:
        site: "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out", or "z", "q", "k", "v", "pattern".
        direction: DENOISING puts clean activations into the corrupted run, NOISING the reverse.
        positions: residual sites: "each" (default; roles if prompts differ in length) or "roles". Head sites: "all"
            (default) patches every position, "each" one at a time ("pattern": one query row), a role that role alone.
        metric: "logit_diff", "logit_diff_recovered" (0 = corrupted, 1 = clean), "prob" of IO, or "kl" from the clean
            run's prediction, in nats.
    Returns:
        `values` [layer (head) (pos or role)], mean over prompts, and `per_prompt`. The recovered metric is a ratio of
        means over prompts; its `per_prompt` divides each prompt's change by the same mean difference.
    Raises:
        ChoiceError, MetricError, PromptError: say what was got and what is allowed.
    """
    request = plan_request(model, pairs, site, direction, positions, metric)
    parts = blocks(model, pairs, (*base_names(request.site), *source_names(request.site)))
    found = [
        patch_cells(model, pairs.take(rows), request.take(rows), of_block)
        for rows, of_block in in_parts(parts, progress)
    ]
    return as_result(model, request, *gather(found, request))


def gather(
    found: list["Block"], request: PatchPlan
) -> tuple[Float[np.ndarray, "*cells batch"], Float[np.ndarray, " batch"], Float[np.ndarray, " batch"]]:
    """Blocks of prompts after one another as NumPy, without axes of length one: values, clean, corrupted."""
    per_prompt, clean, corrupted = joined_columns((block.values, *block.runs) for block in found)
    if not request.column_axis:
        per_prompt = per_prompt[..., 0, :]
    if request.site in RESIDUAL_SITES:
        per_prompt = per_prompt[:, 0]
    return per_prompt, clean, corrupted


def as_result(
    model: Model,
    request: PatchPlan,
    per_prompt: Float[np.ndarray, "*cells batch"],
    clean: Float[np.ndarray, " batch"],
    corrupted: Float[np.ndarray, " batch"],
    *,
    estimate: bool = False,
    undefined: str | None = None,
) -> PatchResult:
    """Raw metrics as a result: on the recovered scale if asked for, undefined where it has no scale."""
    scale = Scale.of(request.metric, clean, corrupted)
    return PatchResult(
        **of_two_runs(scale(per_prompt), scale, request.direction, clean, corrupted),
        axes=request.axes(model),
        metric=request.metric,
        unit=UNITS[request.metric],
        undefined=undefined or scale.undefined,
        site=request.site,
        estimate=estimate,
    )


@dataclass(frozen=True, eq=False)
class Block:
    """Raw metrics of some prompts, on the model's device.

    Attributes:
        values: [layer cell column batch].
        runs: the unpatched (clean, corrupted) metrics, [batch] each.
    """

    values: Float[Tensor, "layer cell column batch"]
    runs: tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]


def patch_cells(model: Model, pairs: PromptPairs, request: PatchPlan, progress: Progress | None = None) -> Block:
    """Patch a block of prompts that fits the memory budget; runs on any device, also PyTorch's `meta`."""
    site_name, denoising = request.site, request.direction is Direction.DENOISING
    receives, _ = receiving_and_giving(pairs, request.direction)
    ends = pairs.roles["END"]
    base = record(model, to_device(model, receives), base_names(site_name))
    if progress:
        progress(0, 1)  # a chance to cancel between the recorded runs
    source = record_source(model, pairs, request.direction, source_names(site_name), base)
    finals = [at_positions(trace[-1]["resid_post"], ends) for trace in (base, source)]
    clean_final, corrupted_final = reversed(finals) if denoising else finals
    scorer = Scorer.of(model, request.metric, pairs.answers, clean_final)
    clean, corrupted = scorer.each(clean_final), scorer.each(corrupted_final)
    site = Site(site_name, model, base, source)
    shape = (model.cfg.n_layers, site.cells_a_layer, len(request.columns), len(pairs))
    values = (corrupted if denoising else clean).expand(shape).clone()
    planned = list(group_chunks(model, site.cells_a_layer, groups(model, pairs, request)))
    for chunk, of_chunk in in_parts(planned, progress):
        for group, final in zip(chunk, wavefront(model, base, chunk, site.starts(), of_chunk), strict=True):
            prompts = group.rows(model)
            scores = scorer(final, prompts).unflatten(1, (len(group.layers), -1))  # [batch layer cell]
            layers = slice(group.layers[0], group.layers[-1] + 1)
            values[layers, :, group.column, prompts] = scores.permute(1, 2, 0)
    return Block(values, (clean, corrupted))
