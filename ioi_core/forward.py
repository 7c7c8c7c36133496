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
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from ioi_core.errors import PromptError
from ioi_core.model import END_OF_TEXT, LayerWeights, Model, ModelConfig
from ioi_core.pairs import PromptPairs
from ioi_core.results import Progress

TOKENS_PER_CHUNK = 4096
"""Rows are run in chunks of about this many tokens, which bounds memory whatever the number of prompts."""


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
    """Token plus position embeddings, the first layer's resid_pre; the first token stands at position `start`."""
    return model.weights.W_E[tokens] + model.weights.W_pos[start : start + tokens.shape[1]]


def normalize(x: Float[Tensor, "*batch d_model"], eps: float) -> Float[Tensor, "*batch d_model"]:
    """LayerNorm without weights."""
    return F.layer_norm(x, x.shape[-1:], eps=eps)


def layer_norm_scale(x: Float[Tensor, "*batch d_model"], eps: float) -> Float[Tensor, "*batch 1"]:
    """What LayerNorm divides by, after centring: sqrt(variance + eps)."""
    return (x.var(-1, unbiased=False, keepdim=True) + eps).sqrt()


def qkv(
    layer: LayerWeights, cfg: ModelConfig, resid: Float[Tensor, "batch pos d_model"]
) -> Float[Tensor, "3 batch pos head d_head"]:
    """Queries, keys and values of all heads."""
    fused = torch.addmm(layer.b_QKV, normalize(resid, cfg.eps).flatten(0, 1), layer.W_QKV)
    return fused.view(*resid.shape[:2], 3, cfg.n_heads, cfg.d_head).permute(2, 0, 1, 3, 4)


def attention_pattern(
    q: Float[Tensor, "batch query_pos head d_head"],
    k: Float[Tensor, "batch key_pos head d_head"],
) -> Float[Tensor, "batch head query_pos key_pos"]:
    """Causal softmax of q k / sqrt(d_head); queries are the last positions if there are fewer than keys."""
    scores = q.transpose(1, 2) @ k.permute(0, 2, 3, 1) / q.shape[-1] ** 0.5
    queries, keys = scores.shape[-2:]
    future = torch.ones(queries, keys, dtype=torch.bool, device=q.device).triu(keys - queries + 1)
    return scores.masked_fill(future, -torch.inf).softmax(-1)


def mlp(layer: LayerWeights, resid_mid: Float[Tensor, "*batch d_model"], eps: float) -> Float[Tensor, "*batch d_model"]:
    """What the MLP writes, its LayerNorm included."""
    hidden = F.gelu(F.linear(normalize(resid_mid, eps), layer.W_in.T, layer.b_in), approximate="tanh")
    return F.linear(hidden, layer.W_out.T, layer.b_out)


def layer_runs(
    model: Model,
    resid: Float[Tensor, "batch pos d_model"],
    before: Sequence[Mapping[str, Float[Tensor, "batch earlier head d_head"]]] | None = None,
) -> Iterator[LayerRun]:
    """Run the layers one after another on embedded tokens, yielding each one's activations.

    Args:
        before: keys and values ("k", "v") of each layer at positions before these tokens, if there are any; patterns
            then have more key than query positions.
    """
    for index, layer in enumerate(model.weights.layers):
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
    return normalize(resid, model.cfg.eps) @ model.weights.W_U + model.weights.b_U


@torch.inference_mode()
def run(
    model: Model,
    tokens: Int[np.ndarray, "batch pos"],
    positions: Int[np.ndarray, " positions"],
    *,
    progress: Progress | None = None,
) -> Float[np.ndarray, "batch d_vocab"]:
    """Logits at one position of each row.

    Args:
        tokens: [batch pos] token ids, padded on the right.
        positions: [batch] the position to read in each row.
    Returns:
        [batch d_vocab] logits of the centred unembedding: compare differences or log-probabilities, not raw logits,
        with an uncentred model's.
    Raises:
        PromptError: ids, lengths or positions outside the model's range.
    """
    tokens, positions = check_tokens(model, tokens), check_positions(tokens, positions)
    logits, parts = [], chunks(tokens)
    for done, rows in enumerate(parts):
        *_, last = layer_runs(model, embed(model, to_device(model, tokens[rows])))
        logits.append(unembed(model, at_positions(last.resid_post, positions[rows])).cpu())
        if progress:
            progress(done + 1, len(parts))
    return as_array(torch.cat(logits))


