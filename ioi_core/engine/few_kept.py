"""Runs in which almost every head's output is replaced: many variants of a circuit in one walk over the layers.

Where a circuit keeps no head, every z is replaced by a value that does not depend on the run. There attention carries
nothing from one position to another, and the residual stream is one stream for all variants, position by position.
Only kept positions, those at which some variant keeps some head, need more:

- the stream at a kept position depends on itself so far and, if a head of this layer is kept there, on the streams at
  the kept positions before it. Variants that agree in all of these share one stream; they part where they first differ
  and are carried apart only from there on;
- queries, keys and values are computed for the heads that some variant keeps in a layer, and for no others; what the
  rest write is the replaced z through W_O, once.

So a variant costs its own MLP rows at a few positions of a prompt, above the layer where it begins to differ. Nothing
here approximates. `engine.wavefront` is for the opposite case, runs in which most heads work as always. It can carry
these runs too, but begins each one at its first replaced z: the 55 runs of an edit of the 26-head circuit in two
prompts (GPT-2 small's shape, ABC twins, one core) took it 5.6 s, this loop 0.25 s, 22 times less.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ioi_core.engine.forward import embed, normalize
from ioi_core.engine.progress import with_progress
from ioi_core.engine.tensors import to_device
from ioi_core.engine.wavefront import add_mlps
from ioi_core.model.weights import LayerWeights, Model
from ioi_core.results import Progress


@dataclass(frozen=True, eq=False)
class KeptPositions:
    """Prompts whose kept positions come in the same order, and what each variant keeps there.

    Attributes:
        prompts: rows of the block.
        positions: [batch kept_pos] ascending along a row; the last one is END.
    """

    prompts: tuple[int, ...]
    positions: Int[np.ndarray, "batch kept_pos"]
    kept: Bool[np.ndarray, "variant kept_pos layer head"]


@dataclass(frozen=True, eq=False)
class _Streams:
    """The distinct residual streams at one kept position, and `of`: which of them is each variant's."""

    resid: Float[Tensor, "batch stream d_model"]
    of: Int[np.ndarray, " variant"]


