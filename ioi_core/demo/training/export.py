"""Write a trained network as a plain Hugging Face folder."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file

from ioi_core.demo.training.network import D_MLP, D_MODEL, EPS, N_CTX, N_HEADS, N_LAYERS, DemoNetwork, to_gpt2_state
from ioi_core.model.files import DEMO_MODEL_DIR
from ioi_core.model.weights import END_OF_TEXT

MODEL_CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "vocab_size": END_OF_TEXT + 1,
    "n_positions": N_CTX,
    "n_ctx": N_CTX,
    "n_embd": D_MODEL,
    "n_layer": N_LAYERS,
    "n_head": N_HEADS,
    "n_inner": D_MLP,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": EPS,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "tie_word_embeddings": True,
    "bos_token_id": END_OF_TEXT,
    "eos_token_id": END_OF_TEXT,
    "dtype": "float16",
}
TOKENIZER_CONFIG = {
    "tokenizer_class": "GPT2Tokenizer",
    "model_max_length": N_CTX,
    "add_prefix_space": False,
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
}


def save(network: DemoNetwork, folder: Path) -> None:
    """Write a Hugging Face folder: fp16 weights, configuration, and GPT-2's tokenizer files."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(to_gpt2_state(network), folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", MODEL_CONFIG)
    _write_json(folder / "tokenizer_config.json", TOKENIZER_CONFIG)
    for name in ("vocab.json", "merges.txt"):
        if folder.resolve() != DEMO_MODEL_DIR:
            shutil.copyfile(DEMO_MODEL_DIR / name, folder / name)


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
