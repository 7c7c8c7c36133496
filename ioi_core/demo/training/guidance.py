"""What guides training towards the paper's stages: routes hidden, names swapped at S2, heads silent, attention.

The reasons are in `train.py`; `guidance` gives the strength, at a step, of what fades.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from ioi_core.demo.training import recipe as wanted
from ioi_core.demo.training.batches import Batch
from ioi_core.demo.training.network import N_HEADS, N_LAYERS, DemoNetwork, Graft
from ioi_core.demo.training.recipe import Recipe

_BOTH, _DUPLICATE_ALONE = 0.3, 0.65  # bounds of a draw between 0 and 1: which heads tell the truth at a swapped S2
_STRONGEST_DROPPED, _SECOND_DROPPED = 0.65, 0.45  # likewise: below the first, above the second


def guidance(recipe: Recipe, step: int) -> float:
    """Return the strength of what fades: 1, then down to 0 between `guided_until` and `unguided_from` of the run."""
    fading = (recipe.unguided_from - step / recipe.steps) / (recipe.unguided_from - recipe.guided_until)
    return min(1.0, max(0.0, fading))


def changed_share(recipe: Recipe, step: int) -> float:
    """Return how much is left of the shares of changed sentences: 1 up to `guided_until`, then down to the last."""
    late = max(0.0, step / recipe.steps - recipe.guided_until) / (1 - recipe.guided_until)
    return 1 - late * (1 - recipe.last_changes)


def causal_mask(length: int) -> Bool[Tensor, "1 1 pos pos"]:
    """Return what no position may attend to: those after it."""
    return torch.ones(length, length, dtype=torch.bool).triu(1)[None, None]


def hidden_entries(batch: Batch, share: float, rng: torch.Generator) -> list[Bool[Tensor, "#batch #head pos pos"]]:
    """Return each layer's causal mask, which in `share` of the rows leaves only chosen heads' routes between roles.

    In those rows IO and S2 are hidden from all positions between them and END. END sees the names before S2 through
    movers and context heads alone, and S2 through S-inhibition heads; S2 sees S1 through duplicate-token heads and S1+1
    through induction heads; S1+1 sees S1 through previous-token heads, which see nothing but the token before.
    """
    n, length = batch.tokens.shape
    causal, index = causal_mask(length), torch.arange(length)
    if share == 0:
        return [causal] * N_LAYERS
    strict = (torch.rand(n, generator=rng) < share)[:, None, None]
    end, s2 = (index[None] == at[:, None] for at in (batch.end, batch.s2))
    s2 = s2 & (batch.s2 > 0)[:, None]
    between = ~end[:, :, None] & ~torch.eye(length, dtype=torch.bool)
    after_s1 = F.pad(batch.is_s1[:, :-1], (1, 0))
    routes = (
        ((*wanted.CONTEXT, *wanted.MOVERS), end, batch.is_io | batch.is_s1),
        (wanted.INHIBITION, end, s2),
        (wanted.DUPLICATE, s2, batch.is_s1),
        (wanted.INDUCTION, s2, after_s1),
        (wanted.PREVIOUS, after_s1, batch.is_s1),
    )
    hidden = (strict & between & (batch.is_io | s2)[:, None, :])[:, None].repeat(N_LAYERS, 1, N_HEADS, 1, 1)
    for chosen, query, key in routes:
        elsewhere = torch.ones(N_LAYERS, 1, N_HEADS, 1, 1, dtype=torch.bool)
        for head in chosen:
            elsewhere[head.layer, :, head.head] = False
        hidden |= elsewhere & (strict & query[:, :, None] & key[:, None, :])[:, None]
    step_back = index[None, :] == index[:, None] - 1
    for head in wanted.PREVIOUS:
        hidden[head.layer, :, head.head] &= ~step_back
    return list(hidden | causal)


@dataclass(frozen=True, eq=False)
class Changes:
    """A batch with some names swapped and some heads' z replaced.

    Attributes:
        tokens: with another name at S2 of some rows.
        grafts: what chosen heads give all the same at such an S2.
        silent: heads that give nothing.
        aims: logit_diff aimed at in each row.
        as_usual: rows in which all movers and all signals on S2 are there.
        true_rows, true_patterns: the rows with a swapped name, and the first layers' patterns on their own tokens.
    """

    tokens: Int[Tensor, "batch pos"]
    grafts: tuple[Graft, ...]
    silent: Bool[Tensor, "layer batch head pos"]
    aims: Float[Tensor, " batch"]
    as_usual: Bool[Tensor, " batch"]
    true_rows: Int[Tensor, " row"]
    true_patterns: Sequence[Float[Tensor, "row head pos pos"]]


def change(
    network: DemoNetwork,
    batch: Batch,
    hidden: Sequence[Tensor],
    pool: Int[Tensor, " pool"],
    recipe: Recipe,
    rng: torch.Generator,
    changed: float = 1.0,
) -> Changes:
    """Draw a step's changes: swapped names, in other rows a part of the signal silent, movers and bystanders in any.

    The shares of changed sentences are the recipe's times `changed`, but for movers'.
    """
    n = len(batch.end)
    kind, quiet, dropped, which, alone = torch.rand(5, n, generator=rng)
    repeats, rows = batch.subject >= 0, torch.arange(n)
    swapped = repeats & (torch.rand(n, generator=rng) < recipe.decoy * changed)
    truth = (kind < _DUPLICATE_ALONE), (kind < _BOTH) | (kind >= _DUPLICATE_ALONE)
    tokens, grafts, true_rows, true_patterns = _swap(network, batch, hidden, pool, swapped, truth, rng)
    silent = _bystanders(batch, repeats & (alone < recipe.alone * changed))
    silenced = repeats & ~swapped & (quiet < recipe.silence * changed)
    _silence_a_part(silent, batch, torch.where(silenced, kind, 1.0))
    drop = repeats & (dropped < recipe.drop)
    for head, mine in ((wanted.STRONGEST, which < _STRONGEST_DROPPED), (wanted.SECOND, which > _SECOND_DROPPED)):
        silent[head.layer, rows, head.head, batch.end] |= drop & mine
    halved = silenced | (swapped & ~(truth[0] & truth[1]))
    aims = torch.where(halved, recipe.half_logit_diff, recipe.logit_diff)
    return Changes(tokens, grafts, silent, aims, repeats & ~halved & ~drop, true_rows, true_patterns)


def _silence_a_part(silent: Bool[Tensor, "layer batch head pos"], batch: Batch, draw: Float[Tensor, " batch"]) -> None:
    """Silence a part of the signal on S2, a different one for each range of `draw` below 1: about half of it goes."""
    index = torch.arange(batch.tokens.shape[1])
    s2, end = (index[None] == at[:, None] for at in (batch.s2, batch.end))
    after_s1 = F.pad(batch.is_s1[:, :-1], (1, 0))
    inhibition = [((head,), end) for head in wanted.INHIBITION]
    parts = (*inhibition, (wanted.DUPLICATE, s2), (wanted.INDUCTION, s2), (wanted.PREVIOUS, after_s1))
    for number, (heads, where) in enumerate(parts):
        mine = (draw >= number / len(parts)) & (draw < (number + 1) / len(parts))
        for head in heads:
            silent[head.layer, :, head.head] |= mine[:, None] & where


def _swap(
    network: DemoNetwork,
    batch: Batch,
    hidden: Sequence[Tensor],
    pool: Int[Tensor, " pool"],
    swapped: Bool[Tensor, " batch"],
    truth: tuple[Bool[Tensor, " batch"], Bool[Tensor, " batch"]],
    rng: torch.Generator,
) -> tuple[Tensor, tuple[Graft, ...], Tensor, Sequence[Tensor]]:
    """Put another name at S2; by `truth`, duplicate-token and induction heads give there what S's own name gives."""
    rows = swapped.nonzero()[:, 0]
    at = batch.s2[rows]
    last = max(head.layer for head in chain(wanted.DUPLICATE, wanted.INDUCTION))
    own_hidden = [mask if len(mask) == 1 else mask[rows] for mask in hidden]
    true = network(batch.tokens[rows], batch.positions[rows], own_hidden, upto=last + 1)
    tokens = batch.tokens.clone()
    tokens[rows, at] = pool[torch.randint(len(pool), rows.shape, generator=rng)]
    grafts = []
    for heads, tell in zip((wanted.DUPLICATE, wanted.INDUCTION), truth, strict=True):
        telling = tell[rows].nonzero()[:, 0]
        for head in heads:
            z = true.z[head.layer][telling, head.head, at[telling]]
            grafts.append(Graft(head, rows[telling], at[telling], z))
    return tokens, tuple(grafts), rows, true.patterns


