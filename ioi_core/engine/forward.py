"""The forward pass of GPT-2 as plain functions over read-only weights: no hooks, so any thread may run it.

embed -> per layer: LayerNorm, q k v, causal attention, write z W_O + b_O, LayerNorm, MLP -> LayerNorm, unembed.
LayerNorms carry no weights of their own (they are folded in). `layer_runs` walks the layers and hands over every
activation under TransformerLens's hook names; a caller keeps what it needs and the rest is freed as the walk goes on.
Prompts are padded on the right, so causal attention alone keeps padding out of every real position.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ioi_core.engine.checks import as_positions, check_tokens
from ioi_core.engine.progress import with_progress
from ioi_core.engine.tensors import at_positions, joined, row_chunks, to_device
from ioi_core.inputs import Positions, Tokens
from ioi_core.model.weights import LayerWeights, Model, ModelConfig
from ioi_core.results import Progress


@dataclass(frozen=True, eq=False)
class LayerRun:
    """Every activation of one layer, named as TransformerLens's hook points."""

    resid_pre: Float[Tensor, "batch pos d_model"]
    q: Float[Tensor, "batch pos head d_head"]
    k: Float[Tensor, "batch pos head d_head"]
    v: Float[Tensor, "batch pos head d_head"]
    pattern: Float[Tensor, "batch head pos key_pos"]
    z: Float[Tensor, "batch pos head d_head"]
    attn_out: Float[Tensor, "batch pos d_model"]
    resid_mid: Float[Tensor, "batch pos d_model"]
    mlp_out: Float[Tensor, "batch pos d_model"]
    resid_post: Float[Tensor, "batch pos d_model"]


def embed(model: Model, tokens: Int[Tensor, "batch pos"], start: int = 0) -> Float[Tensor, "batch pos d_model"]:
    """Token plus position embeddings, the first layer's resid_pre; the first token is at position `start`."""
    return model.weights.W_E[tokens] + model.weights.W_pos[start : start + tokens.shape[1]]


def normalize(x: Float[Tensor, "*batch d_model"], eps: float) -> Float[Tensor, "*batch d_model"]:
    """LayerNorm without weights."""
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def layer_norm_scale(x: Float[Tensor, "*batch d_model"], eps: float) -> Float[Tensor, "*batch 1"]:
    """The divisor of LayerNorm, after centring: sqrt(variance + eps)."""
    return (x.var(-1, unbiased=False, keepdim=True) + eps).sqrt()


def qkv(
    layer: LayerWeights, cfg: ModelConfig, resid: Float[Tensor, "batch pos d_model"]
) -> Float[Tensor, "3 batch pos head d_head"]:
    """Queries, keys and values of all heads."""
    fused = torch.addmm(layer.b_QKV, normalize(resid, cfg.eps).flatten(0, 1), layer.W_QKV)
    return fused.view(*resid.shape[:2], 3, cfg.n_heads, cfg.d_head).permute(2, 0, 1, 3, 4)


def attention_pattern(
    q: Float[Tensor, "batch query_pos head d_head"], k: Float[Tensor, "batch key_pos head d_head"]
) -> Float[Tensor, "batch head query_pos key_pos"]:
    """Causal softmax of q k / sqrt(d_head); queries are the last positions if there are fewer than keys."""
    scores = q.transpose(1, 2) @ k.permute(0, 2, 3, 1) / q.shape[-1] ** 0.5
    queries, keys = scores.shape[-2:]
    future = torch.ones(queries, keys, dtype=torch.bool, device=q.device).triu(keys - queries + 1)
    return scores.masked_fill(future, -torch.inf).softmax(-1)


def mlp(layer: LayerWeights, resid_mid: Float[Tensor, "*batch d_model"], eps: float) -> Float[Tensor, "*batch d_model"]:
    """The MLP's output, its LayerNorm included."""
    hidden = F.gelu(F.linear(normalize(resid_mid, eps), layer.W_in.T, layer.b_in), approximate="tanh")
    return F.linear(hidden, layer.W_out.T, layer.b_out)


def layer_runs(
    model: Model,
    resid: Float[Tensor, "batch pos d_model"],
    before: Sequence[Mapping[str, Float[Tensor, "batch earlier head d_head"]]] | None = None,
    progress: Progress | None = None,
) -> Iterator[LayerRun]:
    """Run the layers one after another on embedded tokens, yielding each one's activations.

    Args:
        before: keys and values ("k", "v") of each layer at positions before these tokens, if there are any; patterns
            then have more key than query positions.
        progress: called for each layer when the next one is asked for.
    """
    for index, layer in enumerate(with_progress(model.weights.layers, progress)):
        q, k, v = qkv(layer, model.cfg, resid)
        keys, values = (
            (k, v) if before is None else (torch.cat([before[index][n], x], 1) for n, x in (("k", k), ("v", v)))
        )
        pattern = attention_pattern(q, keys)
        z = (pattern @ values.transpose(1, 2)).transpose(1, 2)
        attn_out = z.flatten(2) @ layer.W_O + layer.b_O
        resid_mid = resid + attn_out
        mlp_out = mlp(layer, resid_mid, model.cfg.eps)
        run = LayerRun(resid, q, k, v, pattern, z, attn_out, resid_mid, mlp_out, resid_mid + mlp_out)
        yield run
        resid = run.resid_post


def unembed(model: Model, resid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_vocab"]:
    """Logits of a residual stream, through the final LayerNorm; centred over the vocabulary."""
    return F.linear(normalize(resid, model.cfg.eps), model.weights.W_U.T, model.weights.b_U)  # one pass, not two


@torch.inference_mode()
def run(
    model: Model,
    tokens: Tokens,
    positions: Positions = -1,
    *,
    progress: Progress | None = None,
) -> Float[np.ndarray, "batch d_vocab"]:
    """Logits at one position of each row.

    Args:
        tokens: [batch pos] token ids, padded on the right with 50256: an array, a tensor, lists of any lengths, or
            pairs, whose clean prompts are read.
        positions: the position to read in each row, one for all or [batch]; -1 is the row's last token.
    Returns:
        [batch d_vocab] logits of the centred unembedding: compare differences or log-probabilities, not raw logits,
        with an uncentred model's.
    Raises:
        PromptError: ids, lengths or positions outside the model's range.
    """
    ids = check_tokens(model, tokens)
    at = as_positions(ids, positions)

    def logits(rows: slice) -> Float[Tensor, "batch d_vocab"]:
        *_, last = layer_runs(model, embed(model, to_device(model, ids[rows])))
        return unembed(model, at_positions(last.resid_post, at[rows]))

    return joined((logits(rows) for rows in with_progress(row_chunks(ids), progress)), dim=0)
