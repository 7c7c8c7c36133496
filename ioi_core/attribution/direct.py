"""Direct logit attribution: which components write the answer at END (Elhage et al. 2021; Nanda's demo).

logit_diff is linear in the final residual stream once the final LayerNorm's scale is held at its value in the full
run, so it splits exactly into what the embeddings, each attention layer or head, each MLP and the biases wrote.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.checks import check_pairs
from ioi_core.engine.forward import embed, layer_norm_scale, layer_runs
from ioi_core.engine.progress import with_progress
from ioi_core.engine.scoring import answer_bias, answer_direction
from ioi_core.engine.tensors import at_positions, joined, row_chunks, to_device
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, over_prompts


@torch.inference_mode()
def attribute_layers(model: Model, pairs: PromptPairs, *, progress: Progress | None = None) -> PromptResult:
    """Return the direct effect of each layer's attention and MLP on logit_diff of the clean run.

    Returns:
        `values` [component] in logits, mean over prompts: "embed", "pos_embed", "0_attn_out", "0_mlp_out", ...,
        "bias" (b_U). They sum to logit_diff. An attn_out holds its b_O; `attribute_heads` shows that share separately.
        `per_prompt` [component batch].
    Raises:
        PromptError: prompts the model cannot read.
    """
    per_prompt = _contributions(model, pairs, _layer_contributions, progress)
    layers = [f"{layer}_{part}" for layer in range(model.cfg.n_layers) for part in ("attn_out", "mlp_out")]
    axes = {"component": ("embed", "pos_embed", *layers, "bias")}
    return PromptResult(**over_prompts(per_prompt), axes=axes, metric="logit_diff", unit="logits")


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadAttribution(PromptResult):
    """Direct effects of heads.

    Attributes:
        bias: [layer] what each layer's b_O adds to logit_diff; heads and bias sum to the layer's attn_out.
        bias_per_prompt: [layer batch].
    """

    bias: Float[np.ndarray, " layer"]
    bias_per_prompt: Float[np.ndarray, "layer batch"]


@torch.inference_mode()
def attribute_heads(model: Model, pairs: PromptPairs, *, progress: Progress | None = None) -> HeadAttribution:
    """Return the direct effect of each head's output z W_O at END on logit_diff of the clean run.

    Returns:
        `values` [layer head] in logits, mean over prompts, and `bias` [layer], b_O's share; a layer's heads plus its
        bias equal `attribute_layers`' attn_out. `per_prompt` [layer head batch].
    Raises:
        PromptError: prompts the model cannot read.
    """
    contributions = _contributions(model, pairs, _head_contributions, progress)  # [layer head+1 batch], b_O last
    per_prompt, bias = contributions[:, :-1], contributions[:, -1]
    return HeadAttribution(
        **over_prompts(per_prompt),
        axes=model.head_axes,
        metric="logit_diff",
        unit="logits",
        bias=bias.mean(-1),
        bias_per_prompt=bias,
    )


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some rows of the pairs, on the model's device."""

    tokens: Int[Tensor, "batch pos"]
    ends: Int[Tensor, " batch"]
    direction: Float[Tensor, "batch d_model"]
    bias: Float[Tensor, " batch"]


def _contributions(
    model: Model, pairs: PromptPairs, of_chunk: Callable[[Model, _Chunk], Tensor], progress: Progress | None
) -> Float[np.ndarray, "*component batch"]:
    """Return the contributions in all rows, computed a chunk of rows at a time."""
    tokens = check_pairs(model, pairs).clean_tokens

    def chunk(rows: slice) -> _Chunk:
        part = pairs.take(rows)
        direction, bias = answer_direction(model, part), answer_bias(model, part)
        return _Chunk(to_device(model, tokens[rows]), to_device(model, part.roles["END"]), direction, bias)

    return joined(of_chunk(model, chunk(rows)) for rows in with_progress(row_chunks(tokens), progress))


def _project(
    writes: Float[Tensor, "*component batch d_model"], final: Float[Tensor, "batch d_model"], chunk: _Chunk, eps: float
) -> Float[Tensor, "*component batch"]:
    """Return what vectors written at END add to logit_diff, with the full run's final LayerNorm scale."""
    centred = writes - writes.mean(-1, keepdim=True)
    return (centred / layer_norm_scale(final, eps) * chunk.direction).sum(-1)


def _layer_contributions(model: Model, chunk: _Chunk) -> Float[Tensor, "component batch"]:
    token_embedding = model.weights.W_E[at_positions(chunk.tokens, chunk.ends)]
    writes = [token_embedding, at_positions(embed(model, chunk.tokens), chunk.ends) - token_embedding]
    for run in layer_runs(model, embed(model, chunk.tokens)):
        writes += [at_positions(run.attn_out, chunk.ends), at_positions(run.mlp_out, chunk.ends)]
    final = at_positions(run.resid_post, chunk.ends)
    return torch.cat([_project(torch.stack(writes), final, chunk, model.cfg.eps), chunk.bias[None]])


def _head_contributions(model: Model, chunk: _Chunk) -> Float[Tensor, "layer head_and_bias batch"]:
    """Return heads' outputs z W_O and the layer's b_O, along the answer direction."""
    rows = []
    for layer, run in zip(model.weights.layers, layer_runs(model, embed(model, chunk.tokens)), strict=True):
        z = at_positions(run.z, chunk.ends)  # [batch head d_head]
        W_O = layer.W_O.unflatten(0, (model.cfg.n_heads, model.cfg.d_head))
        writes = torch.einsum("bhd,hdm->hbm", z, W_O)
        rows.append(torch.cat([writes, layer.b_O.expand_as(writes[:1])]))
    final = at_positions(run.resid_post, chunk.ends)
    return torch.stack([_project(row, final, chunk, model.cfg.eps) for row in rows])
