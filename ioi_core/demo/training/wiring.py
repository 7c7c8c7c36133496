"""The weights at the start: small random numbers, plus a first draft of Wang et al.'s circuit in chosen heads.

The residual stream is divided, in random directions, into parts: a token's code in two halves, waves of its position,
a flag for names; what the previous-token head copies (part of the code and the flag of the token before); and what
duplicate-token and induction heads write where a name comes again (its code, and a flag), which S-inhibition heads
take to END. Gains are rough: training sets them, and nothing holds weights to this division later on.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ioi_core.demo.training import recipe
from ioi_core.demo.training.network import D_HEAD, D_MODEL, WAVELENGTHS, DemoNetwork
from ioi_core.demo.training.token_classes import D_CODE
from ioi_core.vocabulary import Head

Directions = Float[Tensor, "d_model n"]

_N_PREVIOUS = 18  # numbers of a code that the previous-token head copies
_GAINS = (0.2, 0.15, 0.1)  # of what the three movers copy
_SELF_WAVES = 4  # wavelengths by which a duplicate-token head tells a token from itself


class Parts:
    """The parts of the residual stream as orthonormal directions, [d_model n]."""

    def __init__(self) -> None:
        noise = torch.cat([torch.ones(D_MODEL, 1), torch.randn(D_MODEL, D_MODEL - 1)], 1)
        free = torch.linalg.qr(noise)[0][:, 1:]  # LayerNorm takes the mean away: nothing is written along it
        half, waves = D_CODE // 2, 2 * len(WAVELENGTHS)
        sizes = (half, half, waves, 1, _N_PREVIOUS, 1, half, 1, 1)
        parts = free[:, : sum(sizes)].split(sizes, dim=1)
        self.first, self.second, self.waves, self.name, self.previous = parts[:5]
        self.previous_name, self.repeated, self.repeated_name, self.opening = parts[5:]


class Wires:
    """Adds to the weights of one head, each line in as many of its dimensions as it has directions."""

    def __init__(self, network: DemoNetwork, head: Head) -> None:
        block = network.layers()[head.layer]
        start = head.head * D_HEAD
        self.read, self.bias, self.out = block.c_attn.weight, block.c_attn.bias, block.attn_c_proj.weight[start:]
        self.start, self.qk, self.ov = start, 0, 0

    def match(self, query: Directions, key: Directions, gain: float) -> None:
        """Attend where the key's part equals the query's (a gain below 0: where it is the opposite)."""
        n = query.shape[1]
        self._columns("q", self.qk, n).add_(math.copysign(abs(gain) ** 0.5, gain) * query)
        self._columns("k", self.qk, n).add_(abs(gain) ** 0.5 * key)
        self.qk += n

    def seek(self, key: Directions, gain: float) -> None:
        """Attend, from anywhere, to what has the key's one direction."""
        self.bias[self.start + self.qk] += gain
        self._columns("k", self.qk, 1).add_(key)
        self.qk += 1

    def move(self, value: Directions, to: Directions, gain: float) -> None:
        """Copy one part of what is attended to into another; with a gain below 0, its opposite."""
        n = value.shape[1]
        self._columns("v", self.ov, n).add_(abs(gain) ** 0.5 * value)
        self.out[self.ov : self.ov + n].add_(math.copysign(abs(gain) ** 0.5, gain) * to.T)
        self.ov += n

    def _columns(self, which: Literal["q", "k", "v"], at: int, n: int) -> Tensor:
        start = "qkv".index(which) * D_MODEL + self.start + at
        return self.read[:, start : start + n]


@torch.no_grad()
def draft(network: DemoNetwork) -> None:
    """Add the first draft of the circuit to a network's weights."""
    parts = Parts()
    _draft_embedding(network, parts)
    _draft_readers_of_repeats(network, parts)
    _draft_writers_at_end(network, parts)


