"""The guidance of training towards the paper's stages: attention rewarded, routes hidden, decoys at S2.

The reasons are in `train.py`; `guidance` gives its strength at a step.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from ioi_core.demo.training.batches import Batch
from ioi_core.demo.training.network import N_HEADS, N_LAYERS, DemoNetwork, Graft
from ioi_core.demo.training.recipe import END_TO_IO, END_TO_S2, S2_TO_S1, Recipe


def guidance(recipe: Recipe, step: int) -> float:
    """Return the strength of guidance: 1, then fading to 0 between `guided_until` and `unguided_from` of the run."""
    fading = (recipe.unguided_from - step / recipe.steps) / (recipe.unguided_from - recipe.guided_until)
    return min(1.0, max(0.0, fading))


def hidden_entries(batch: Batch, share: float, rng: torch.Generator) -> Bool[Tensor, "layer batch head pos pos"]:
    """Return the causal mask, which in `share` of the rows leaves only the chosen heads' routes between the roles.

    In those rows IO and S2 are hidden from all positions between them and END; END sees the names before S2
    through the END_TO_IO heads alone, and S2 through END_TO_S2; S2 sees S1 through the S2_TO_S1 heads alone.
    """
    n, length = batch.tokens.shape
    index = torch.arange(length)
    strict = (torch.rand(n, generator=rng) < share)[:, None, None]
    end, s2 = (index[None] == at[:, None] for at in (batch.end, batch.s2))
    s2 = s2 & (batch.s2 > 0)[:, None]
    between = ~end[:, :, None] & ~torch.eye(length, dtype=torch.bool)[None]
    common = (index[None, :] > index[:, None])[None] | (strict & between & (batch.is_io | s2)[:, None, :])
    hidden = common[None, :, None].repeat(N_LAYERS, 1, N_HEADS, 1, 1)
    routes = ((END_TO_IO, end, batch.is_io | batch.is_s1), (END_TO_S2, end, s2), (S2_TO_S1, s2, batch.is_s1))
    for (layer, heads), query, key in routes:
        elsewhere = torch.ones(N_LAYERS, 1, N_HEADS, 1, 1, dtype=torch.bool)
        elsewhere[layer, :, list(heads)] = False
        hidden |= elsewhere & (strict & query[:, :, None] & key[:, None, :])[None, :, None]
    return hidden


def with_decoys(
    network: DemoNetwork, batch: Batch, hidden: Tensor, pool: Tensor, share: float, rng: torch.Generator
) -> tuple[Int[Tensor, "batch pos"], Graft, Float[Tensor, "batch head pos pos"]]:
    """Return, for `share` of the rows that repeat a name, tokens with another name at S2 and the true S2_TO_S1 heads.

    Also return the attention patterns of these heads' layer on the true tokens, for all rows.
    """
    layer, heads = S2_TO_S1
    z, pattern = network.attend_in(layer, batch.tokens, batch.positions, hidden)
    rows = ((torch.rand(len(batch.end), generator=rng) < share) & (batch.subject >= 0)).nonzero()[:, 0]
    at = batch.s2[rows]
    tokens = batch.tokens.clone()
    tokens[rows, at] = pool[torch.randint(len(pool), rows.shape, generator=rng)]
    true_z = z[rows[:, None], torch.tensor(heads)[None], at[:, None]]
    return tokens, Graft(layer, heads, rows, at, true_z), pattern


def auxiliary_loss(patterns: Sequence[Tensor], batch: Batch) -> Float[Tensor, ""]:
    """Return the mean of -log(attention) over the chosen heads, each over the sentences that have its roles."""
    rows = torch.arange(len(batch.end))
    at_s2 = F.one_hot(batch.s2, batch.tokens.shape[1]).bool()
    jobs = (
        (END_TO_IO, batch.end, batch.is_io, torch.ones_like(batch.end, dtype=torch.bool)),
        (END_TO_S2, batch.end, at_s2, batch.s2 > 0),
        (S2_TO_S1, batch.s2, batch.is_s1, batch.subject >= 0),
    )
    losses = []
    for (layer, heads), query, keys, applies in jobs:
        attention = patterns[layer][rows, :, query][:, list(heads)]  # [batch head key]
        reached = (attention * keys[:, None]).sum(-1)
        losses += list(-(reached[applies] + 1e-6).log().mean(0))
    return torch.stack(losses).mean()