def at_positions(
    x: Shaped[Tensor, "batch pos *rest"], positions: Int[np.ndarray, " batch"]
) -> Shaped[Tensor, "batch *rest"]:
    """Each row's value at its own position."""
    index = torch.tensor(positions, device=x.device)
    return x[torch.arange(len(x), device=x.device), index]


def to_device(model: Model, array: Int[np.ndarray, "*shape"]) -> Int[Tensor, "*shape"]:
    """A copy of an array on the model's device."""
    return torch.tensor(array, device=model.device)


def as_array(tensor: Float[Tensor, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """A tensor as NumPy, in at least float32."""
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).cpu().numpy()


def chunks(tokens: Int[np.ndarray, "batch pos"]) -> list[slice]:
    """Slices over the rows, of about `TOKENS_PER_CHUNK` tokens each."""
    step = max(1, TOKENS_PER_CHUNK // tokens.shape[1])
    return [slice(start, start + step) for start in range(0, len(tokens), step)]


def row_lengths(tokens: Int[np.ndarray, "batch pos"]) -> Int[np.ndarray, " batch"]:
    """Tokens in each row before its padding: trailing 50256s are padding, a lone one is a BOS."""
    real = tokens != END_OF_TEXT
    last = tokens.shape[1] - np.argmax(real[:, ::-1], axis=1)
    return np.where(real.any(axis=1), last, 1).astype(np.int64)


def check_tokens(model: Model, tokens: Int[np.ndarray, "batch pos"]) -> Int[np.ndarray, "batch pos"]:
    """Return the tokens if the model can read them.

    Raises:
        PromptError: says what was got and what is allowed.
    """
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise PromptError(f"tokens have shape {tokens.shape}: at least one row of at least one token is wanted")
    if tokens.shape[1] > model.cfg.n_ctx:
        raise PromptError(f"a prompt has {tokens.shape[1]} tokens: {model.name} reads at most {model.cfg.n_ctx}")
    if tokens.min() < 0 or tokens.max() >= model.cfg.d_vocab:
        raise PromptError(
            f"token ids {tokens.min()} to {tokens.max()}: {model.name} has ids 0 to {model.cfg.d_vocab - 1}"
        )
    return tokens


def check_pairs(model: Model, pairs: PromptPairs) -> PromptPairs:
    """Return the pairs if the model can read them.

    Raises:
        PromptError: says what was got and what is allowed.
    """
    for tokens in (pairs.clean_tokens, pairs.corrupted_tokens):
        check_tokens(model, tokens)
    check_positions(pairs.clean_tokens, pairs.roles["END"])
    if pairs.answers.shape != (len(pairs), 2) or pairs.answers.min() < 0 or pairs.answers.max() >= model.cfg.d_vocab:
        raise PromptError(
            f"answers have shape {pairs.answers.shape} and ids {pairs.answers.min()} to {pairs.answers.max()}: "
            f"(IO, S) of each of {len(pairs)} prompts are wanted, ids 0 to {model.cfg.d_vocab - 1}"
        )
    return pairs


def check_positions(
    tokens: Int[np.ndarray, "batch pos"], positions: Int[np.ndarray, " positions"]
) -> Int[np.ndarray, " batch"]:
    """Return the positions if each lies in its row.

    Raises:
        PromptError: says what was got and what is allowed.
    """
    if positions.shape != (len(tokens),):
        raise PromptError(f"positions have shape {positions.shape}: one a row is wanted, {len(tokens)} in all")
    if positions.min() < 0 or positions.max() >= tokens.shape[1]:
        raise PromptError(
            f"positions {positions.min()} to {positions.max()}: rows have positions 0 to {tokens.shape[1] - 1}"
        )
    return positions
