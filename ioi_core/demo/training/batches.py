"""Training sentences as padded tensors, and the tokens of one step's softmax."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from ioi_core.demo.training.network import N_CTX
from ioi_core.demo.training.sentences import Sentence
from ioi_core.demo.training.token_classes import DemoVocabulary
from ioi_core.model.weights import END_OF_TEXT


@dataclass(frozen=True, eq=False)
class Batch:
    """Sentences as tensors; padding is at the right and counts for nothing."""

    tokens: Int[Tensor, "batch pos"]
    positions: Int[Tensor, "batch pos"]
    targets: Int[Tensor, "batch pos"]
    end: Int[Tensor, " batch"]
    subject: Int[Tensor, " batch"]  # -1 where no name repeats
    s2: Int[Tensor, " batch"]  # 0 where there is none
    is_io: Bool[Tensor, "batch pos"]
    is_s1: Bool[Tensor, "batch pos"]
    valid: Bool[Tensor, "batch pos"]


def collate(sentences: Sequence[Sentence], rng: Random) -> Batch:
    """Return sentences padded, half of them shifted to a random start position, with their roles marked."""
    length = max(len(s.tokens) for s in sentences)
    shape = (len(sentences), length)
    tokens, targets = torch.full(shape, END_OF_TEXT), torch.full(shape, END_OF_TEXT)
    is_io, is_s1, valid = (torch.zeros(shape, dtype=torch.bool) for _ in range(3))
    starts = []
    for row, s in enumerate(sentences):
        n = len(s.tokens)
        tokens[row, :n] = torch.tensor(s.tokens)
        targets[row, :n] = torch.tensor((*s.tokens[1:], s.answer))
        is_io[row, list(s.io)] = True
        is_s1[row, list(s.s1)] = True
        valid[row, :n] = True
        starts.append(rng.randint(0, N_CTX - length) if rng.random() < 0.5 else 0)
    return Batch(
        tokens=tokens,
        positions=torch.tensor(starts)[:, None] + torch.arange(length),
        targets=targets,
        end=torch.tensor([len(s.tokens) - 1 for s in sentences]),
        subject=torch.tensor([-1 if s.subject is None else s.subject for s in sentences]),
        s2=torch.tensor([s.s2 or 0 for s in sentences]),
        is_io=is_io,
        is_s1=is_s1,
        valid=valid,
    )


@cache
def _as_tensors(vocabulary: DemoVocabulary) -> tuple[Tensor, Tensor, Tensor]:
    """Return the ids of words, those of other tokens, and [d_vocab] the opening form of each name (-1: none)."""
    opening_of = torch.full((END_OF_TEXT + 1,), -1)
    opening_of[list(vocabulary.opening_form)] = torch.tensor(list(vocabulary.opening_form.values()))
    return torch.tensor(vocabulary.words), torch.tensor(vocabulary.others), opening_of


class Candidates:
    """The tokens of one step's softmax: all words, the pool's names, and samples of opening names and other tokens."""

    def __init__(self, vocabulary: DemoVocabulary, pool: Tensor, n_negative: int, rng: torch.Generator) -> None:
        words, others, opening_of = _as_tensors(vocabulary)
        in_pool = opening_of[pool]
        in_pool = in_pool[in_pool >= 0]
        drawn = others[torch.randperm(len(others), generator=rng)[:n_negative]]
        groups = [words, pool, in_pool, drawn]
        sizes = [len(words), len(vocabulary.names), len(vocabulary.opening_names), len(others)]
        self.ids = torch.cat(groups)
        self.names = slice(len(words), len(words) + len(pool) + len(in_pool))
        scale = [math.log(size / len(group)) for size, group in zip(sizes, groups, strict=True)]
        self.correction = torch.cat([torch.full((len(g),), s) for g, s in zip(groups, scale, strict=True)])
        self.index = torch.full((END_OF_TEXT + 1,), -1)
        self.index[self.ids] = torch.arange(len(self.ids))

    def losses(
        self, final: Float[Tensor, "n d_model"], rows: Float[Tensor, "candidate d_model"], targets: Int[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """Return the cross-entropy of each target in nats; 0 for a target that is no candidate (other tokens)."""
        target = self.index[targets]
        known = target >= 0
        target = target.clamp(min=0)
        logits = final @ rows.T + self.correction
        own = torch.arange(len(target))
        logits = logits.index_put((own, target), -self.correction[target], accumulate=True)
        return F.cross_entropy(logits, target, reduction="none") * known


def repeated_tokens(candidates: Candidates, n_sequences: int, rng: torch.Generator) -> Batch:
    """Return random tokens twice over, drawn among the candidates nearly as over the whole vocabulary."""
    n = int(torch.randint(6, 51, (1,), generator=rng))
    weights = candidates.correction.exp()
    half = candidates.ids[torch.multinomial(weights, n_sequences * n, replacement=True, generator=rng)].view(-1, n)
    start = torch.randint(0, N_CTX - 2 * n + 1, (n_sequences, 1), generator=rng)
    start *= torch.rand(n_sequences, 1, generator=rng) < 0.5
    tokens, nowhere = torch.cat([half, half], 1), torch.zeros(n_sequences, 2 * n, dtype=torch.bool)
    return Batch(
        tokens=tokens,
        positions=start + torch.arange(2 * n),
        targets=tokens.roll(-1, 1),
        end=torch.full((n_sequences,), 2 * n - 1),
        subject=torch.full((n_sequences,), -1),
        s2=torch.zeros(n_sequences, dtype=torch.int64),
        is_io=nowhere,
        is_s1=nowhere,
        valid=~nowhere,
    )
