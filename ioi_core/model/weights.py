"""A GPT-2-architecture model as plain, read-only tensors on one device.

The weights are TransformerLens's processed ones (LayerNorm folded, writing weights and unembedding centred, value
biases folded into b_O), laid out for a functional forward: one matrix for q, k and v, one for all heads' output.
Nothing here can hook or change a model, so any number of threads may read one. Loading is in `loading.py`.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor

from ioi_core.errors import HeadError, ModelUnavailableError
from ioi_core.inputs import OneHead, as_head, shown
from ioi_core.vocabulary import Head

if TYPE_CHECKING:
    from transformers import GPT2TokenizerFast


END_OF_TEXT = 50256
"""GPT-2's one special token: the BOS that may open a prompt, and the padding to the right of a short one."""


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of a GPT-2-architecture model."""

    n_layers: int
    n_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    d_vocab: int
    n_ctx: int
    eps: float


@dataclass(frozen=True, eq=False, repr=False)
class LayerWeights:
    """One block; LayerNorm weights are folded in, b_V is folded into b_O."""

    W_QKV: Float[Tensor, "d_model qkv"]  # columns: all heads' q, then k, then v; qkv = 3 * n_heads * d_head
    b_QKV: Float[Tensor, " qkv"]  # the v third is 0 after folding
    W_O: Float[Tensor, "heads_d_head d_model"]  # rows: head after head
    b_O: Float[Tensor, " d_model"]
    W_in: Float[Tensor, "d_model d_mlp"]
    b_in: Float[Tensor, " d_mlp"]
    W_out: Float[Tensor, "d_mlp d_model"]
    b_out: Float[Tensor, " d_model"]
    b_V_unfolded: Float[Tensor, "n_heads d_head"]  # b_V before it was folded into b_O: copy scores need it


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """All weights, on one device and of one dtype."""

    W_E: Float[Tensor, "d_vocab d_model"]
    W_pos: Float[Tensor, "n_ctx d_model"]
    layers: tuple[LayerWeights, ...]
    W_U: Float[Tensor, "d_model d_vocab"]
    b_U: Float[Tensor, " d_vocab"]  # holds ln_final's folded bias: attribution shows it as a bar of its own


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A loaded model: sizes, tokenizer and weights; never changes after loading."""

    name: str
    cfg: ModelConfig
    tokenizer: "GPT2TokenizerFast"
    device: torch.device
    fingerprint: str  # of the weights as stored, before processing: equal on every machine
    weights: Weights
    is_gpt2_small: bool = False  # its shape, and its published logit_diffs; a matter of the weights, not of the name

    @cached_property
    def reader(self) -> Tokenizer:
        """Return what cuts texts into tokens: a copy of the tokenizer without the truncation and padding of its calls.

        `tokenizer(text, truncation=True, max_length=12)` sets both in `tokenizer` for good.
        """
        reader = Tokenizer.from_str(self.tokenizer.backend_tokenizer.to_str())
        reader.encode_special_tokens = True  # "<|endoftext|>" in a text is text like any other
        reader.no_truncation()
        reader.no_padding()
        return reader

    def __repr__(self) -> str:
        c = self.cfg
        sizes = f"{c.n_layers} layers of {c.n_heads} heads, d_model {c.d_model}, d_vocab {c.d_vocab}"
        return f"Model({self.name[-30:]}: {sizes}, {self.weights.W_E.dtype} on {self.device})"

    @property
    def numerics(self) -> str:
        """The dtype and the type of device, which decide the rounding of results; part of their keys."""
        return f"{self.weights.W_E.dtype} {self.device.type}"

    @property
    def megabytes(self) -> float:
        """The memory that the weights take, in MiB."""
        parts: tuple[Weights | LayerWeights, ...] = (self.weights, *self.weights.layers)
        tensors = (getattr(part, field.name) for part in parts for field in fields(part))
        return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, Tensor)) / 2**20

    @property
    def heads(self) -> tuple[Head, ...]:
        """Every head, layer by layer."""
        return tuple(Head(layer, head) for layer in range(self.cfg.n_layers) for head in range(self.cfg.n_heads))

    @property
    def head_axes(self) -> dict[str, tuple[str, ...]]:
        """The axes of every [layer head] result."""
        return {"layer": _counted(self.cfg.n_layers), "head": _counted(self.cfg.n_heads)}

    def check_head(self, head: OneHead) -> Head:
        """Return `head`, given as "9.9", (9, 9) or `Head(9, 9)`, if this model has it.

        Raises:
            HeadError: it does not, or that is no head; the text says which heads exist.
        """
        head = as_head(head)
        if head.layer >= self.cfg.n_layers or head.head >= self.cfg.n_heads or min(head.layer, head.head) < 0:
            raise HeadError(
                f"head {head} does not exist: {self.name} has heads 0-{self.cfg.n_heads - 1} "
                f"in layers 0-{self.cfg.n_layers - 1}"
            )
        return head

    def token_text(self, token: int) -> str:
        """Return the text of one token with its leading space; bytes that are no text by themselves show as \ufffd."""
        return str(self.reader.decode([int(token)], skip_special_tokens=False))

    def encode(self, text: str) -> list[int]:
        """Return the token ids of `text`, without BOS; "<|endoftext|>" in it is read as plain characters."""
        return list(self.reader.encode(text, add_special_tokens=False).ids)


def check_model(model: Model) -> Model:
    """Return `model` if it is one; ModelUnavailableError if it is something else, such as a model's name."""
    if not isinstance(model, Model):
        raise ModelUnavailableError(f"a model is wanted, got {shown(model)}: load one, as load_model('ioi-demo') does")
    return model


def _counted(n: int) -> tuple[str, ...]:
    return tuple(map(str, range(n)))
