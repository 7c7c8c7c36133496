"""Model folders of any size with random weights and everything non-trivial: LayerNorm weights, all biases."""

import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from ioi_core import DEMO_MODEL_DIR

TOKENIZER = ("vocab.json", "merges.txt")


def save_random_gpt2(
    folder: Path, n_layer: int, n_embd: int, n_head: int, *, seed: int = 0, sharpness: float = 1.0, **config: Any
) -> Path:
    """A Hugging Face folder with a random GPT-2 whose parts matter: attention is not uniform, heads and MLPs write as
    much as the embeddings hold. At initialisation a changed query moves no logit by as much as a test tolerates."""
    torch.manual_seed(seed)
    model = GPT2LMHeadModel(GPT2Config(n_layer=n_layer, n_embd=n_embd, n_head=n_head, **config))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn_like(parameter)
            if ".ln_" in name and name.endswith("weight"):
                parameter.add_(0.2 * noise)
            elif name.endswith("bias"):
                parameter.add_(0.1 * noise)
            elif "c_attn" in name:
                parameter.copy_(sharpness * noise / n_embd**0.5)  # attention logits grow with its square
            elif "c_fc" in name:
                parameter.copy_(noise / n_embd**0.5)
            elif "c_proj" in name:
                parameter.copy_(0.3 * noise / len(parameter) ** 0.5)
            elif "wte" in name:
                parameter.mul_(5)  # logits of a trained model's size: differences of several units
    model.save_pretrained(folder)
    copy_tokenizer(folder)
    return folder


def copy_tokenizer(folder: Path) -> None:
    for name in TOKENIZER:
        shutil.copy(DEMO_MODEL_DIR / name, folder / name)
