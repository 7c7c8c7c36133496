"""Edges on Hugging Face's GPT-2 with its stored weights, nothing folded, by hooks: slow, and without a look at ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import GPT2LMHeadModel

from ioi_core import PromptPairs
from tests.oracles.hooked_runs import at_end

Reads = Callable[[str, Tensor, dict[str, Tensor]], Tensor | None]
"""(receiver, residual stream there, what each sender has put out) -> what it reads instead, None for the stream."""


class HookedEdges:
    """Both runs of some prompts in float64: `sent` and `read` of each, by the names of senders and receivers."""

    def __init__(self, folder: Path, pairs: PromptPairs) -> None:
        self.gpt2 = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float64).eval().requires_grad_(False)
        self.pairs = pairs
        self.tokens = torch.tensor(pairs.clean_tokens)
        self.clean_sent, self.clean_read, self.clean = self.recorded(self.tokens)
        self.corrupted_sent, self.corrupted_read, self.corrupted = self.recorded(torch.tensor(pairs.corrupted_tokens))

    def recorded(self, tokens: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        kept: dict[str, Tensor] = {}

        def keep(receiver: str, stream: Tensor, sent: dict[str, Tensor]) -> None:
            kept[receiver] = stream

        sent: dict[str, Tensor] = {}
        return sent, kept, self.run(tokens, keep, sent)

    def without(self, sender: str, receiver: str) -> Tensor:
        """[batch] logit_diff of the clean run in which one edge reads from the corrupted one."""
        change = self.corrupted_sent[sender] - self.clean_sent[sender]
        return self.run(self.tokens, lambda name, stream, _: stream + change if name == receiver else None)

    def circuit(self, edges: set[tuple[str, str]]) -> Tensor:
        """[batch] logit_diff of the run of an edge circuit, sender by sender."""

        def reads(receiver: str, stream: Tensor, sent: dict[str, Tensor]) -> Tensor:
            read = self.corrupted_read[receiver].clone()
            for sender, now in sent.items():
                if (sender, receiver) in edges:
                    read += now - self.corrupted_sent[sender]
            return read

        return self.run(self.tokens, reads)

    def slopes(self, start: Tensor | None = None) -> dict[str, Tensor]:
        """Gradient of the summed logit_diff by each receiver's input; `start` stands for the embedding."""
        added: dict[str, Tensor] = {}

        def reads(receiver: str, stream: Tensor, sent: dict[str, Tensor]) -> Tensor:
            added[receiver] = torch.zeros_like(stream, requires_grad=True)
            return stream + added[receiver]

        with torch.enable_grad():
            score = self.run(self.tokens, reads, start=start).sum()
            return dict(zip(added, torch.autograd.grad(score, list(added.values())), strict=True))

    def estimated(self, steps: int | None = None) -> dict[tuple[str, str], Tensor]:
        """[batch] EAP's score of each edge, or EAP-IG's (inputs)."""
        clean, corrupted = self.clean_sent["embed"], self.corrupted_sent["embed"]
        starts = [None] if steps is None else [corrupted + k / steps * (clean - corrupted) for k in range(steps)]
        slopes = [self.slopes(start) for start in starts]
        return {
            (sender, receiver): (
                (self.corrupted_sent[sender] - self.clean_sent[sender])
                * sum(of[receiver] for of in slopes)
                / len(slopes)
            ).sum((1, 2))
            for sender, receiver in self.edges()
        }

    def edges(self) -> Iterator[tuple[str, str]]:
        """Each sender with each receiver that comes after it, in the order of a run."""
        sent: list[str] = ["embed"]
        for layer in range(len(self.gpt2.transformer.h)):
            heads = [f"{layer}.{head}" for head in range(self.gpt2.config.n_head)]
            yield from ((sender, f"{head}<{name}>") for sender in sent for head in heads for name in "qkv")
            sent += heads
            yield from ((sender, f"mlp {layer}") for sender in sent)
            sent.append(f"mlp {layer}")
        yield from ((sender, "logits") for sender in sent)

    def run(
        self, tokens: Tensor, reads: Reads, sent: dict[str, Tensor] | None = None, start: Tensor | None = None
    ) -> Tensor:
        """[batch] logit_diff at END of a run whose receivers read what they are given."""
        sent = {} if sent is None else sent
        with _Hooks(self.gpt2, reads, sent, start).on():
            final = at_end(self.gpt2.transformer(tokens, use_cache=False).last_hidden_state, self.pairs)
        answers = torch.tensor(self.pairs.answers)
        io, s = self.gpt2.lm_head.weight[answers].unbind(1)
        return (final * (io - s)).sum(-1)