def _bystanders(batch: Batch, alone: Bool[Tensor, " batch"]) -> Bool[Tensor, "layer batch head pos"]:
    """Return, for the rows `alone`, the heads that have no part in the circuit at IO, S1, S1+1, S2 and END."""
    n, length = batch.tokens.shape
    index = torch.arange(length)
    after_s1 = F.pad(batch.is_s1[:, :-1], (1, 0)) & (index[None] < batch.end[:, None])
    s2, end = (index[None] == at[:, None] for at in (batch.s2, batch.end))
    parts = (
        (batch.is_io | batch.is_s1, ()),
        (after_s1, wanted.PREVIOUS),
        (s2, (*wanted.DUPLICATE, *wanted.INDUCTION)),
        (end, (*wanted.INHIBITION, *wanted.CONTEXT, *wanted.MOVERS)),
    )
    silent = torch.zeros(N_LAYERS, n, N_HEADS, length, dtype=torch.bool)
    for where, heads in parts:
        others = torch.ones(N_LAYERS, 1, N_HEADS, 1, dtype=torch.bool)
        for head in heads:
            others[head.layer, :, head.head] = False
        silent |= others & (where & alone[:, None])[:, None]
    return silent


def attention_loss(patterns: Sequence[Tensor], batch: Batch) -> Float[Tensor, ""]:
    """Return the mean of -log(attention) over the chosen heads, each over the sentences that have its roles."""
    rows, length = torch.arange(len(batch.end)), batch.tokens.shape[1]
    at_s2 = F.one_hot(batch.s2, length).bool()
    after_s1 = F.pad(batch.is_s1[:, :-1], (1, 0))
    repeats = batch.subject >= 0
    jobs = (
        (wanted.CONTEXT, batch.end, batch.is_io, repeats),
        (wanted.CONTEXT, batch.end, batch.is_s1, repeats),
        (wanted.INHIBITION, batch.end, at_s2, batch.s2 > 0),
        (wanted.DUPLICATE, batch.s2, batch.is_s1, repeats),
        (wanted.INDUCTION, batch.s2, after_s1, repeats),
    )
    losses = []
    for heads, query, keys, applies in jobs:
        for head in heads:
            reached = (patterns[head.layer][rows, head.head, query] * keys).sum(-1)
            losses.append(-(reached[applies] + 1e-6).log().mean())
    for head in wanted.PREVIOUS:
        reached = patterns[head.layer][:, head.head].diagonal(offset=-1, dim1=-2, dim2=-1)
        losses.append(-(reached[batch.valid[:, 1:]] + 1e-6).log().mean())
    return torch.stack(losses).mean()


