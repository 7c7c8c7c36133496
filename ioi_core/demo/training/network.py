"""GPT-2's forward pass over the training vocabulary, with what only training needs.

The computation is GPT-2's (pre-LayerNorm, `gelu_new` MLPs, tied embedding). On top: a mask of attention entries to
hide, and heads' z replaced at some positions. Positions are waves through a learned matrix, so all 1,024 are trained.
`to_gpt2_state` names the weights as `transformers.GPT2LMHeadModel` does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ioi_core.demo.training.token_classes import D_CODE, DemoVocabulary, code_rows
from ioi_core.vocabulary import Head

N_LAYERS, N_HEADS, D_MODEL, D_MLP, N_CTX = 6, 4, 112, 224, 1024
D_HEAD = D_MODEL // N_HEADS
WAVELENGTHS = (2.3, 3.1, 4.5, 7.0, 12.0, 24.0, 60.0, 200.0)
INIT_STD = 0.02
OUT_SCALE = 3.0  # the final LayerNorm's weight at the start
EPS = 1e-5


@dataclass(frozen=True, eq=False)
class Graft:
    """The z of a head at one position of some rows, taken from another run."""

    head: Head
    rows: Int[Tensor, " row"]
    positions: Int[Tensor, " row"]
    z: Float[Tensor, "row d_head"]

    def onto(self, z: Float[Tensor, "batch head pos d_head"]) -> Float[Tensor, "batch head pos d_head"]:
        """Return its layer's `z` with the graft in it."""
        return z.index_put((self.rows, torch.tensor(self.head.head), self.positions), self.z)


@dataclass(frozen=True, eq=False)
class Trace:
    """A forward pass: the last residual stream before the final LayerNorm, each layer's z and attention patterns."""

    residual: Float[Tensor, "batch pos d_model"]
    z: list[Float[Tensor, "batch head pos d_head"]]
    patterns: list[Float[Tensor, "batch head pos pos"]]


