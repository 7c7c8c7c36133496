"""The same heads under every method, ablations and patching side by side; direct against total effects of all heads.

Resample ablation takes z from the corrupted prompt into the clean run: noising is the same intervention under another
name, and both are listed. Denoising is the reverse, clean z into the corrupted run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ioi_core.attribution.direct import attribute_heads
from ioi_core.circuit.definition import Circuit, check_circuit
from ioi_core.circuit.replacements import Replacements, first_changes
from ioi_core.circuit.runs import CLEAN_NAMES, Variant, few_ablated_runs, logit_diffs
from ioi_core.engine.memory import blocks
from ioi_core.engine.progress import between, in_parts
from ioi_core.engine.recording import record
from ioi_core.engine.tensors import joined, to_device
from ioi_core.inputs import Choice, Heads, check_ablation
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import BesideTwoRuns, Progress, PromptResult, over_prompts
from ioi_core.vocabulary import ALL, Ablation

METHODS = ("zero", "mean", "resample", "noising", "denoising")


@dataclass(frozen=True, eq=False, kw_only=True)
class MethodContrast(BesideTwoRuns):
    """`values` [method] logit_diff with the heads ablated or patched.

    Ablations and noising start from the clean run, denoising from the corrupted one.

    Attributes:
        heads: what was ablated or patched, at which roles.
    """

    heads: Circuit

    @property
    def changes(self) -> Float[np.ndarray, "method batch"]:
        """Each method's value minus that of the run it starts from, prompt by prompt."""
        starts = [self.corrupted_per_prompt if method == "denoising" else self.clean_per_prompt for method in METHODS]
        return self.per_prompt - np.stack(starts)


@torch.inference_mode()
def contrast_methods(
    model: Model, pairs: PromptPairs, heads: Heads, *, progress: Progress | None = None
) -> MethodContrast:
    """logit_diff with the same heads under zero, mean and resample ablation, noising and denoising.

    Args:
        heads: as in `ablate`; z at these (head, position) is replaced, all of them together.
    Raises:
        HeadError, CircuitError, PromptError: say what was got and what is allowed.
    """
    chosen = check_circuit(model, pairs, heads)
    ablations = [Replacements.of(model, pairs, ablation, between(progress, 0, 15)) for ablation in Ablation]
    parts = blocks(model, pairs, (*CLEAN_NAMES, *CLEAN_NAMES, "z", "z"))  # both runs, a mean and 0
    *methods, clean, corrupted = joined(
        _block(ablations, pairs, part, chosen, of_block)
        for part, of_block in in_parts(parts, between(progress, 15, 100))
    )
    return MethodContrast(
        **over_prompts(np.stack(methods)),
        axes={"method": METHODS},
        metric="logit_diff",
        unit="logits",
        heads=chosen,
        clean_per_prompt=clean,
        corrupted_per_prompt=corrupted,
    )


def _block(
    ablations: Sequence[Replacements], pairs: PromptPairs, part: slice, heads: Circuit, progress: Progress | None
) -> Float[Tensor, "run batch"]:
    """logit_diff by every method, then of the clean and the corrupted run, which are recorded once for all of them."""
    model, block = ablations[0].model, pairs.take(part)
    tokens = block.clean_tokens, block.corrupted_tokens
    clean, corrupted = (
        record(model, to_device(model, each), CLEAN_NAMES, of_run)
        for each, of_run in in_parts(tokens, between(progress, 0, 40))
    )
    clean_z, corrupted_z = ([layer["z"] for layer in trace] for trace in (clean, corrupted))
    variants, values = [Variant(None), Variant(None, heads)], {}
    for (ablation, each), of_runs in in_parts([*zip(Ablation, ablations, strict=True)], between(progress, 40, 85)):
        replaced = corrupted_z if each.ablation is Ablation.RESAMPLE else each.of_rows(pairs, part, None)
        whole, values[ablation.value] = few_ablated_runs(
            model, block, clean, replaced, each.starts[part], variants, of_runs
        )
    values["noising"] = values["resample"]
    swapped = replace(block, clean_tokens=block.corrupted_tokens, corrupted_tokens=block.clean_tokens)
    starts = first_changes(swapped, Ablation.RESAMPLE)
    unpatched, values["denoising"] = few_ablated_runs(
        model, swapped, corrupted, clean_z, starts, variants, between(progress, 85, 100)
    )
    return torch.stack([*(values[method] for method in METHODS), whole, unpatched])


@torch.inference_mode()
def direct_and_total(
    model: Model, pairs: PromptPairs, *, ablation: Choice = Ablation.MEAN, progress: Progress | None = None
) -> PromptResult:
    """Every head's direct effect beside its total effect, in logits and with the same sign.

    Args:
        ablation: as in `ablate`.
    Returns:
        `values` [effect layer head] and `per_prompt`: "direct" as `attribute_heads`; "total" is F(M) - F(M \\ head),
        what logit_diff loses if that head alone is ablated at every position.
    Raises:
        ChoiceError, PromptError: say what was got and what is allowed.
    """
    ablation = check_ablation(ablation)
    direct = attribute_heads(model, pairs).per_prompt
    variants = [Variant(None), *(Variant(None, Circuit({head: ALL})) for head in model.heads)]
    whole, *without = logit_diffs(model, pairs, variants, ablation, progress)
    total = (whole - np.stack(without)).reshape(direct.shape)
    return PromptResult(
        **over_prompts(np.stack([direct, total])),
        axes={"effect": ("direct", "total"), **model.head_axes},
        metric="effect on logit_diff",
        unit="logits",
    )
