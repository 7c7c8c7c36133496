"""Runs in which almost every head's output is replaced: many variants of a circuit in one walk over the layers.

Where a circuit keeps no head, every z is replaced by a value that does not depend on the run. There attention carries
nothing from one position to another, and the residual stream is one stream for all variants, position by position.
Only slots, the positions at which some variant keeps some head, need more:

- a slot's stream depends on its own stream so far and, if it keeps a head of this layer, on the streams at the slots
  before it. Variants that agree in all of these share one state; they part where they first differ and are carried
  apart only from there on;
- queries, keys and values are computed for the heads that some variant keeps in a layer, and for no others; what the
  rest write is the replaced z through W_O, once.

So a variant costs its own MLP rows at a few positions of a prompt, above the layer where it begins to differ. Nothing
here approximates. `engine.wavefront` is for the opposite case, runs in which most heads work as always.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ioi_core.engine.forward import embed, normalize
from ioi_core.engine.progress import Advance
from ioi_core.engine.tensors import to_device
from ioi_core.engine.wavefront import add_mlp
from ioi_core.model.weights import LayerWeights, Model


@dataclass(frozen=True, eq=False)
class Slots:
    """Prompts whose slots come in the same order, and what each variant keeps there.

    Attributes:
        prompts: rows of the block.
        positions: [batch slot] ascending along a row; the last one is END.
        kept: [variant slot layer head].
    """

    prompts: tuple[int, ...]
    positions: Int[np.ndarray, "batch slot"]
    kept: Bool[np.ndarray, "variant slot layer head"]


@dataclass(frozen=True, eq=False)
class _States:
    """The distinct streams at one slot.

    Attributes:
        streams: [batch state d_model].
        of: [variant] the state that each variant is in.
    """

    streams: Float[Tensor, "batch state d_model"]
    of: Int[np.ndarray, " variant"]


@dataclass(frozen=True, eq=False)
class _Heads:
    """Some heads of one layer.

    Attributes:
        chosen: their numbers.
        W, b: columns of W_QKV and b_QKV: their queries, then keys, then values.
        W_O: [head d_head d_model].
    """

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


def sparse_run(
    model: Model,
    tokens: Int[Tensor, "batch pos"],
    replaced: Sequence[Float[Tensor, "batch pos head d_head"]],
    slots: Slots,
    advance: Advance | None = None,
) -> tuple[Float[Tensor, "batch state d_model"], Int[np.ndarray, " variant"]]:
    """The final residual streams at END, and which of them is each variant's.

    Args:
        tokens: of the slots' prompts; replaced: per layer, the z that every head puts out where it is not kept.
    """
    everywhere = embed(model, tokens)
    rows = torch.arange(len(tokens), device=model.device)[:, None]
    at = to_device(model, slots.positions)
    none = np.zeros(len(slots.kept), dtype=np.int64)
    states = [_States(everywhere[rows, at[:, [slot]]], none) for slot in range(at.shape[1])]
    for index, layer in enumerate(model.weights.layers):
        last = index == model.cfg.n_layers - 1
        written = replaced[index].flatten(2) @ layer.W_O + layer.b_O  # by all heads together, nothing kept
        kept = slots.kept[:, :, index]
        moved = [_States(s.streams + written[rows, at[:, [slot]]], s.of) for slot, s in enumerate(states)]
        if (chosen := np.flatnonzero(kept.any((0, 1)))).size:
            heads = _Heads.of(model, layer, chosen)
            before = _Keys.of(heads, everywhere, states, at)
            own = replaced[index][rows, at][:, :, to_device(model, chosen)]  # [batch slot head d_head]
            asking = [len(states) - 1] if last else [*np.flatnonzero(kept.any((0, 2)))]
            for slot in asking:
                moved[slot] = _attend(heads, before, states, moved[slot], int(slot), kept[:, slot][:, chosen], own)
        if last:
            states = moved[-1:]
            [after] = add_mlp(model, layer, [states[0].streams[:, :, None]])
            states = [_States(after[:, :, 0], states[0].of)]
        else:
            everywhere, states = _after_mlp(model, layer, everywhere + written, moved)
        if advance:
            advance(1)
    return states[-1].streams, states[-1].of


def _after_mlp(
    model: Model, layer: LayerWeights, everywhere: Tensor, states: Sequence[_States]
) -> tuple[Tensor, list[_States]]:
    """What the layer's MLP makes of all streams, in one product."""
    waves = [everywhere[:, None], *(state.streams[:, :, None] for state in states)]
    first, *rest = add_mlp(model, layer, waves)
    return first[:, 0], [_States(new[:, :, 0], state.of) for new, state in zip(rest, states, strict=True)]