@dataclass(frozen=True)
class _Hooks:
    """The hooks of one run; `streams` are the residual streams that layers' parts would read."""

    gpt2: GPT2LMHeadModel
    reads: Reads
    sent: dict[str, Tensor]
    start: Tensor | None
    streams: dict[str, Tensor] = field(default_factory=dict)

    @contextmanager
    def on(self) -> Iterator[None]:
        transformer = self.gpt2.transformer
        handles = [transformer.drop.register_forward_hook(self.embedded)]
        for layer, block in enumerate(transformer.h):
            handles += [
                block.ln_1.register_forward_pre_hook(partial(self.before, name=f"attn {layer}")),
                block.attn.c_attn.register_forward_hook(partial(self.inputs, layer=layer)),
                block.attn.c_proj.register_forward_pre_hook(partial(self.heads, layer=layer)),
                block.ln_2.register_forward_pre_hook(partial(self.before, name=f"mlp {layer}")),
                block.mlp.register_forward_hook(partial(self.mlp, layer=layer)),
            ]
        handles.append(transformer.ln_f.register_forward_pre_hook(self.final))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def embedded(self, module: Any, given: Any, out: Tensor) -> Tensor:
        self.sent["embed"] = out if self.start is None else self.start
        return self.sent["embed"]

    def before(self, module: Any, given: Any, name: str) -> None:
        self.streams[name] = given[0]

    def inputs(self, module: Any, given: Any, out: Tensor, layer: int) -> Tensor:
        n_heads = self.gpt2.config.n_head
        parts = list(out.chunk(3 * n_heads, -1))
        for index in range(len(parts)):
            receiver = f"{layer}.{index % n_heads}<{'qkv'[index // n_heads]}>"
            read = self.reads(receiver, self.streams[f"attn {layer}"], self.sent)
            if read is not None:
                whole = _norm(self.gpt2.transformer.h[layer].ln_1, read) @ module.weight + module.bias
                parts[index] = whole.chunk(3 * n_heads, -1)[index]
        return torch.cat(parts, -1)

    def heads(self, module: Any, given: Any, layer: int) -> None:
        n_heads = self.gpt2.config.n_head
        for head, (z, W) in enumerate(zip(given[0].chunk(n_heads, -1), module.weight.chunk(n_heads), strict=True)):
            self.sent[f"{layer}.{head}"] = z @ W

    def mlp(self, module: Any, given: Any, out: Tensor, layer: int) -> Tensor:
        read = self.reads(f"mlp {layer}", self.streams[f"mlp {layer}"], self.sent)
        if read is not None:
            hidden = _norm(self.gpt2.transformer.h[layer].ln_2, read) @ module.c_fc.weight + module.c_fc.bias
            out = F.gelu(hidden, approximate="tanh") @ module.c_proj.weight + module.c_proj.bias
        self.sent[f"mlp {layer}"] = out
        return out

    def final(self, module: Any, given: Any) -> tuple[Tensor] | None:
        read = self.reads("logits", given[0], self.sent)
        return None if read is None else (read,)


def _norm(module: Any, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], module.weight, module.bias, module.eps)
