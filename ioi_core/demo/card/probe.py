"""Run a saved Hugging Face GPT-2 folder on IOI sentences, read its heads, and intervene on them.

Everything here goes through `transformers` (fp16 weights read as float32, eager attention) and knows nothing
of the training code, so it measures the bundled folder as any other program would. Patching replaces heads' z
(the input of attention's output projection) at one position a row with z of another run, or with zero.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import GPT2LMHeadModel

from ioi_core.demo.training.sentences import Sentence
from ioi_core.model.weights import END_OF_TEXT
from ioi_core.vocabulary import Head


@dataclass(frozen=True, eq=False)
class Rows:
    """Sentences that all repeat a name, as tensors.

    Attributes:
        tokens: [batch pos], padded on the right.
        end, io, s1, s2: [batch] positions; the last naming before S2 where there are several.
        answers: [batch 2] ids of (IO, S).
    """

    tokens: Int[Tensor, "batch pos"]
    end: Int[Tensor, " batch"]
    io: Int[Tensor, " batch"]
    s1: Int[Tensor, " batch"]
    s2: Int[Tensor, " batch"]
    answers: Int[Tensor, "batch 2"]

    def with_names(self, replace: Mapping[str, Int[Tensor, " batch"]]) -> "Rows":
        """Return the same sentences with other tokens at roles "io", "s1" or "s2"; answers stay."""
        tokens = self.tokens.clone()
        for role, ids in replace.items():
            tokens[torch.arange(len(tokens)), getattr(self, role)] = ids
        return Rows(tokens, self.end, self.io, self.s1, self.s2, self.answers)

    def s2_flipped(self) -> "Rows":
        """Return the sentences with IO's name at S2: the signal reversed."""
        return self.with_names({"s2": self.answers[:, 0]})


@dataclass(frozen=True, eq=False)
class Run:
    """The results of one forward pass.

    Attributes:
        logits: [batch d_vocab] at END.
        patterns: [batch layer head pos pos].
        z: [layer batch pos d_model], heads side by side.
        final: [batch d_model] residual stream at END before the last LayerNorm.
    """

    logits: Float[Tensor, "batch d_vocab"]
    patterns: Float[Tensor, "batch layer head query_pos key_pos"]
    z: Float[Tensor, "layer batch pos d_model"]
    final: Float[Tensor, "batch d_model"]

    def logit_diff(self, rows: Rows) -> Float[Tensor, " batch"]:
        """Return logit(IO) - logit(S) at END of each row, in logits."""
        picked = self.logits.gather(1, rows.answers)
        return picked[:, 0] - picked[:, 1]


@dataclass(frozen=True, eq=False)
class Patch:
    """z of `heads` at `positions` becomes that of `source`, [layer batch pos d_model]; zero where it is None."""

    heads: Sequence[Head]
    positions: Int[Tensor, " batch"]
    source: Float[Tensor, "layer batch pos d_model"] | None


def load(folder: Path) -> GPT2LMHeadModel:
    """Return the folder's model in float32, able to return its attention patterns."""
    model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    return model.eval()


def to_rows(sentences: Sequence[Sentence]) -> Rows:
    """Return sentences padded on the right, with their roles.

    Raises:
        ValueError: a sentence repeats no name.
    """
    length = max(len(s.tokens) for s in sentences)
    tokens = torch.full((len(sentences), length), END_OF_TEXT)
    for row, s in enumerate(sentences):
        tokens[row, : len(s.tokens)] = torch.tensor(s.tokens)
    columns: list[tuple[int, int, int, int, int, int]] = []
    for s in sentences:
        if s.s2 is None or s.subject is None:
            raise ValueError(f"want sentences that repeat a name, got {s}")
        columns.append((len(s.tokens) - 1, s.io[-1], s.s1[-1], s.s2, s.answer, s.subject))
    end, io, s1, s2, answer, subject = torch.tensor(columns).T
    return Rows(tokens, end, io, s1, s2, torch.stack([answer, subject], 1))


@torch.inference_mode()
def run(model: GPT2LMHeadModel, rows: Rows, patch: Patch | None = None) -> Run:
    """Run the model once, with z patched if asked."""
    z: list[Tensor] = []
    final: list[Tensor] = []
    batch = torch.arange(len(rows.end))
    with ExitStack() as hooks:
        for layer, block in enumerate(model.transformer.h):
            project = block.attn.c_proj
            if patch is not None:
                hooks.enter_context(project.register_forward_pre_hook(_patcher(patch, layer, model)))
            hooks.enter_context(project.register_forward_pre_hook(lambda _, x: z.append(x[0])))
        keep = model.transformer.ln_f.register_forward_pre_hook(lambda _, x: final.append(x[0][batch, rows.end]))
        hooks.enter_context(keep)
        output = model.transformer(rows.tokens, output_attentions=True)
    logits = output.last_hidden_state[batch, rows.end] @ model.transformer.wte.weight.T
    patterns = torch.stack(output.attentions, 1)
    return Run(logits, patterns, torch.stack(z), final[0])


def _patcher(
    patch: Patch, layer: int, model: GPT2LMHeadModel
) -> Callable[[Any, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    d_head = model.config.n_embd // model.config.n_head
    heads = [head.head for head in patch.heads if head.layer == layer]

    def replace(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        z = inputs[0].clone()
        batch = torch.arange(len(z))
        for head in heads:
            part = slice(head * d_head, (head + 1) * d_head)
            source = 0.0 if patch.source is None else patch.source[layer, batch, patch.positions, part]
            z[batch, patch.positions, part] = source
        return (z,)

    return replace


@torch.inference_mode()
def direct_attribution(model: GPT2LMHeadModel, rows: Rows, result: Run) -> Float[Tensor, "layer head"]:
    """Return each head's mean direct contribution to logit_diff in logits, LayerNorm's scale frozen."""
    ln, embed = model.transformer.ln_f, model.transformer.wte.weight
    direction = (embed[rows.answers[:, 0]] - embed[rows.answers[:, 1]]) * ln.weight
    direction = direction - direction.mean(1, keepdim=True)
    direction = direction / (result.final.var(1, unbiased=False, keepdim=True) + ln.eps).sqrt()
    batch, heads = torch.arange(len(rows.end)), model.config.n_head
    by_head = []
    for layer, block in enumerate(model.transformer.h):
        z = result.z[layer, batch, rows.end].unflatten(-1, (heads, -1))
        writes = torch.einsum("bhd,hdm->bhm", z, block.attn.c_proj.weight.unflatten(0, (heads, -1)))
        by_head.append(torch.einsum("bhm,bm->bh", writes, direction).mean(0))
    return torch.stack(by_head)


def mean_attention(
    result: Run, query: Int[Tensor, " batch"], key: Int[Tensor, " batch"]
) -> Float[Tensor, "layer head"]:
    """Return the attention from `query` to `key`, mean over rows."""
    return result.patterns[torch.arange(len(query)), :, :, query, key].mean(0)


def previous_token_attention(result: Run, rows: Rows) -> Float[Tensor, "layer head"]:
    """Return the attention from each position to the one before, mean over positions 1 to END and over rows."""
    diagonal = result.patterns.diagonal(offset=-1, dim1=-2, dim2=-1)  # [batch layer head pos-1]
    inside = (torch.arange(diagonal.shape[-1])[None] < rows.end[:, None]).float()
    return torch.einsum("blhp,bp->lh", diagonal, inside) / inside.sum()