@dataclass(frozen=True, eq=False)
class _Keys:
    """What the kept heads of a layer can attend to.

    Attributes:
        k, v: [batch pos head d_head], of the one stream outside the slots.
        shared: [batch pos] where no slot stands; at: [batch slot] the slots' positions.
        own: for each slot, queries, keys and values [batch state head d_head] of its states.
    """

    k: Float[Tensor, "batch pos head d_head"]
    v: Float[Tensor, "batch pos head d_head"]
    shared: Bool[Tensor, "batch pos"]
    at: Int[Tensor, "batch slot"]
    own: list[tuple[Tensor, Tensor, Tensor]]

    @classmethod
    def of(cls, heads: _Heads, everywhere: Tensor, states: Sequence[_States], at: Int[Tensor, "batch slot"]) -> "_Keys":
        """Compute them."""
        _, k, v = heads.qkv(everywhere)
        shared = torch.ones(everywhere.shape[:2], dtype=torch.bool, device=everywhere.device).scatter_(1, at, False)
        return cls(k, v, shared, at, [heads.qkv(state.streams) for state in states])


def _attend(
    heads: _Heads,
    keys: _Keys,
    states: Sequence[_States],
    moved: _States,
    slot: int,
    kept: Bool[np.ndarray, "variant head"],
    replaced: Float[Tensor, "batch slot head d_head"],
) -> _States:
    """One slot's states with what its kept heads write; variants that agree in everything it depends on share one."""
    asks = np.any(kept, axis=1)[:, None]
    earlier = [state.of[:, None] + 1 for state in states[:slot]]
    depends = np.concatenate([states[slot].of[:, None], kept, *(asks * of for of in earlier)], axis=1)
    _, first, of = np.unique(depends, axis=0, return_index=True, return_inverse=True)
    streams = moved.streams[:, states[slot].of[first]]
    if (asking := np.flatnonzero(asks[first])).size:
        variants = first[asking]
        z = _mix(keys, [state.of[variants] for state in states[: slot + 1]], slot)
        keep = torch.tensor(kept[variants], dtype=z.dtype, device=z.device)
        change = (z - replaced[:, None, slot]) * keep[:, :, None]
        streams[:, asking] += torch.einsum("bshd,hdm->bsm", change, heads.W_O)
    return _States(streams, of.reshape(-1).astype(np.int64))


def _mix(
    keys: _Keys, chosen: Sequence[Int[np.ndarray, " asking"]], slot: int
) -> Float[Tensor, "batch asking head d_head"]:
    """Attention of some states of a slot: to the shared stream before it and to their own states at slots up to it."""
    q = keys.own[slot][0][:, chosen[slot]]
    k, v = ([keys.own[other][part][:, of] for other, of in enumerate(chosen)] for part in (1, 2))
    position = torch.arange(keys.k.shape[1], device=q.device)
    seen = keys.shared & (position < keys.at[:, [slot]])
    there = torch.einsum("bshd,bphd->bshp", q, keys.k).masked_fill(~seen[:, None, None], -torch.inf)
    here = torch.stack([(q * key).sum(-1) for key in k], -1)
    weights = (torch.cat([there, here], -1) / q.shape[-1] ** 0.5).softmax(-1)
    n_there = there.shape[-1]
    z = torch.einsum("bshp,bphd->bshd", weights[..., :n_there], keys.v)
    return z + sum(weights[..., n_there + other, None] * value for other, value in enumerate(v))
