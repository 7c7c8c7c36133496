"""Models small enough to predict by hand: one layer without MLP, its weights written down and not trained."""

from dataclasses import replace

import torch

from ioi_core import Model
from ioi_core.model.weights import LayerWeights, Weights

_SHARP = 50.0  # attention logits that leave the chosen key with probability 1 in float32


def looking_back(demo: Model, distances: list[int], n_ctx: int) -> Model:
    """One head a distance: it attends from each position to the one that lies so far before it."""
    weights = Weights(
        W_E=torch.zeros(demo.cfg.d_vocab, n_ctx),
        W_pos=torch.eye(n_ctx),  # a position's residual stream is its own unit vector
        layers=(_layer(n_ctx, len(distances), n_ctx),),
        W_U=torch.zeros(n_ctx, demo.cfg.d_vocab),
        b_U=torch.zeros(demo.cfg.d_vocab),
    )
    W_Q = [_SHARP * torch.eye(n_ctx).roll(-distance, dims=1) for distance in distances]
    W_K = [torch.eye(n_ctx) for _ in distances]
    W_V = [torch.zeros(n_ctx, n_ctx) for _ in distances]
    layer = replace(weights.layers[0], W_QKV=torch.cat([*W_Q, *W_K, *W_V], dim=1))
    cfg = replace(demo.cfg, n_layers=1, n_heads=len(distances), d_model=n_ctx, d_head=n_ctx, n_ctx=n_ctx)
    return replace(demo, name="looking-back", cfg=cfg, weights=replace(weights, layers=(layer,)))


def copying(demo: Model, gains: list[float], d_model: int = 32) -> Model:
    """One head a gain: it writes gain times the token that it attends to; the unembedding reads tokens off."""
    embedding = torch.randn(demo.cfg.d_vocab, d_model, generator=torch.Generator().manual_seed(0))
    embedding -= embedding.mean(1, keepdim=True)
    embedding /= embedding.norm(dim=1, keepdim=True)  # of equal length, so that each is its own best match
    empty = torch.zeros(d_model, d_model)
    layer = replace(
        _layer(d_model, len(gains), d_model),
        W_QKV=torch.cat([*[empty] * 2 * len(gains), *[torch.eye(d_model)] * len(gains)], dim=1),
        W_O=torch.cat([gain * torch.eye(d_model) for gain in gains]),
    )
    weights = Weights(embedding, torch.zeros(8, d_model), (layer,), embedding.T.contiguous(), torch.zeros(50257))
    cfg = replace(demo.cfg, n_layers=1, n_heads=len(gains), d_model=d_model, d_head=d_model, n_ctx=8)
    return replace(demo, name="copying", cfg=cfg, weights=weights)


def _layer(d_model: int, n_heads: int, d_head: int) -> LayerWeights:
    """A block that writes nothing."""
    return LayerWeights(
        W_QKV=torch.zeros(d_model, 3 * n_heads * d_head),
        b_QKV=torch.zeros(3 * n_heads * d_head),
        W_O=torch.zeros(n_heads * d_head, d_model),
        b_O=torch.zeros(d_model),
        W_in=torch.zeros(d_model, 4),
        b_in=torch.zeros(4),
        W_out=torch.zeros(4, d_model),
        b_out=torch.zeros(d_model),
        b_V_unfolded=torch.zeros(n_heads, d_head),
    )