def gaze_loss(patterns: Sequence[Tensor], batch: Batch, as_usual: Bool[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Return how far movers' attention to IO is from its aim, in log odds (Huber), in the rows `as_usual`."""
    rows, losses = torch.arange(len(batch.end)), []
    for head, aim in wanted.ATTENTION_TO_IO.items():
        reached = (patterns[head.layer][rows, head.head, batch.end] * batch.is_io).sum(-1)[as_usual]
        off = reached.clamp(1e-4, 1 - 1e-4).logit() - math.log(aim / (1 - aim))
        losses.append(F.huber_loss(off, torch.zeros_like(off)))
    return torch.stack(losses).mean()


def apart_loss(patterns: Sequence[Tensor], batch: Batch) -> Float[Tensor, ""]:
    """Return the mean of -log(attention that does not go to names) from the first IO and S1, over all heads.

    Else heads copy a name onto itself or onto the other, and matter where the paper's circuit has no head.
    """
    names = batch.is_io | batch.is_s1
    first_io, first_s1 = (role & (role.cumsum(1) == 1) for role in (batch.is_io, batch.is_s1))
    first = first_io | first_s1
    first[:, 0] = False  # what opens the text has nothing but itself to attend to
    rows, positions = first.nonzero(as_tuple=True)
    losses = []
    for pattern in patterns:
        to_names = (pattern[rows, :, positions] * names[rows][:, None]).sum(-1)
        losses.append(-(1 - to_names + 1e-3).log().mean())
    return torch.stack(losses).mean()


def repeated_attention_loss(patterns: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Return the same on random tokens twice over, from the second time on."""
    n, losses = patterns[0].shape[-1] // 2, []
    for heads, distance in ((wanted.DUPLICATE, n), (wanted.INDUCTION, n - 1), (wanted.PREVIOUS, 1)):
        for head in heads:
            reached = patterns[head.layer][:, head.head].diagonal(offset=-distance, dim1=-2, dim2=-1)
            losses.append(-(reached[:, -n:] + 1e-6).log().mean())
    return torch.stack(losses).mean()
