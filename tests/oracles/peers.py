"""The same weights in TransformerLens's and in Hugging Face's own models."""

from pathlib import Path

import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2LMHeadModel


def oracle_bridge(folder: Path, dtype: torch.dtype = torch.float32) -> TransformerBridge:
    """TransformerLens's own processed model."""
    bridge = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=dtype)
    bridge.enable_compatibility_mode(disable_warnings=True)
    return bridge


def oracle_gpt2(folder: Path) -> GPT2LMHeadModel:
    """Hugging Face's GPT-2 on the stored weights, nothing folded."""
    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