class Embedding(nn.Module):
    """Rows of all 50,257 tokens: words have their own, names and other tokens their class's mean plus a code.

    The codes are fixed and random, of D_CODE numbers; their directions in the residual stream are learned.
    """

    classes: Int[Tensor, " d_vocab"]
    word_number: Int[Tensor, " d_vocab"]
    codes: Float[Tensor, "d_vocab d_code"]

    def __init__(self, vocabulary: DemoVocabulary) -> None:
        super().__init__()
        classes = torch.zeros(len(vocabulary.code), dtype=torch.int64)
        for number, ids in enumerate((vocabulary.names, vocabulary.opening_names, vocabulary.others)):
            classes[list(ids)] = number
        word_number = torch.full((len(vocabulary.code),), len(vocabulary.words))
        word_number[list(vocabulary.words)] = torch.arange(len(vocabulary.words))
        self.register_buffer("classes", classes)
        self.register_buffer("word_number", word_number)
        self.register_buffer("codes", code_rows(vocabulary))
        self.words = nn.Parameter(INIT_STD * torch.randn(len(vocabulary.words), D_MODEL))
        self.spread = nn.Parameter(torch.zeros(D_CODE, D_MODEL))
        self.means = nn.Parameter(INIT_STD * torch.randn(3, D_MODEL))

    def forward(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... d_model"]:
        """Return the embedding rows of `tokens`."""
        shared = self.means[self.classes[tokens]] + self.codes[tokens] @ self.spread
        number = self.word_number[tokens]
        is_word = number < len(self.words)
        own = self.words[number.clamp(max=len(self.words) - 1)]
        return torch.where(is_word[..., None], own, shared)


class Block(nn.Module):
    """One GPT-2 block; weights are laid out [in out] as in `transformers`' Conv1D."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(D_MODEL, eps=EPS)
        self.ln_2 = nn.LayerNorm(D_MODEL, eps=EPS)
        self.c_attn = Linear(D_MODEL, 3 * D_MODEL, INIT_STD)
        self.attn_c_proj = Linear(D_MODEL, D_MODEL, INIT_STD)
        self.c_fc = Linear(D_MODEL, D_MLP, 2 * INIT_STD)
        self.mlp_c_proj = Linear(D_MLP, D_MODEL, INIT_STD)

    def attend(
        self, x: Float[Tensor, "batch pos d_model"], hidden: Bool[Tensor, "#batch #head pos pos"]
    ) -> tuple[Float[Tensor, "batch head pos d_head"], Float[Tensor, "batch head pos pos"]]:
        """Return each head's z and attention pattern; `hidden` entries get no attention."""
        q, k, v = self.c_attn(self.ln_1(x)).unflatten(-1, (3, N_HEADS, -1)).permute(2, 0, 3, 1, 4)
        logits = (q @ k.transpose(-1, -2)) / math.sqrt(D_HEAD)
        pattern = logits.masked_fill(hidden, -1e9).softmax(-1)
        return pattern @ v, pattern

    def write(
        self, x: Float[Tensor, "batch pos d_model"], z: Float[Tensor, "batch head pos d_head"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return the residual stream after the heads, and then the MLP, have written to it."""
        return self.after_mlp(x + self.attn_c_proj(z.transpose(1, 2).flatten(2)))

    def after_mlp(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Return the residual stream after the MLP has written to it."""
        return x + self.mlp_c_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Linear(nn.Module):
    """x W + b with W [in out]."""

    def __init__(self, d_in: int, d_out: int, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(std * torch.randn(d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, x: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        """Return x W + b."""
        rows = x.reshape(-1, x.shape[-1])  # one product of matrices: faster than a batched one
        return (rows @ self.weight + self.bias).view(*x.shape[:-1], self.weight.shape[1])


class DemoNetwork(nn.Module):
    """The model in training."""

    waves: Float[Tensor, "n_ctx wave"]

    def __init__(self, vocabulary: DemoVocabulary) -> None:
        super().__init__()
        self.embedding = Embedding(vocabulary)
        self.register_buffer("waves", _waves())
        self.turn = nn.Parameter(torch.zeros(2 * len(WAVELENGTHS), D_MODEL))  # where the waves are in the stream
        self.blocks = nn.ModuleList(Block() for _ in range(N_LAYERS))
        self.ln_f = nn.LayerNorm(D_MODEL, eps=EPS)
        nn.init.constant_(self.ln_f.weight, OUT_SCALE)

    def layers(self) -> list[Block]:
        """Return the blocks, first to last."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def forward(
        self,
        tokens: Int[Tensor, "batch pos"],
        positions: Int[Tensor, "batch pos"],
        hidden: Sequence[Bool[Tensor, "#batch #head pos pos"]],
        grafts: Sequence[Graft] = (),
        silent: Bool[Tensor, "layer batch head pos"] | None = None,
        upto: int = N_LAYERS,
    ) -> Trace:
        """Run the first `upto` layers; `hidden` is true where no attention may go, the causal mask included.

        Where `silent` is true a head's z is zero.
        """
        x = self.embedding(tokens) + self.waves[positions] @ self.turn
        zs, patterns = [], []
        for layer, block in enumerate(self.layers()[:upto]):
            z, pattern = block.attend(x, hidden[layer])
            if silent is not None:
                z = z.masked_fill(silent[layer][..., None], 0.0)
            for graft in grafts:
                z = graft.onto(z) if graft.head.layer == layer else z
            x = block.write(x, z)
            zs.append(z)
            patterns.append(pattern)
        return Trace(x, zs, patterns)


def _waves() -> Float[Tensor, "n_ctx wave"]:
    """Return sines, then cosines, of all positions."""
    angles = 2 * math.pi * torch.arange(N_CTX)[:, None] / torch.tensor(WAVELENGTHS)
    return torch.cat([angles.sin(), angles.cos()], 1)


def to_gpt2_state(network: DemoNetwork) -> dict[str, Tensor]:
    """Return the weights in fp16, named and shaped as in `transformers.GPT2LMHeadModel`."""
    state = {
        "transformer.wte.weight": network.embedding(torch.arange(len(network.embedding.classes))),
        "transformer.wpe.weight": network.waves @ network.turn,
        "transformer.ln_f.weight": network.ln_f.weight,
        "transformer.ln_f.bias": network.ln_f.bias,
    }
    folders = {"c_attn": "attn.", "attn_c_proj": "attn.", "c_fc": "mlp.", "mlp_c_proj": "mlp."}
    for layer, block in enumerate(network.layers()):
        for name, weight in block.state_dict().items():
            module, kind = name.split(".")
            theirs = folders.get(module, "") + module.removeprefix("attn_").removeprefix("mlp_")
            state[f"transformer.h.{layer}.{theirs}.{kind}"] = weight
    return {name: weight.detach().half().contiguous() for name, weight in state.items()}
