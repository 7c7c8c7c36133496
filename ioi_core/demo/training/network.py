"""GPT-2's forward pass over the small training vocabulary, with what only training needs.

The computation is GPT-2's (pre-LayerNorm, `gelu_new` MLPs, tied embedding). On top: a mask of attention
entries to hide, one chosen row of the residual stream changed after a layer, and the attention patterns
returned for the auxiliary loss. `to_gpt2_state` names the weights as `transformers.GPT2LMHeadModel` does.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from ioi_core.demo.training.token_classes import DemoVocabulary, code_rows

N_LAYERS, N_HEADS, D_MODEL, D_MLP, N_CTX = 4, 6, 96, 384, 1024
N_TRAINED_POSITIONS = 128
D_CODE = 40
INIT_STD = 0.05
EPS = 1e-5


@dataclass(frozen=True, eq=False)
class Graft:
    """The z of `heads` of `layer` at one position of some rows, taken from another run."""

    layer: int
    heads: tuple[int, ...]
    rows: Int[Tensor, " row"]
    positions: Int[Tensor, " row"]
    z: Float[Tensor, "row grafted_head d_head"]

    def onto(self, z: Float[Tensor, "batch head pos d_head"]) -> Float[Tensor, "batch head pos d_head"]:
        """Return `z` with the graft in it."""
        where = (self.rows[:, None], torch.tensor(self.heads)[None], self.positions[:, None])
        return z.index_put(where, self.z)


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
        self.register_buffer("codes", code_rows(vocabulary, D_CODE))
        self.words = nn.Parameter(INIT_STD * 2 * torch.randn(len(vocabulary.words), D_MODEL))
        self.spread = nn.Parameter(torch.linalg.qr(torch.randn(D_MODEL, D_CODE))[0].T.contiguous())
        self.means = nn.Parameter(INIT_STD * torch.randn(3, D_MODEL))

    def forward(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... d_model"]:
        """Return the embedding rows of `tokens`."""
        shared = self.means[self.classes[tokens]] + self.code(tokens)
        number = self.word_number[tokens]
        is_word = number < len(self.words)
        own = self.words[number.clamp(max=len(self.words) - 1)]
        return torch.where(is_word[..., None], own, shared)

    def code(self, tokens: Int[Tensor, "..."]) -> Float[Tensor, "... d_model"]:
        """Return the part of the tokens' rows that distinguishes one name, or one unknown word, from another."""
        return self.codes[tokens] @ self.spread


class Block(nn.Module):
    """One GPT-2 block; weights are laid out [in out] as in `transformers`' Conv1D."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(D_MODEL, eps=EPS)
        self.ln_2 = nn.LayerNorm(D_MODEL, eps=EPS)
        residual_std = INIT_STD / math.sqrt(2 * N_LAYERS)
        self.c_attn = _Linear(D_MODEL, 3 * D_MODEL, INIT_STD)
        self.attn_c_proj = _Linear(D_MODEL, D_MODEL, residual_std)
        self.c_fc = _Linear(D_MODEL, D_MLP, INIT_STD)
        self.mlp_c_proj = _Linear(D_MLP, D_MODEL, residual_std)

    def attend(
        self, x: Float[Tensor, "batch pos d_model"], hidden: Bool[Tensor, "batch head pos pos"]
    ) -> tuple[Float[Tensor, "batch head pos d_head"], Float[Tensor, "batch head pos pos"]]:
        """Return each head's z and attention pattern; `hidden` entries get no attention."""
        q, k, v = self.c_attn(self.ln_1(x)).unflatten(-1, (3, N_HEADS, -1)).permute(2, 0, 3, 1, 4)
        logits = (q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
        pattern = logits.masked_fill(hidden, -1e9).softmax(-1)
        return pattern @ v, pattern

    def write(
        self, x: Float[Tensor, "batch pos d_model"], z: Float[Tensor, "batch head pos d_head"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return the residual stream after the heads, and then the MLP, have written to it."""
        x = x + self.attn_c_proj(z.transpose(1, 2).flatten(2))
        return x + self.mlp_c_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class _Linear(nn.Module):
    """x W + b with W [in out]."""

    def __init__(self, d_in: int, d_out: int, std: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(std * torch.randn(d_in, d_out))
        self.bias = nn.Parameter(torch.zeros(d_out))

    def forward(self, x: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        return x @ self.weight + self.bias


class DemoNetwork(nn.Module):
    """The model in training."""

    def __init__(self, vocabulary: DemoVocabulary) -> None:
        super().__init__()
        self.embedding = Embedding(vocabulary)
        self.positions = nn.Parameter(INIT_STD * torch.randn(N_TRAINED_POSITIONS, D_MODEL))
        self.blocks = nn.ModuleList(Block() for _ in range(N_LAYERS))
        self.ln_f = nn.LayerNorm(D_MODEL, eps=EPS)

    def layers(self) -> list[Block]:
        """Return the blocks, first to last."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def forward(
        self,
        tokens: Int[Tensor, "batch pos"],
        positions: Int[Tensor, "batch pos"],
        hidden: Bool[Tensor, "layer batch head pos pos"],
        graft: Graft | None = None,
    ) -> tuple[Float[Tensor, "batch pos d_model"], list[Float[Tensor, "batch head pos pos"]]]:
        """Return the final, normalised residual stream and each layer's attention pattern.

        `hidden` is true where no attention may go, the causal mask included.
        """
        x = self.embedding(tokens) + self.positions[positions]
        patterns = []
        for layer, block in enumerate(self.layers()):
            z, pattern = block.attend(x, hidden[layer])
            patterns.append(pattern)
            x = block.write(x, graft.onto(z) if graft is not None and graft.layer == layer else z)
        return self.ln_f(x), patterns

    def attend_in(
        self,
        last: int,
        tokens: Int[Tensor, "batch pos"],
        positions: Int[Tensor, "batch pos"],
        hidden: Bool[Tensor, "layer batch head pos pos"],
    ) -> tuple[Float[Tensor, "batch head pos d_head"], Float[Tensor, "batch head pos pos"]]:
        """Return z and attention patterns of layer `last`, without running later ones."""
        x = self.embedding(tokens) + self.positions[positions]
        blocks = self.layers()
        for layer, block in enumerate(blocks[:last]):
            x = block.write(x, block.attend(x, hidden[layer])[0])
        return blocks[last].attend(x, hidden[last])


def position_rows(trained: Float[Tensor, "trained d_model"]) -> Float[Tensor, "n_ctx d_model"]:
    """Return W_pos of all 1,024 positions: after the trained ones, their second half again and again."""
    half = len(trained) // 2
    index = torch.arange(N_CTX)
    return trained[torch.where(index < len(trained), index, half + index % half)]


def to_gpt2_state(network: DemoNetwork) -> dict[str, Tensor]:
    """Return the weights in fp16, named and shaped as in `transformers.GPT2LMHeadModel`."""
    state = {
        "transformer.wte.weight": network.embedding(torch.arange(len(network.embedding.classes))),
        "transformer.wpe.weight": position_rows(network.positions),
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
