"""The z that replaces an ablated head's: zero, a mean, or its z in another prompt.

Mean ablation takes z from the corrupted prompts (Wang et al. 2022 use ABC) averaged over those **of the same layout**:
the same template, the same number of tokens and every role at the same position, so that position p means the same
word in all of them. Templates filled with words of one token have one layout each. A row whose layout no other row
shares is averaged over itself: for typed prompts, which have a template each, mean and resample ablation are the same.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.forward import embed, layer_runs
from ioi_core.engine.progress import in_parts
from ioi_core.engine.tensors import row_chunks, to_device
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress
from ioi_core.vocabulary import ROLES, Ablation


def layouts(pairs: PromptPairs) -> Int[np.ndarray, " batch"]:
    """A number for each row, equal where template, length and all role positions are."""
    columns = [pairs.templates, pairs.lengths, *(pairs.roles[role] for role in ROLES if role in pairs.roles)]
    _, layout = np.unique(np.stack(columns, 1), axis=0, return_inverse=True)
    return layout.reshape(-1).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Replacements:
    """The z that replaces an ablated head's, for some prompts at once.

    Attributes:
        rows: the layout of each prompt of the whole batch, the index of its mean.
        means: per layer [layout pos head d_head]; empty unless MEAN.
        starts: `first_changes` of each prompt.
    """

    model: Model
    ablation: Ablation
    rows: Int[np.ndarray, " batch"]
    means: tuple[Tensor, ...]
    starts: Int[np.ndarray, " batch"]

    @classmethod
    def of(cls, model: Model, pairs: PromptPairs, ablation: Ablation, progress: Progress | None) -> "Replacements":
        """Prepare everything that all blocks of prompts share; the means are taken here, once."""
        layout = layouts(pairs)
        if ablation is Ablation.MEAN and len(set(layout.tolist())) == len(pairs):
            ablation = Ablation.RESAMPLE  # each row's mean is its own corrupted run, which blocks record as they go
        means = _means(model, pairs, layout, progress) if ablation is Ablation.MEAN else ()
        return cls(model, ablation, layout, means, first_changes(pairs, ablation))

    def of_rows(
        self, pairs: PromptPairs, rows: slice, progress: Progress | None
    ) -> tuple[Float[Tensor, "batch pos head d_head"], ...]:
        """Layer by layer, the z that replaces any head's at any position of the prompts of a block."""
        tokens = to_device(self.model, pairs.corrupted_tokens[rows])
        if self.ablation is Ablation.MEAN:
            chosen = to_device(self.model, self.rows[rows])
            return tuple(mean[chosen] for mean in self.means)
        if self.ablation is Ablation.ZERO:
            zeros = self.model.weights.W_E.new_zeros(1, 1, self.model.cfg.n_heads, self.model.cfg.d_head)
            return (zeros.expand(*tokens.shape, -1, -1),) * self.model.cfg.n_layers
        return _recorded_z(self.model, tokens, progress)


def first_changes(pairs: PromptPairs, ablation: Ablation) -> Int[np.ndarray, " batch"]:
    """The first position of each row where the replacing z can differ from the clean run's; the row's width if none.

    Before it all prompts that the replacing z come from have the same tokens as the clean one.
    """
    if ablation is Ablation.ZERO:
        return np.zeros(len(pairs), dtype=np.int64)
    differs = pairs.clean_tokens != pairs.corrupted_tokens
    if ablation is Ablation.MEAN:
        layout = layouts(pairs)
        for number in np.unique(layout):
            alike = layout == number
            differs[alike] |= (pairs.corrupted_tokens[alike] != pairs.corrupted_tokens[alike.argmax()]).any(0)
    return np.where(differs.any(1), differs.argmax(1), differs.shape[1])


def _recorded_z(
    model: Model, tokens: Int[Tensor, "batch pos"], progress: Progress | None
) -> tuple[Float[Tensor, "batch pos head d_head"], ...]:
    return tuple(run.z for run in layer_runs(model, embed(model, tokens), progress=progress))


def _means(
    model: Model, pairs: PromptPairs, layout: Int[np.ndarray, " batch"], progress: Progress | None
) -> tuple[Tensor, ...]:
    """Per layer [layout pos head d_head]; summed in float64, since a sum of many prompts rounds."""
    counts = np.bincount(layout)
    shape = (len(counts), pairs.corrupted_tokens.shape[1], model.cfg.n_heads, model.cfg.d_head)
    sums = [torch.zeros(shape, dtype=torch.float64, device=model.device) for _ in model.weights.layers]
    for rows, part in in_parts(row_chunks(pairs.corrupted_tokens), progress):
        at, tokens = to_device(model, layout[rows]), to_device(model, pairs.corrupted_tokens[rows])
        for total, z in zip(sums, _recorded_z(model, tokens, part), strict=True):
            total.index_add_(0, at, z.double())
    size = to_device(model, counts)[:, None, None, None]
    return tuple((total / size).to(model.weights.W_E.dtype) for total in sums)
