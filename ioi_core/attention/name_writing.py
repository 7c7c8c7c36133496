"""Attention against output (Wang et al. 2022, figure 3c): how much a head looks at a name, and how much it writes it.

A head that moves names writes the more of a name the more it attends to it from END; a negative one writes the more
against it. One point is one prompt and one place of a name.
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
from ioi_core.results import Progress, PromptResult

PLACES = ("IO", "S1", "S2")
"""Where a name stands; S1 and S2 are two places of the same name S."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NameWriting(PromptResult):
    """`values` [name layer head] is what heads write along names, in logits; `per_prompt` has `batch` last.

    Attributes:
        attention: [name layer head batch] attention from END to where the name stands.
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
    places = np.stack([check_positions(tokens, pairs.roles[role]) for role in PLACES], 1)
    names = np.stack([pairs.answers[:, 0], pairs.answers[:, 1], pairs.answers[:, 1]], 1)  # IO, S, S again

    def looked_and_wrote(rows: slice) -> tuple[Tensor, Tensor]:
        at, spelled = to_device(model, places[rows]), to_device(model, names[rows])
        return _looked_and_wrote(model, to_device(model, tokens[rows]), at, spelled, pairs.roles["END"][rows])

    chunks = with_progress(row_chunks(tokens), progress)
    attention, per_prompt = joined_columns(looked_and_wrote(rows) for rows in chunks)
    return NameWriting(
        values=per_prompt.mean(-1),
        axes={"name": PLACES, **model.head_axes},
        metric="written",
        unit="logits",
        n_prompts=len(pairs),
        per_prompt=per_prompt,
        attention=attention,
    )


def _looked_and_wrote(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    places: Int[Tensor, "batch name"],
    names: Int[Tensor, "batch name"],
    ends: Int[np.ndarray, " batch"],
) -> tuple[Float[Tensor, "name layer head batch"], Float[Tensor, "name layer head batch"]]:
    """Attention from END to each place, and what is written at END along each name."""
    looked, outputs, heads = [], [], (model.cfg.n_heads, model.cfg.d_head)
    for layer, run in zip(model.weights.layers, layer_runs(model, embed(model, tokens)), strict=True):
        from_end = at_positions(run.pattern.transpose(1, 2), ends)  # [batch head key_pos]
        looked.append(from_end.gather(2, places[:, None].expand(-1, heads[0], -1)))
        outputs.append(torch.einsum("bhd,hdm->bhm", at_positions(run.z, ends), layer.W_O.unflatten(0, heads)))
    final = at_positions(run.resid_post, ends)
    o = torch.stack(outputs)  # [layer batch head d_model]
    read = (o - o.mean(-1, keepdim=True)) / layer_norm_scale(final, model.cfg.eps)[:, None]
    along = model.weights.W_U[:, names]  # [d_model batch name]
    return torch.stack(looked).permute(3, 0, 2, 1), torch.einsum("lbhm,mbn->nlhb", read, along)