@dataclass(frozen=True, eq=False)
class _Heads:
    """The chosen heads of one layer; W and b are their columns of W_QKV and b_QKV, queries, then keys, then values."""

    chosen: Int[np.ndarray, " head"]
    W: Float[Tensor, "d_model qkv"]
    b: Float[Tensor, " qkv"]
    W_O: Float[Tensor, "head d_head d_model"]
    eps: float

    @classmethod
    def of(cls, model: Model, layer: LayerWeights, chosen: Int[np.ndarray, " head"]) -> "_Heads":
        """Cut the heads out of the layer's weights."""
        n_heads, d_head = model.cfg.n_heads, model.cfg.d_head
        heads = to_device(model, chosen)
        W = layer.W_QKV.unflatten(1, (3, n_heads, d_head))[:, :, heads].flatten(1)
        b = layer.b_QKV.unflatten(0, (3, n_heads, d_head))[:, heads].flatten()
        return cls(chosen, W, b, layer.W_O.unflatten(0, (n_heads, d_head))[heads], model.cfg.eps)

    def qkv(self, streams: Float[Tensor, "*rows d_model"]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each [*rows head d_head]."""
        fused = normalize(streams, self.eps) @ self.W + self.b
        q, k, v = fused.unflatten(-1, (3, len(self.chosen), -1)).unbind(-3)
        return q, k, v


def run_few_kept(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    replaced: Sequence[Float[Tensor, "batch pos head d_head"]],
    keeping: KeptPositions,
    progress: Progress | None = None,
) -> tuple[Float[Tensor, "batch stream d_model"], Int[np.ndarray, " variant"]]:
    """Run all variants and return the final residual streams at END, and which of them is each variant's.

    Args:
        tokens: of the prompts of `keeping`; replaced: per layer, the z of every head where it is not kept.
    """
    shared = embed(model, tokens)  # the one stream of all variants, right at every position but the kept ones
    rows = torch.arange(len(tokens), device=model.device)[:, None]
    at = to_device(model, keeping.positions)
    one_for_all = np.zeros(len(keeping.kept), dtype=np.int64)
    streams = [_Streams(shared[rows, position], one_for_all) for position in at.split(1, dim=1)]
    for index, layer in enumerate(with_progress(model.weights.layers, progress)):
        end_only = index == model.cfg.n_layers - 1
        written = replaced[index].flatten(2) @ layer.W_O + layer.b_O  # by all heads if none is kept
        kept = keeping.kept[:, :, index]
        mid = [_Streams(s.resid + written[rows, at[:, [n]]], s.of) for n, s in enumerate(streams)]
        if (chosen := np.flatnonzero(kept.any((0, 1)))).size:
            heads = _Heads.of(model, layer, chosen)
            keys = _Keys.of(heads, shared, streams, at)
            own = replaced[index][rows, at][:, :, to_device(model, chosen)]  # [batch kept_pos head d_head]
            querying = [len(streams) - 1] if end_only else [*np.flatnonzero(kept.any((0, 2)))]
            for n in querying:
                mid[n] = _attend(heads, keys, streams, mid[n], int(n), kept[:, n][:, chosen], own)
        if end_only:
            [post] = add_mlps(model, layer, [mid[-1].resid[:, :, None]])
            streams = [_Streams(post[:, :, 0], mid[-1].of)]
        else:
            shared, streams = _after_mlp(model, layer, shared + written, mid)
    return streams[-1].resid, streams[-1].of


def _after_mlp(
    model: Model, layer: LayerWeights, shared: Tensor, mid: Sequence[_Streams]
) -> tuple[Tensor, list[_Streams]]:
    """Add the output of the layer's MLP to all streams, in one product."""
    first, *rest = add_mlps(model, layer, [shared[:, None], *(streams.resid[:, :, None] for streams in mid)])
    return first[:, 0], [_Streams(new[:, :, 0], old.of) for new, old in zip(rest, mid, strict=True)]


@dataclass(frozen=True, eq=False)
class _Keys:
    """Keys and values that the kept heads of a layer can attend to.

    Attributes:
        k, v: [batch pos head d_head], of the shared stream.
        shared: [batch pos] everywhere but at kept positions; at: [batch kept_pos] these.
        own: for each kept position, queries, keys and values [batch stream head d_head] of its streams.
    """

    k: Float[Tensor, "batch pos head d_head"]
    v: Float[Tensor, "batch pos head d_head"]
    shared: Bool[Tensor, "batch pos"]
    at: Int[Tensor, "batch kept_pos"]
    own: list[tuple[Tensor, Tensor, Tensor]]

    @classmethod
    def of(
        cls, heads: _Heads, shared: Tensor, streams: Sequence[_Streams], at: Int[Tensor, "batch kept_pos"]
    ) -> "_Keys":
        """Compute them."""
        _, k, v = heads.qkv(shared)
        elsewhere = torch.ones(shared.shape[:2], dtype=torch.bool, device=shared.device).scatter_(1, at, False)
        return cls(k, v, elsewhere, at, [heads.qkv(at_position.resid) for at_position in streams])


def _attend(
    heads: _Heads,
    keys: _Keys,
    streams: Sequence[_Streams],
    mid: _Streams,
    n: int,
    kept: Bool[np.ndarray, "variant head"],
    replaced: Float[Tensor, "batch kept_pos head d_head"],
) -> _Streams:
    """Add what the kept heads write at the `n`th kept position; variants for which all inputs agree share a stream.

    Three variants at the second position, where the first has two streams (0 for A, 1 for B and C) and this one has one
    (0 for all); B and C keep a head here, so that for them the streams that the head attends to count as well:

        variant  stream here  keeps the head  1 + stream at the first position, if so  ->  stream after
        A        0            0               0                                            0
        B        0            1               2                                            1
        C        0            1               2                                            1  (the same row as B)
    """
    attends = np.any(kept, axis=1)[:, None]
    seen = [attends * (earlier.of[:, None] + 1) for earlier in streams[:n]]
    depends = np.concatenate([streams[n].of[:, None], kept, *seen], axis=1)
    _, first, of = np.unique(depends, axis=0, return_index=True, return_inverse=True)
    resid = mid.resid[:, streams[n].of[first]]
    if (querying := np.flatnonzero(attends[first])).size:
        variants = first[querying]
        z = _mix(keys, [at_position.of[variants] for at_position in streams[: n + 1]])
        keep = torch.tensor(kept[variants], dtype=z.dtype, device=z.device)
        change = (z - replaced[:, None, n]) * keep[:, :, None]
        resid[:, querying] += torch.einsum("bshd,hdm->bsm", change, heads.W_O)
    return _Streams(resid, of.reshape(-1).astype(np.int64))


def _mix(keys: _Keys, chosen: Sequence[Int[np.ndarray, " variant"]]) -> Float[Tensor, "batch variant head d_head"]:
    """Attention of some variants at a kept position: to the shared stream before it, and to their own up to it.

    Args:
        chosen: the variants' streams at every kept position up to this one.
    """
    n = len(chosen) - 1
    q = keys.own[n][0][:, chosen[n]]
    k, v = ([keys.own[other][part][:, of] for other, of in enumerate(chosen)] for part in (1, 2))
    position = torch.arange(keys.k.shape[1], device=q.device)
    visible = keys.shared & (position < keys.at[:, [n]])
    to_shared = torch.einsum("bshd,bphd->bshp", q, keys.k).masked_fill(~visible[:, None, None], -torch.inf)
    to_own = torch.stack([(q * key).sum(-1) for key in k], -1)
    weights = (torch.cat([to_shared, to_own], -1) / q.shape[-1] ** 0.5).softmax(-1)
    n_shared = to_shared.shape[-1]
    z = torch.einsum("bshp,bphd->bshd", weights[..., :n_shared], keys.v)
    return z + sum(weights[..., n_shared + other, None] * value for other, value in enumerate(v))
