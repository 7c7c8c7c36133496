"""The causes of a head's attention: one logit split into what each upstream component wrote (Elhage et al. 2021).

The logit from a query to a key position is q k / sqrt(d_head). With the LayerNorm scales held at the run's own values,
q is linear in the residual stream at the query and k in the one at the key, and both streams are sums of what the
embeddings, the heads, the MLPs and the biases below wrote there. So the logit splits exactly on the query side (each
component's share of q against the whole k) and, separately, on the key side (the whole q against shares of k).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.checks import check_pairs
from ioi_core.engine.forward import embed, layer_norm_scale, layer_runs
from ioi_core.engine.progress import with_progress
from ioi_core.engine.tensors import at_positions, joined_columns, row_chunks, to_device
from ioi_core.errors import PromptError
from ioi_core.inputs import OneHead, Position, as_whole_number, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, over_prompts
from ioi_core.vocabulary import Head

SIDES = ("query", "key")


@dataclass(frozen=True, eq=False, kw_only=True)
class AttentionSplit(PromptResult):
    """One head's attention logit, split.

    Attributes:
        head: whose attention; query, key: the role or position it goes from and to.
        logits: [batch] the attention logit itself: the sum of either side.
        attention: [batch] the share of attention that the key position gets.
    """

    head: Head
    query: str
    key: str
    logits: Float[np.ndarray, " batch"]
    attention: Float[np.ndarray, " batch"]


@torch.inference_mode()
def explain_attention(
    model: Model,
    pairs: PromptPairs,
    head: OneHead,
    query: Position = "END",
    key: Position = "IO",
    *,
    progress: Progress | None = None,
) -> AttentionSplit:
    """Split the attention logit of one head between two positions of the clean prompts, on the query and the key side.

    Args:
        head: "9.9", (9, 9) or `Head(9, 9)`.
        query, key: a role, or a position counted from 0; the key not after the query.
    Returns:
        `values` [side component] in logits before the softmax, mean over prompts; sides "query" and "key"; components
        "embed", "pos_embed", "0.0" ... (heads), "0_b_O", "0_mlp_out" ..., "bias" (b_Q or b_K). Each side sums to the
        logit. What counts for attention is the difference to other keys' logits: a share that is the same for all keys
        moves nothing.
    Raises:
        HeadError, PromptError: say what was got and what is allowed.
    """
    tokens = check_pairs(model, pairs).clean_tokens
    head = model.check_head(head)
    where = {side: _positions(pairs, position, side) for side, position in zip(SIDES, (query, key), strict=True)}
    if (late := np.flatnonzero(where["key"] > where["query"])).size:
        raise PromptError(
            f"in prompt {late[0] + 1} the key ({key}, position {where['key'][late[0]]}) comes after the query "
            f"({query}, position {where['query'][late[0]]}): a head attends to its own position and those before it"
        )
    per_prompt, logits, attention = joined_columns(
        _split(
            model,
            to_device(model, tokens[rows]),
            head,
            {side: to_device(model, at[rows]) for side, at in where.items()},
        )
        for rows in with_progress(row_chunks(tokens), progress)
    )
    axes = {"side": SIDES, "component": tuple(_components(model, head.layer))}
    return AttentionSplit(
        **over_prompts(per_prompt),
        axes=axes,
        metric="attention_logit",
        unit="logits before softmax",
        head=head,
        query=str(query),
        key=str(key),
        logits=logits,
        attention=attention,
    )


def _positions(pairs: PromptPairs, position: Position, side: str) -> Int[np.ndarray, " batch"]:
    """Return the position of a role, or one position for all prompts, row by row."""
    if isinstance(position, str) and position in pairs.roles:
        return np.asarray(pairs.roles[position])
    if isinstance(position, str) or position is None:
        raise PromptError(
            f"{side} {shown(position)} is not known here: use {', '.join(pairs.roles)}, or a position from 0"
        )
    return np.full(len(pairs), as_whole_number(position, f"the {side} position", 0, int(pairs.lengths.min()) - 1))


def _components(model: Model, layer: int) -> Iterator[str]:
    """Yield all components that write before `layer`, in the order of `_split`, and the bias."""
    yield from ("embed", "pos_embed")
    for below in range(layer):
        yield from (f"{below}.{head}" for head in range(model.cfg.n_heads))
        yield from (f"{below}_b_O", f"{below}_mlp_out")
    yield "bias"


def _split(
    model: Model, tokens: Int[Tensor, "batch pos"], head: Head, where: Mapping[str, Int[Tensor, " batch"]]
) -> tuple[Float[Tensor, "side component batch"], Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Return the shares of both sides, the logit and the attention."""
    writes: dict[str, list[Tensor]] = {}
    for side, at in where.items():
        token_embedding = model.weights.W_E[at_positions(tokens, at)]
        writes[side] = [token_embedding, at_positions(embed(model, tokens), at) - token_embedding]
    for index, run in enumerate(layer_runs(model, embed(model, tokens))):
        if index == head.layer:
            break
        for side, at in where.items():
            writes[side] += _layer_writes(model, index, at_positions(run.z, at), at_positions(run.mlp_out, at))
    sides = []
    asked = {"query": at_positions(run.q, where["query"]), "key": at_positions(run.k, where["key"])}
    for side, other in (SIDES, SIDES[::-1]):
        resid = at_positions(run.resid_pre, where[side])
        sides.append(_shares(model, head, side, torch.stack(writes[side]), resid, asked[other][:, head.head]))
    logits = (asked["query"] * asked["key"])[:, head.head].sum(-1) / model.cfg.d_head**0.5
    attention = at_positions(at_positions(run.pattern[:, head.head], where["query"]), where["key"])
    return torch.stack(sides), logits, attention


def _layer_writes(
    model: Model, layer: int, z: Float[Tensor, "batch head d_head"], mlp_out: Float[Tensor, "batch d_model"]
) -> list[Float[Tensor, "batch d_model"]]:
    """Return what each head, b_O and the MLP of a layer wrote at one position."""
    weights = model.weights.layers[layer]
    W_O = weights.W_O.unflatten(0, z.shape[1:])
    return [*torch.einsum("bhd,hdm->hbm", z, W_O), weights.b_O.expand_as(mlp_out), mlp_out]


def _shares(
    model: Model,
    head: Head,
    side: str,
    writes: Float[Tensor, "component batch d_model"],
    resid: Float[Tensor, "batch d_model"],
    other: Float[Tensor, "batch d_head"],
) -> Float[Tensor, "component_and_bias batch"]:
    """Return each component's share: its part of the query (or key) times the whole key (or query)."""
    cfg, weights = model.cfg, model.weights.layers[head.layer]
    first = (SIDES.index(side) * cfg.n_heads + head.head) * cfg.d_head
    columns = slice(first, first + cfg.d_head)
    reads = other @ weights.W_QKV[:, columns].T / cfg.d_head**0.5  # [batch d_model]: the direction that is read
    centred = (writes - writes.mean(-1, keepdim=True)) / layer_norm_scale(resid, cfg.eps)
    bias = other @ weights.b_QKV[columns] / cfg.d_head**0.5
    return torch.cat([(centred * reads).sum(-1), bias[None]])
