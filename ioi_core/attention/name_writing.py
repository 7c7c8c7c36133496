"""Attention against output (Wang et al. 2022, figure 3c): how much a head attends to a name, and how much it writes it.

The more a name mover attends to a name from END, the more it writes of it; a negative name mover writes the more
against it. One point is one prompt and one of the roles at which a name occurs.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.checks import check_pairs, check_positions
from ioi_core.engine.forward import embed, layer_norm_scale, layer_runs
from ioi_core.engine.progress import with_progress
from ioi_core.engine.tensors import at_positions, joined_columns, row_chunks, to_device
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs, check_roles
from ioi_core.results import Progress, PromptResult, over_prompts

PLACES = ("IO", "S1", "S2")
"""The roles at which a name occurs; S1 and S2 are two positions of the same name S."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NameWriting(PromptResult):
    """`values` [name layer head] is what heads write along names, in logits; `per_prompt` has `batch` last.

    Attributes:
        attention: [name layer head batch] attention from END to the name.
    """

    attention: Float[np.ndarray, "name layer head batch"]


@torch.inference_mode()
def attention_and_writing(model: Model, pairs: PromptPairs, *, progress: Progress | None = None) -> NameWriting:
    """Attention from END to IO, S1 and S2, and what each head's output at END adds to these names' logits.

    In the clean run, o = z_h W_O[h] at END is centred over d_model and divided by the scale that the final LayerNorm
    has there in this run (frozen), then dotted with the name's column of the centred unembedding W_U: what o adds,
    directly, to the name's logit against the mean logit of the vocabulary. b_O and b_U are left out, as they belong to
    no head. What it adds to IO's minus what it adds to S's is the head's direct effect on logit_diff.

    Returns:
        `values` [name layer head] in logits, mean over prompts, and `attention`; the names are IO, S1 and S2. S1 and S2
        are one token, so their values are the same.
    Raises:
        PromptError: prompts the model cannot read, or that have no IO, S1 and S2.
    """
    tokens = check_pairs(model, pairs).clean_tokens
    check_roles("heads look from END at names", pairs.roles, PLACES)
    positions = np.stack([check_positions(tokens, pairs.roles[role]) for role in PLACES], 1)
    names = np.stack([pairs.answers[:, 0], pairs.answers[:, 1], pairs.answers[:, 1]], 1)  # IO, S, S again

    def of_rows(rows: slice) -> tuple[Tensor, Tensor]:
        at, spelled = to_device(model, positions[rows]), to_device(model, names[rows])
        return _attend_and_write(
            model, to_device(model, tokens[rows]), at, spelled, to_device(model, pairs.roles["END"][rows])
        )

    attention, per_prompt = joined_columns(of_rows(rows) for rows in with_progress(row_chunks(tokens), progress))
    axes = {"name": PLACES, **model.head_axes}
    fields = over_prompts(per_prompt)
    return NameWriting(**fields, axes=axes, metric="written", unit="logits", attention=attention)


def _attend_and_write(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    positions: Int[Tensor, "batch name"],
    names: Int[Tensor, "batch name"],
    ends: Int[Tensor, " batch"],
) -> tuple[Float[Tensor, "name layer head batch"], Float[Tensor, "name layer head batch"]]:
    """Return the attention from END to each name, and what is written at END along each name."""
    attention, outputs, heads = [], [], (model.cfg.n_heads, model.cfg.d_head)
    for layer, run in zip(model.weights.layers, layer_runs(model, embed(model, tokens)), strict=True):
        from_end = at_positions(run.pattern.transpose(1, 2), ends)  # [batch head key_pos]
        attention.append(from_end.gather(2, positions[:, None].expand(-1, heads[0], -1)))
        outputs.append(torch.einsum("bhd,hdm->bhm", at_positions(run.z, ends), layer.W_O.unflatten(0, heads)))
    final = at_positions(run.resid_post, ends)
    o = torch.stack(outputs)  # [layer batch head d_model]
    read = (o - o.mean(-1, keepdim=True)) / layer_norm_scale(final, model.cfg.eps)[:, None]
    along = model.weights.W_U[:, names]  # [d_model batch name]
    return torch.stack(attention).permute(3, 0, 2, 1), torch.einsum("lbhm,mbn->nlhb", read, along)
