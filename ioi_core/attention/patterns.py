"""Attention patterns of every head, plain or weighted by the norm of what is written (Kobayashi et al. 2020).

`attention_patterns` gives whole patterns, one prompt at a time; `role_attention` reads them between the token roles
alone, which every prompt has, so that a mean over prompts makes sense.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.engine.checks import check_pairs, check_positions, check_tokens, row_lengths
from ioi_core.engine.forward import LayerRun, embed, layer_runs
from ioi_core.engine.progress import with_progress
from ioi_core.engine.tensors import joined, row_chunks, to_device
from ioi_core.inputs import Flag, Tokens, WholeNumber, as_flag, as_whole_number
from ioi_core.model.weights import LayerWeights, Model
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.results import Progress, PromptResult, Result, over_prompts
from ioi_core.vocabulary import ROLES


@torch.inference_mode()
def attention_patterns(
    model: Model,
    tokens: Tokens,
    *,
    weighted: Flag = False,
    layer: WholeNumber | None = None,
    progress: Progress | None = None,
) -> Result:
    """Return the attention of every head from each query position to each key position.

    Args:
        tokens: [batch pos] token ids, padded on the right with 50256: an array, a tensor, lists of any lengths, or
            pairs, whose clean prompts are read.
        weighted: multiply each entry by the norm of v_k W_O, the vector that would be written if the head looked at
            the key alone (b_V is folded into b_O and left out).
        layer: only this layer; for long prompts all of them together are large.
    Returns:
        `values` [batch layer head query_pos key_pos]; keys after the query are 0, padding is nan. One prompt is shown
        at a time: averaging prompts with opposite name orders would mix different circuits.
    Raises:
        ChoiceError, PromptError: say what was got and what is allowed.
    """
    ids, weighted = check_tokens(model, tokens), as_flag(weighted, "weighted")
    if layer is not None:
        layer = as_whole_number(layer, "layer", 0, model.cfg.n_layers - 1)

    def patterns(rows: slice) -> Float[Tensor, "batch layer head query_pos key_pos"]:
        runs = layer_runs(model, embed(model, to_device(model, ids[rows])))
        layers = [
            _weighted(run, weights) if weighted else run.pattern
            for index, (run, weights) in enumerate(zip(runs, model.weights.layers, strict=True))
            if layer in (None, index)
        ]
        return torch.stack(layers, 1)

    values = joined((patterns(rows) for rows in with_progress(row_chunks(ids), progress)), dim=0)
    padding = np.arange(ids.shape[1]) >= row_lengths(ids)[:, None]
    if padding.any():
        rows_or_columns = padding[:, None, None, :, None] | padding[:, None, None, None, :]
        values = np.where(rows_or_columns, values.dtype.type(np.nan), values)
    positions = tuple(str(pos) for pos in range(ids.shape[1]))
    return Result(
        values=values,
        axes={
            "batch": tuple(str(row) for row in range(len(ids))),
            "layer": tuple(str(index) for index in range(model.cfg.n_layers) if layer in (None, index)),
            "head": tuple(str(head) for head in range(model.cfg.n_heads)),
            "query_pos": positions,
            "key_pos": positions,
        },
        metric="value_weighted_attention" if weighted else "attention",
        unit="norm written" if weighted else "probability",
        n_prompts=len(ids),
        undefined="positions after a prompt's end are padding" if padding.any() else None,
    )


def _weighted(run: LayerRun, layer: LayerWeights) -> Float[Tensor, "batch head query_pos key_pos"]:
    """Return the pattern times |v_k W_O|."""
    W_O = layer.W_O.unflatten(0, run.v.shape[-2:])
    written = torch.einsum("bkhd,hdm->bhkm", run.v, W_O).norm(dim=-1)
    return run.pattern * written[:, :, None]


@torch.inference_mode()
def role_attention(model: Model, pairs: PromptPairs, *, progress: Progress | None = None) -> PromptResult:
    """Return the attention of every head from each token role to each other one, in the clean run.

    Returns:
        `values` [query_role key_role layer head], probabilities, mean over prompts, for the roles that the pairs have;
        `per_prompt` with `batch` last. Exactly 0 where a key comes after its query: nothing can attend there.
    Raises:
        PromptError: prompts the model cannot read.
    """
    tokens = check_pairs(model, pairs).clean_tokens
    roles = tuple(role for role in ROLES if role in pairs.roles)
    positions = np.stack([check_positions(tokens, pairs.roles[role]) for role in roles], 1)

    def attention(rows: slice) -> Float[Tensor, "query_role key_role layer head batch"]:
        at = to_device(model, positions[rows])
        runs = layer_runs(model, embed(model, to_device(model, tokens[rows])))
        return torch.stack([_entries(run.pattern, at) for run in runs], 2)

    per_prompt = joined(attention(rows) for rows in with_progress(row_chunks(tokens), progress))
    axes = {"query_role": roles, "key_role": roles, **model.head_axes}
    return PromptResult(**over_prompts(per_prompt), axes=axes, metric="attention", unit="probability")


def _entries(
    pattern: Float[Tensor, "batch head query_pos key_pos"], at: Int[Tensor, "batch role"]
) -> Float[Tensor, "query_role key_role head batch"]:
    """Return the entries of each row's pattern between the row's own positions."""
    row = torch.arange(len(at), device=at.device)[:, None, None]
    return pattern[row, :, at[:, :, None], at[:, None, :]].permute(1, 2, 3, 0)
