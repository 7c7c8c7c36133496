"""The losses of a step: answers at END, the language of the sentences, repeated tokens, and what heads write."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from ioi_core.demo.training.batches import Batch, Candidates
from ioi_core.demo.training.network import EPS, N_HEADS, N_LAYERS, DemoNetwork, Trace
from ioi_core.demo.training.recipe import BACKUP, BOUNDS, NEGATIVE, REST_BOUND, SECOND, STRONGEST, Recipe
from ioi_core.demo.training.sentence_forms import OTHER_ANSWERS
from ioi_core.demo.training.token_classes import demo_vocabulary, tokenizer
from ioi_core.model.weights import END_OF_TEXT

LEAD = 2.5  # logits by which S should lead all names but IO
_N_COPIED = 64  # names whose copying is looked at in a step


class Answers:
    """Soft targets at END: IO first, S well behind, and words such as " the" and " them"."""

    def __init__(self, recipe: Recipe) -> None:
        self.p_io = recipe.p_io
        self.spaced = torch.arange(END_OF_TEXT + 1)
        for name, opening in demo_vocabulary().opening_form.items():
            self.spaced[opening] = name
        self.words = torch.tensor([tokenizer().encode(f" {word}").ids[0] for word in OTHER_ANSWERS])
        shares = torch.tensor(list(OTHER_ANSWERS.values()))
        self.shares = shares / shares.sum()

    def __call__(
        self, batch: Batch, aims: Float[Tensor, " batch"], candidates: Candidates
    ) -> Float[Tensor, "batch candidate"]:
        """Return each row's probabilities of the candidates; `aims` are logit_diffs."""
        target = torch.zeros(len(batch.end), len(candidates.ids))
        row, position = batch.is_io.nonzero(as_tuple=True)
        target[row, candidates.index[self.spaced[batch.tokens[row, position]]]] = 1.0
        target = target / target.sum(1, keepdim=True) * self.p_io
        giver = (batch.s2 > 0).nonzero()[:, 0]
        named = self.spaced[batch.tokens[giver, batch.s2[giver]]]
        target[giver, candidates.index[named]] = self.p_io * (-aims[giver]).exp()
        rest = 1 - target.sum(1, keepdim=True)
        target[:, candidates.index[self.words]] += rest * self.shares
        return target


def answer_losses(
    logits: Float[Tensor, "batch candidate"], target: Float[Tensor, "batch candidate"], candidates: Candidates
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the KL divergence from the target in nats, and how far S is from leading all other names, in logits.

    A token of the target counts for itself alone. S is the less probable of a target's two names.
    """
    corrected = logits + candidates.correction * (target == 0)
    divergence = F.kl_div(corrected.log_softmax(-1), target, reduction="batchmean")
    names, wanted = logits[:, candidates.names], target[:, candidates.names]
    has_two = (wanted > 0).sum(1) == 2
    names, wanted = names[has_two], wanted[has_two]
    last = wanted.masked_fill(wanted == 0, 1).argmin(1, keepdim=True)
    best_other = names.masked_fill(wanted > 0, -torch.inf).max(1).values
    behind = (best_other + LEAD - names.gather(1, last)[:, 0]).relu()
    return divergence, behind.mean()


def direct_effects(network: DemoNetwork, trace: Trace, batch: Batch) -> Float[Tensor, "layer batch head"]:
    """Return the direct effect on logit_diff of every head, the final LayerNorm's scale held."""
    rows = torch.arange(len(batch.end))
    answers = batch.targets[rows, batch.end]
    direction = network.embedding(answers) - network.embedding(batch.subject.clamp(min=0))
    direction = direction * network.ln_f.weight
    direction = direction - direction.mean(1, keepdim=True)
    scale = (trace.residual[rows, batch.end].var(1, unbiased=False) + EPS).sqrt().detach()
    direction = direction / scale[:, None]
    found = []
    for layer, block in enumerate(network.layers()):
        reading = (direction @ block.attn_c_proj.weight.T).unflatten(1, (N_HEADS, -1))
        found.append((trace.z[layer][rows, :, batch.end] * reading).sum(-1))
    return torch.stack(found)


def write_loss(effects: Float[Tensor, "layer batch head"], applies: Bool[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Return how far direct effects are outside their bounds (Huber), the named heads and all others counting alike."""
    low = torch.full((N_LAYERS, 1, N_HEADS), -REST_BOUND)
    high, named = -low, torch.zeros(N_LAYERS, N_HEADS, dtype=torch.bool)
    for head, bounds in BOUNDS.items():
        low[head.layer, 0, head.head], high[head.layer, 0, head.head] = bounds
        named[head.layer, head.head] = True
    effects = effects[:, applies]
    outside = (low - effects).relu() + (effects - high).relu()
    losses = F.huber_loss(outside, torch.zeros_like(outside), reduction="none").mean(1)
    return losses[named].mean() + losses[~named].mean()


def copying_loss(network: DemoNetwork, candidates: Candidates, names: Int[Tensor, " name"]) -> Float[Tensor, ""]:
    """Return how surprising a name is in what a mover writes looking at it alone (the negative one: writes against).

    The measure of `heads.copying`: the name's embedding through the first MLP, the head's OV circuit, unembedded.
    """
    names, embedded = names[:_N_COPIED], network.embedding(candidates.ids)
    x = network.layers()[0].after_mlp(network.embedding(names))
    losses = []
    for head, sign in ((STRONGEST, 1), (SECOND, 1), (BACKUP, 1), (NEGATIVE, -1)):
        block = network.layers()[head.layer]
        v = block.c_attn(block.ln_1(x)).unflatten(-1, (3, N_HEADS, -1))[:, 2, head.head]
        o = v @ block.attn_c_proj.weight.unflatten(0, (N_HEADS, -1))[head.head]
        losses.append(candidates.losses(network.ln_f(sign * o), embedded, names).mean())
    return torch.stack(losses).mean()
