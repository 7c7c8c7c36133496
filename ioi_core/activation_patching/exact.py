"""Activation patching: the total effect of moving one activation from one run into the other, cell by cell, exactly.

`grid` plans which cells can change and groups them; for each block of prompts both runs are recorded, `sites` begins
the groups' cells, `engine.wavefront` carries them to END, and `metrics` scores them there. Cells that cannot change
keep the base run's own value.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.activation_patching.grid import Request, groups, plan_request, work
from ioi_core.activation_patching.sites import RESIDUAL_SITES, Site, base_names
from ioi_core.engine.memory import blocks, chunks
from ioi_core.engine.progress import advancing
from ioi_core.engine.recording import receiving_and_giving, record, record_source
from ioi_core.engine.scoring import UNITS, Scale, Scorer
from ioi_core.engine.tensors import as_array, at_positions, to_device
from ioi_core.engine.wavefront import wavefront
from ioi_core.inputs import Choice
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, Result
from ioi_core.vocabulary import Direction


@dataclass(frozen=True, eq=False)
class PatchResult(Result):
    """Total effects of one site.

    Attributes:
        site, direction: what was moved, and which way.
        clean, corrupted: the raw metric of the two runs, mean over prompts (logit_diff for the recovered metric).
        unpatched: [batch] the receiving run's own value on the scale of `values`; a cell minus this is its effect.
        gaps: [batch] each prompt's clean minus corrupted logit_diff over their mean, where values are divided by that
            mean (logit_diff_recovered): a resampled mean must be divided by the resampled gap.
        estimate: whether the values are a first-order estimate and not exact.
    """

    site: str = ""
    direction: Direction = Direction.DENOISING
    clean: float = float("nan")
    corrupted: float = float("nan")
    unpatched: Float[np.ndarray, " batch"] | None = None
    gaps: Float[np.ndarray, " batch"] | None = None
    estimate: bool = False

    @property
    def effects(self) -> Float[np.ndarray, "*cells batch"]:
        """Each cell's change against the unpatched run, prompt by prompt; exactly 0 where nothing can change."""
        assert self.per_prompt is not None
        assert self.unpatched is not None
        return self.per_prompt - self.unpatched


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
        SiteError, MetricError, PromptError: say what was got and what is allowed.
    """
    request = plan_request(model, pairs, site, direction, positions, metric)
    advance = advancing(progress, work(model, pairs, request))
    found = [patch_block(model, pairs.take(rows), request.take(rows), advance) for rows in blocks(model, pairs)]
    return as_result(model, request, *gather(found, request))


def gather(
    found: list["Block"], request: Request
) -> tuple[Float[np.ndarray, "*cells batch"], Float[np.ndarray, " batch"], Float[np.ndarray, " batch"]]:
    """Blocks of prompts after one another as NumPy, without axes of length one: values, clean, corrupted."""
    per_prompt = as_array(torch.cat([block.values.cpu() for block in found], dim=-1))
    clean, corrupted = (as_array(torch.cat([block.runs[run].cpu() for block in found])) for run in range(2))
    if not request.column_axis:
        per_prompt = per_prompt[..., 0, :]
    if request.site in RESIDUAL_SITES:
        per_prompt = per_prompt[:, 0]
    return per_prompt, clean, corrupted


def as_result(
    model: Model,
    request: Request,
    per_prompt: Float[np.ndarray, "*cells batch"],
    clean: Float[np.ndarray, " batch"],
    corrupted: Float[np.ndarray, " batch"],
    *,
    estimate: bool = False,
    undefined: str | None = None,
) -> PatchResult:
    """Raw metrics as a result: on the recovered scale if asked for, undefined where it has no scale."""
    scale = Scale.of(request.metric, clean, corrupted)
    per_prompt = scale(per_prompt)
    return PatchResult(
        values=per_prompt.mean(-1),
        axes=request.axes(model),
        metric=request.metric,
        unit=UNITS[request.metric],
        n_prompts=per_prompt.shape[-1],
        per_prompt=per_prompt,
        undefined=undefined or scale.undefined,
        site=request.site,
        direction=request.direction,
        clean=float(clean.mean()),
        corrupted=float(corrupted.mean()),
        unpatched=scale(corrupted if request.direction is Direction.DENOISING else clean),
        gaps=scale.gaps,
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


def patch_block(
    model: Model, pairs: PromptPairs, request: Request, advance: Callable[[int], None] | None = None
) -> Block:
    """Patch a block of prompts that fits the memory budget; runs on any device, also PyTorch's `meta`."""
    site_name, denoising = request.site, request.direction is Direction.DENOISING
    receives, _ = receiving_and_giving(pairs, request.direction)
    ends = pairs.roles["END"]
    base = record(model, to_device(model, receives), (*base_names(site_name), "resid_post"))
    if advance:
        advance(0)  # a chance to cancel between the recorded runs
    source = record_source(model, pairs, request.direction, (site_name, "resid_post"), base)
    finals = [at_positions(trace[-1]["resid_post"], ends) for trace in (base, source)]
    clean_final, corrupted_final = reversed(finals) if denoising else finals
    scorer = Scorer.of(model, request.metric, pairs.answers, clean_final)
    rows = to_device(model, np.arange(len(pairs)))
    clean, corrupted = (scorer(final[:, None], rows)[:, 0] for final in (clean_final, corrupted_final))
    site = Site(site_name, model, base, source)
    shape = (model.cfg.n_layers, site.cells_a_layer, len(request.columns), len(pairs))
    values = (corrupted if denoising else clean).expand(shape).clone()
    for chunk in chunks(model, site.cells_a_layer, groups(model, pairs, request)):
        for group, final in zip(chunk, wavefront(model, base, chunk, site.seeds(), advance), strict=True):
            prompts = to_device(model, np.array(group.prompts))
            scores = scorer(final, prompts).unflatten(1, (len(group.layers), -1))  # [batch layer cell]
            layers = slice(group.layers[0], group.layers[-1] + 1)
            values[layers, :, group.column, prompts] = scores.permute(1, 2, 0)
    return Block(values, (clean, corrupted))
