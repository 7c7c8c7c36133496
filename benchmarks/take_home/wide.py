"""ioi-demo in GPT-2 small's shape: files as large as GPT-2 small's, of a model that does the task and is fast."""

from dataclasses import replace
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from ioi_core import DEMO_MODEL_DIR, Model, load_model
from tests.models.random_gpt2 import copy_tokenizer

TIMES, LAYERS = 3, 12
"""How many times as wide, and how deep: 12 heads of the same size in each of 12 layers."""
_NOISE = 0.003


def wide_demo(folder: Path) -> Model:
    """The bundled model with the same streams three times over, so that it says the same; what is added to it, heads,
    neurons and layers, reads all and writes a little noise, so that no number is a bare 0.

    Args:
        folder: an empty one, where it is saved.
    """
    small = GPT2LMHeadModel.from_pretrained(DEMO_MODEL_DIR, dtype=torch.float32)
    wanted = small.config.to_dict() | {
        "n_embd": TIMES * small.config.n_embd,
        "n_inner": TIMES * small.config.n_inner,
        "n_head": TIMES * small.config.n_head,
        "n_layer": LAYERS,
    }
    wide = GPT2LMHeadModel(GPT2Config(**wanted))
    torch.manual_seed(0)
    given = small.state_dict()
    with torch.no_grad():
        for name, weights in wide.state_dict().items():
            weights.copy_(_widened(name, given.get(name), weights))
    wide.save_pretrained(folder)
    copy_tokenizer(folder)
    return replace(load_model(str(folder)), name="ioi-demo")


def _widened(name: str, small: torch.Tensor | None, wide: torch.Tensor) -> torch.Tensor:
    """Return a tensor of the wide model, given the small one's, if it has that layer."""
    if small is None:
        plain = name.endswith("weight") and ".ln_" in name
        return torch.ones_like(wide) if plain else _NOISE * torch.randn_like(wide)
    if "ln_f" in name:  # the unembedding reads all three streams
        return small.repeat(TIMES) / TIMES
    if ".ln_" in name or name.endswith(("wte.weight", "wpe.weight", "lm_head.weight", "c_proj.bias")):
        return small.repeat(*[1] * (small.ndim - 1), TIMES)
    made = _NOISE * torch.randn_like(wide)
    if name.endswith("c_proj.weight"):  # from all heads or neurons, the small one's first, into three equal streams
        made[: len(small)] = small.repeat(1, TIMES)
    else:  # c_attn, c_fc: from the first stream; queries, keys and values are blocks of their own
        blocks = 3 if "c_attn" in name else 1
        into, of = made.unflatten(-1, (blocks, -1)), small.unflatten(-1, (blocks, -1))
        if small.ndim == 1:
            into[:, : of.shape[-1]] = of
        else:
            into[..., : of.shape[-1]] = 0
            into[: len(small), :, : of.shape[-1]] = of
    return made
