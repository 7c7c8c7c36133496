"""Self-repair: knock heads out one after another and watch the others (Wang et al. 2022; McGrath et al. 2023).

Direct effects are read as in `attribution`, each run with the final LayerNorm's scale of its own: when a head that
wrote much is gone the residual stream is shorter, and what all others write counts for more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.circuit.definition import Circuit, CircuitError, check_circuit
from ioi_core.circuit.replacements import Replacements
from ioi_core.circuit.runs import CLEAN_NAMES, Variant, ablated_cells
from ioi_core.engine.few_ablated import FewAblated
from ioi_core.engine.forward import layer_norm_scale
from ioi_core.engine.memory import blocks
from ioi_core.engine.progress import between, in_parts
from ioi_core.engine.recording import record
from ioi_core.engine.scoring import Scorer, answer_direction
from ioi_core.engine.tensors import at_positions, joined_columns, to_device
from ioi_core.inputs import Choice, HeadList, as_heads, check_ablation
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, over_prompts
from ioi_core.vocabulary import Ablation, Head

_MOST_HEADS = 50


@dataclass(frozen=True, eq=False, kw_only=True)
class Backup(PromptResult):
    """`values` [stage layer head]: every head's direct effect at END in logits; stage k lacks the first k heads.

    Attributes:
        knocked_out: the heads, in order; the first stage, "none", lacks no head.
        logit_diff_per_prompt: [stage batch] as measured.
        naive_per_prompt: [stage batch] as predicted from the clean run alone: its logit_diff without the direct effects
            of the heads that are gone (and with those of what replaces them), if nothing else reacted.
        scale_per_prompt: [stage batch] the divisor of the final LayerNorm at END.
    """

    knocked_out: tuple[Head, ...]
    ablation: Ablation
    logit_diff_per_prompt: Float[np.ndarray, "stage batch"]
    naive_per_prompt: Float[np.ndarray, "stage batch"]
    scale_per_prompt: Float[np.ndarray, "stage batch"]

    @property
    def logit_diff(self) -> Float[np.ndarray, " stage"]:
        """The mean logit_diff of each stage."""
        return self.logit_diff_per_prompt.mean(-1)

    @property
    def naive(self) -> Float[np.ndarray, " stage"]:
        """The mean prediction for each stage; `logit_diff` minus it is self-repair."""
        return self.naive_per_prompt.mean(-1)

    @property
    def scale(self) -> Float[np.ndarray, " stage"]:
        """The mean scale of the final LayerNorm at END."""
        return self.scale_per_prompt.mean(-1)

    @property
    def changes(self) -> Float[np.ndarray, "stage layer head"]:
        """Each direct effect minus that of the clean run."""
        return self.values - self.values[0]

    @property
    def changes_per_prompt(self) -> Float[np.ndarray, "stage layer head batch"]:
        """The same, prompt by prompt."""
        return self.per_prompt - self.per_prompt[0]


@torch.inference_mode()
def backup_heads(
    model: Model,
    pairs: PromptPairs,
    heads: HeadList,
    *,
    ablation: Choice = Ablation.ZERO,
    progress: Progress | None = None,
) -> Backup:
    """Ablate heads at END, first one, then two, ...; at each stage read off every head's direct effect.

    Args:
        heads: in the order in which they are knocked out. ablation: as in `ablate`.
    Raises:
        CircuitError: no heads, more than 50, or one twice.
        HeadError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    order = as_heads(heads)
    if not 0 < len(order) <= _MOST_HEADS or len(set(order)) < len(order):
        raise CircuitError(f"{len(order)} heads to knock out: 1 to {_MOST_HEADS} different ones are wanted, in order")
    stages = [Circuit.of([(head, "END") for head in order[:stage]]) for stage in range(len(order) + 1)]
    check_circuit(model, pairs, stages[-1])
    ablation = check_ablation(ablation)
    replacements = Replacements.of(model, pairs, ablation, between(progress, 0, 20))
    parts = blocks(model, pairs, (*CLEAN_NAMES, "z"), more_vectors=len(stages))
    direct, logit_diff, naive, scale = joined_columns(
        _block(replacements, pairs, part, stages, order, of_block)
        for part, of_block in in_parts(parts, between(progress, 20, 100))
    )
    return Backup(
        **over_prompts(direct),
        axes={"stage": ("none", *(f"without {head}" for head in order)), **model.head_axes},
        metric="logit_diff",
        unit="logits",
        knocked_out=order,
        ablation=ablation,
        logit_diff_per_prompt=logit_diff,
        naive_per_prompt=naive,
        scale_per_prompt=scale,
    )


def _block(
    replacements: Replacements,
    pairs: PromptPairs,
    part: slice,
    stages: Sequence[Circuit],
    order: Sequence[Head],
    progress: Progress | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Direct effects [stage layer head batch]; logit_diff, naive prediction and scale [stage batch]."""
    model, block = replacements.model, pairs.take(part)
    ends, rows = block.roles["END"], to_device(replacements.model, np.arange(len(block)))
    at_end = to_device(model, ends)
    replaced = replacements.of_rows(pairs, part, between(progress, 0, 25))
    clean = record(model, to_device(model, block.clean_tokens), CLEAN_NAMES, between(progress, 25, 50))
    z = torch.stack([at_positions(layer["z"], at_end) for layer in clean]).repeat(len(stages), 1, 1, 1, 1)
    final = at_positions(clean[-1]["resid_post"], at_end).repeat(len(stages), 1, 1)  # [stage batch d_model]

    def keep_z(layer: int, prompts: tuple[int, ...], numbers: list[int], of_variants: Tensor) -> None:
        z[torch.tensor(numbers)[:, None], layer, torch.tensor(prompts)] = of_variants.transpose(0, 1)

    ablated = {number: ablated_cells(model, block, Variant(None, stage)) for number, stage in enumerate(stages)}
    cells = FewAblated(model, clean, replaced, ablated, keep_z)
    for group, numbers, residual in cells.finals(ends, between(progress, 50, 100)):
        final[torch.tensor(numbers)[:, None], torch.tensor(group.prompts)] = residual.transpose(0, 1)
    per_entry, scale = _logit_diff_per_z(model, block), layer_norm_scale(final, model.cfg.eps)[..., 0]
    direct = (z * per_entry).sum(-1) / scale[:, None, :, None]  # [stage layer batch head]
    logit_diff = Scorer(model, "logit_diff", block)(final.transpose(0, 1), rows).T
    replacing = torch.stack([at_positions(z_of_layer, at_end) for z_of_layer in replaced])  # [layer batch head d_head]
    loss = direct[0] - (replacing * per_entry).sum(-1) / scale[0][:, None]
    lost = torch.stack([torch.zeros_like(scale[0]), *(loss[head.layer, :, head.head] for head in order)])
    naive = logit_diff[0] - lost.cumsum(0)
    return direct.transpose(2, 3), logit_diff, naive, scale


def _logit_diff_per_z(model: Model, pairs: PromptPairs) -> Float[Tensor, "layer batch head d_head"]:
    """The direct effect of one unit of each entry of z on logit_diff, times the final LayerNorm's scale."""
    direction = answer_direction(model, pairs)
    centred = direction - direction.mean(-1, keepdim=True)  # LayerNorm centres what is written
    shape = (model.cfg.n_heads, model.cfg.d_head)
    return torch.stack([(centred @ layer.W_O.T).unflatten(1, shape) for layer in model.weights.layers])
