"""Copy scores: does a head's OV circuit write the name it reads (Wang et al. 2022, section 3.1 and appendix G)?

A name's token embedding goes through the first MLP alone, as if at a position where no head wrote anything.
Each head then reads it as if it attended there with probability 1, and what it would write is unembedded:
x = W_E[t] + MLP0(ln2_0(W_E[t])); o = (ln1_L(x) W_V + b_V) W_O; logits = unembed(ln_final(o)). A head copies a name if
the name's own token is among the top k of them; for the negative score it is among those of -o.

In a processed model W_V and b_V hold ln1's weight and bias. b_V itself was moved into b_O, which every head shares, so
the unfolded one is used. Centring shifts x and o by a constant over d_model, which LayerNorm removes, and logits by a
constant over the vocabulary: neither changes a rank.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ioi_core.engine.forward import mlp, normalize
from ioi_core.engine.memory import memory_budget
from ioi_core.engine.progress import in_parts, with_progress
from ioi_core.engine.tensors import as_array, to_device
from ioi_core.errors import PromptError
from ioi_core.inputs import (
    Choice,
    OneHead,
    Texts,
    TokenIds,
    WholeNumber,
    as_choice,
    as_integers,
    as_texts,
    as_whole_number,
    shown,
)
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.answers import answer_token
from ioi_core.prompts.names import IOI_LISTS
from ioi_core.results import Progress, PromptResult, Result, over_prompts

SIGNS = ("positive", "negative")

_TIE = 1e-4  # logits; below this a difference is rounding
_SLAB = 4096  # tokens of the vocabulary that are compared at once
_SLAB_COPIES = 4  # tensors of a slab's size alive at once
_UNEMBED_ROWS = 64  # rows of 50,257 logits held at once


@dataclass(frozen=True, eq=False, kw_only=True)
class CopyScores(PromptResult):
    """Copy scores; `per_prompt` [sign layer head name] is 1 where the head copies that name, else 0.

    Attributes:
        names: the names, without their leading space; `n_prompts` is their number.
        top_k: the number of top tokens that a name's own must be among.
    """

    names: tuple[str, ...]
    top_k: int


@torch.inference_mode()
def copy_scores(
    model: Model, names: Texts | None = None, *, top_k: WholeNumber = 5, progress: Progress | None = None
) -> CopyScores:
    """Share of names that each head's OV circuit would write (positive) or write against (negative).

    Args:
        names: one token each with a leading space, which is added if missing; None takes the names of Wang et al.'s
            code, the ones that `ioi_dataset` fills in.
        top_k: a name counts if fewer than this many tokens have a clearly higher logit than its own; logits closer
            than 1e-4 count as equal, so that rounding decides nothing.
    Returns:
        `values` [sign layer head], fractions of the names, and `per_prompt` with one entry a name.
    Raises:
        PromptError: a name is not one token, or top_k is out of range.
    """
    check_model(model)
    texts = list(IOI_LISTS["NAMES"]) if names is None else as_texts(names)
    ids = to_device(model, np.array([answer_token(model, name, "a name to copy") for name in texts]))
    top_k = as_whole_number(top_k, "top_k", 1, model.cfg.d_vocab)
    at_once = max(1, memory_budget() // (_SLAB_COPIES * _SLAB * model.weights.W_E.element_size()) // model.cfg.n_heads)
    parts, layers = ids.split(at_once), []
    for layer, of_layer in in_parts(range(model.cfg.n_layers), progress, len(parts)):
        copied = [_copied(model, layer, part, top_k).cpu() for part in with_progress(parts, of_layer)]
        layers.append(torch.cat(copied, -1))
    return CopyScores(
        **over_prompts(torch.stack(layers, 1).float().numpy()),
        axes={"sign": SIGNS, **model.head_axes},
        metric="copy_score",
        unit="fraction",
        names=tuple(model.token_text(int(token)).strip() for token in ids),
        top_k=top_k,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class CopiedTokens(Result):
    """The tokens that one head would write for some tokens; `values` [token k] are logits, the highest first.

    Attributes:
        ids: [token k] the tokens of these logits.
        own: [token] the logit of each token itself.
    """

    ids: Int[np.ndarray, "token k"]
    own: Float[np.ndarray, " token"]


@torch.inference_mode()
def copied_tokens(
    model: Model,
    head: OneHead,
    tokens: TokenIds,
    *,
    top_k: WholeNumber = 5,
    sign: Choice = "positive",
    progress: Progress | None = None,
) -> CopiedTokens:
    """The top tokens of a head's OV circuit for each of some tokens, as `copy_scores` reads them.

    Args:
        tokens: token ids that the head attends to, in a list, an array or a tensor; `model.encode(" Mary")`.
        sign: "positive" unembeds o, what the head writes; "negative" -o.
    Returns:
        `values` [token k], logits centred over the vocabulary, and their `ids`; of equal logits the lower id is first.
    Raises:
        HeadError, ChoiceError, PromptError: say what was got and what is allowed.
    """
    head = check_model(model).check_head(head)
    top_k = as_whole_number(top_k, "top_k", 1, model.cfg.d_vocab)
    as_choice(sign, "sign", SIGNS)
    ids = _token_ids(model, tokens)
    parts = []
    for part in with_progress(to_device(model, ids).split(_UNEMBED_ROWS), progress):
        o = normalize(_written(model, head.layer, part)[:, head.head], model.cfg.eps)
        logits = (o if sign == "positive" else -o) @ model.weights.W_U + model.weights.b_U
        top = logits.sort(descending=True, stable=True)
        own = logits.gather(1, part[:, None])[:, 0]
        parts.append((top.values[:, :top_k].cpu(), top.indices[:, :top_k].cpu(), own.cpu()))
    values, top_ids, own = (torch.cat(column) for column in zip(*parts, strict=True))
    return CopiedTokens(
        values=as_array(values),
        axes={
            "token": tuple(model.token_text(int(token)) for token in ids),
            "k": tuple(str(rank) for rank in range(top_k)),
        },
        metric="logit",
        unit="logits",
        n_prompts=len(ids),
        ids=top_ids.numpy(),
        own=as_array(own),
    )


def _token_ids(model: Model, tokens: TokenIds) -> Int[np.ndarray, " token"]:
    """Return token ids as an array; PromptError if the model lacks one, or there are none."""
    given = as_integers(tokens)
    ids = None if given is None else np.atleast_1d(given)
    if ids is None or ids.ndim != 1 or not len(ids):
        raise PromptError(f"tokens must be a list of at least one token id, got {shown(tokens)}")
    return np.array([as_whole_number(token, "a token id", 0, model.cfg.d_vocab - 1) for token in ids.tolist()])


def _written(model: Model, layer: int, tokens: Int[Tensor, " token"]) -> Float[Tensor, "token head d_model"]:
    """o of every head of a layer, its output where it attends to a token alone, without b_O."""
    weights, eps = model.weights, model.cfg.eps
    embedded = weights.W_E[tokens]
    x = embedded + mlp(weights.layers[0], embedded, eps)
    heads = (model.cfg.n_heads, model.cfg.d_head)
    W_V = weights.layers[layer].W_QKV.chunk(3, dim=1)[2]
    v = (normalize(x, eps) @ W_V).unflatten(1, heads) + weights.layers[layer].b_V_unfolded
    return torch.einsum("thd,hdm->thm", v, weights.layers[layer].W_O.unflatten(0, heads))


def _copied(model: Model, layer: int, names: Int[Tensor, " name"], top_k: int) -> Bool[Tensor, "2 head name"]:
    """True where a head of the layer copies a name, by sign."""
    o = normalize(_written(model, layer, names), model.cfg.eps)
    own = names[:, None].expand(o.shape[:2])
    return _in_top(model, o.flatten(0, 1), own.flatten(), top_k).unflatten(1, o.shape[:2]).transpose(1, 2)


def _in_top(
    model: Model, o: Float[Tensor, "row d_model"], own: Int[Tensor, " row"], top_k: int
) -> Bool[Tensor, "2 row"]:
    """True where fewer than `top_k` tokens are ahead of the row's own one, in the logits of o and of -o.

    The vocabulary is read slab by slab, and a row is dropped once it has failed for both signs: most heads copy
    nothing, and their rows rarely need more than the first slab.
    """
    W_U, b_U = model.weights.W_U, model.weights.b_U
    own_direct = (o * W_U[:, own].T).sum(1)
    ahead = torch.zeros(2, len(o), dtype=torch.int64, device=o.device)
    rows = torch.arange(len(o), device=o.device)
    for start in range(0, model.cfg.d_vocab, _SLAB):
        slab = slice(start, start + _SLAB)
        direct = o[rows] @ W_U[:, slab]
        for index, sign in enumerate((1, -1)):
            to_beat = sign * own_direct[rows] + b_U[own[rows]] + _TIE
            ahead[index, rows] += (sign * direct + b_U[slab] > to_beat[:, None]).sum(1)
        rows = rows[(ahead[:, rows] < top_k).any(0)]
        if not len(rows):
            break
    return ahead < top_k
