"""A model small enough for every path to be computed by hand.

Five features, each a pair of opposite entries of the residual stream, so that their mean is 0. LayerNorm's epsilon is
so large that it only divides by its root, which the reading weights multiply back: all but the softmax is linear.

- a token's number is written to "token";
- heads 0.0 and 0.1 attend uniformly and write A and B times the mean of "token" to "early";
- MLP 0 writes C times "early" to "mlp" (its hidden unit sits far in the linear part of GELU);
- head 1.0 attends uniformly and writes D times the mean of "mlp" to "late";
- head 1.1 asks with E times "early", its keys and values are "token", and it writes to "chosen";
- logit_diff is "early" + "mlp" + "late" + "chosen" at END.
"""

from dataclasses import replace

import numpy as np
import torch

from ioi_core import Model, ModelConfig, PromptPairs
from ioi_core.model.weights import LayerWeights, Weights

TOKEN, EARLY, MLP, LATE, CHOSEN = range(5)
A, B, C, D, E = 0.5, 0.25, 2.0, 3.0, 0.4
_ROOT = 1e6  # of LayerNorm's epsilon
_FAR = 40.0


def _write(feature: int, size: float = 1.0) -> torch.Tensor:
    vector = torch.zeros(10, dtype=torch.float64)
    vector[2 * feature], vector[2 * feature + 1] = size, -size
    return vector


def _read(feature: int, size: float = 1.0) -> torch.Tensor:
    return _write(feature, size / 2) * _ROOT


_NOTHING = torch.zeros(10, dtype=torch.float64)


def _layer(heads: list[tuple[torch.Tensor, ...]], mlp_size: float) -> LayerWeights:
    """Heads as (q, k, v, o) vectors; d_head is 1, so the attention logit is q k."""
    q, k, v, o = (torch.stack(vectors) for vectors in zip(*heads, strict=True))
    hidden = _write(MLP, mlp_size)
    return LayerWeights(
        W_QKV=torch.cat([q, k, v]).T,
        b_QKV=torch.zeros(6, dtype=torch.float64),
        W_O=o,
        b_O=_NOTHING,
        W_in=_read(EARLY)[:, None],
        b_in=torch.tensor([_FAR], dtype=torch.float64),
        W_out=hidden[None],
        b_out=-_FAR * hidden,
        b_V_unfolded=torch.zeros(2, 1, dtype=torch.float64),
    )


def micro_model(like: Model) -> Model:
    """The model; `like` lends what is not used here, such as a tokenizer."""
    first = _layer([(_NOTHING, _NOTHING, _read(TOKEN), _write(EARLY, size)) for size in (A, B)], C)
    second = _layer(
        [
            (_NOTHING, _NOTHING, _read(MLP), _write(LATE, D)),
            (_read(EARLY, E), _read(TOKEN), _read(TOKEN), _write(CHOSEN)),
        ],
        0.0,
    )
    answer = sum((_read(feature) for feature in (EARLY, MLP, LATE, CHOSEN)), _NOTHING)
    weights = Weights(
        W_E=torch.stack([_write(TOKEN, number) for number in range(10)]),
        W_pos=torch.zeros(8, 10, dtype=torch.float64),
        layers=(first, second),
        W_U=torch.stack([_NOTHING, answer], 1).repeat(1, 5),  # odd tokens are answered by their logit_diff
        b_U=torch.zeros(10, dtype=torch.float64),
    )
    cfg = ModelConfig(n_layers=2, n_heads=2, d_model=10, d_head=1, d_mlp=1, d_vocab=10, n_ctx=8, eps=_ROOT**2)
    return replace(like, name="micro", cfg=cfg, weights=weights, fingerprint="micro")


def micro_pairs() -> PromptPairs:
    """One prompt of two tokens: clean 1 2, corrupted 1 5."""
    return PromptPairs(
        clean_tokens=np.array([[1, 2]]),
        corrupted_tokens=np.array([[1, 5]]),
        lengths=np.array([2]),
        answers=np.array([[1, 0]]),
        roles={"END": np.array([1])},
        templates=np.array([0]),
        clean_text=("",),
        corrupted_text=("",),
        prepend_bos=False,
    )