def _draft_embedding(network: DemoNetwork, parts: Parts) -> None:
    embedding, code = network.embedding, torch.cat([parts.first, parts.second], 1)
    embedding.spread.add_(1.8 * code.T)
    words = torch.randn(len(embedding.words), D_CODE)
    embedding.words.add_(1.4 * functional.normalize(words, dim=1) @ code.T)
    embedding.means[:2] += parts.name.T
    embedding.means[0] += 0.3 * parts.opening[:, 0]
    embedding.means[1] -= 0.3 * parts.opening[:, 0]
    network.turn.add_(0.35 * parts.waves.T)


def _draft_readers_of_repeats(network: DemoNetwork, parts: Parts) -> None:
    n = len(WAVELENGTHS)
    sines, cosines = parts.waves[:, :n], parts.waves[:, n:]
    back = 2 * math.pi / torch.tensor(WAVELENGTHS)
    # sin(a - b) = sin a cos b - cos a sin b, cos(a - b) = cos a cos b + sin a sin b
    one_back = torch.cat([sines * back.cos() - cosines * back.sin(), cosines * back.cos() + sines * back.sin()], 1)
    for head in recipe.PREVIOUS:
        wires = Wires(network, head)
        wires.match(one_back, parts.waves, 2.8)
        wires.move(parts.first[:, :_N_PREVIOUS], parts.previous, 0.25)
        wires.move(parts.name, parts.previous_name, 0.2)
    own = torch.cat([sines[:, :_SELF_WAVES], cosines[:, :_SELF_WAVES]], 1)
    for head in recipe.DUPLICATE:
        wires = Wires(network, head)
        wires.match(parts.first[:, :_N_PREVIOUS], parts.first[:, :_N_PREVIOUS], 2.6)
        wires.match(own, own, -4.0)
        wires.move(parts.first, parts.repeated, 0.12)
        wires.move(parts.name, parts.repeated_name, 0.12)
    for number, head in enumerate(recipe.INDUCTION):
        wires = Wires(network, head)
        wires.match(parts.first[:, :_N_PREVIOUS], parts.previous, 3.6)
        if number == 1:
            wires.move(parts.previous, parts.repeated[:, :_N_PREVIOUS], 0.25)
            wires.move(parts.previous_name, parts.repeated_name, 0.15)
        else:
            half = parts.second if number else parts.first
            wires.move(half, half, 0.3)


def _draft_writers_at_end(network: DemoNetwork, parts: Parts) -> None:
    halves: Sequence[Directions] = (parts.first, parts.second)
    slow = [2 * len(WAVELENGTHS) - 2, 2 * len(WAVELENGTHS) - 1, len(WAVELENGTHS) - 2, len(WAVELENGTHS) - 1]
    for head in recipe.INHIBITION:
        wires = Wires(network, head)
        wires.seek(parts.repeated_name, 10.0)
        wires.match(parts.waves[:, slow], parts.waves[:, slow], 3.0)
        wires.move(parts.repeated, parts.repeated, 0.2)
    first_naming = parts.name - parts.repeated_name
    for head, half in zip(recipe.CONTEXT, halves, strict=True):
        wires = Wires(network, head)
        wires.seek(first_naming, 10.0)
        wires.move(half, half, 0.5)
    queries = (
        parts.repeated,
        parts.repeated,
        parts.repeated + 0.5 * parts.first,
    )  # a backup also avoids what is written
    movers = zip((recipe.STRONGEST, recipe.SECOND, recipe.BACKUP), queries, (*halves, parts.first), _GAINS, strict=True)
    for head, query, half, gain in movers:
        wires = Wires(network, head)
        wires.seek(first_naming, 8.0)
        wires.match(query, parts.first, -1.0)
        wires.move(half, half, gain)
    wires = Wires(network, recipe.NEGATIVE)
    wires.seek(parts.name, 6.0)
    wires.match(parts.first, parts.first, 1.0)
    wires.move(parts.first, parts.first, -0.1)
