"""Checks of a model's folder before its weights are read."""

import json
from pathlib import Path
from typing import Any

from transformers import GPT2TokenizerFast

from ioi_core.errors import ModelUnavailableError
from ioi_core.model.hub import TOKENIZER_FILES

_GPT2_SMALL_SHAPE = {"n_layer": 12, "n_head": 12, "n_embd": 768}
_VOCABULARY = 50257

# GPT-2's own values of the config fields that change the arithmetic; a checkpoint that differs needs another forward.
_ARITHMETIC = {
    "activation_function": "gelu_new",
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}


def checked_config(name: str, folder: Path) -> dict[str, Any]:
    """Return config.json if it describes a GPT-2 that this package computes exactly.

    Raises:
        ModelUnavailableError: says what is missing or wrong.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelUnavailableError(f"{folder} has no config.json: it is not a Hugging Face model folder") from error
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{path} cannot be read as JSON: {error}") from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "gpt2":
        raise ModelUnavailableError(
            f"{folder} holds a model of type {kind!r}: only the GPT-2 architecture is supported"
        )
    _check_sizes(config, folder)
    for field, wanted in _ARITHMETIC.items():
        if config.get(field, wanted) != wanted:
            raise ModelUnavailableError(
                f"{folder} has {field} = {config[field]!r} in config.json: only GPT-2's own {wanted!r} is supported"
            )
    if config.get("vocab_size", _VOCABULARY) != _VOCABULARY:
        raise ModelUnavailableError(f"{folder} has {config['vocab_size']} tokens: GPT-2's {_VOCABULARY} are wanted")
    if name == "gpt2-small" and any(config.get(field, want) != want for field, want in _GPT2_SMALL_SHAPE.items()):
        got = ", ".join(f"{field} {config.get(field)}" for field in _GPT2_SMALL_SHAPE)
        raise ModelUnavailableError(
            f"{folder} is not GPT-2 small ({got}; wanted n_layer 12, n_head 12, n_embd 768): load it by its own path"
        )
    return config


def _check_sizes(config: dict[str, Any], folder: Path) -> None:
    """Refuse sizes that no model has: they would load, or fail much later."""
    for field in ("n_layer", "n_head", "n_embd", "n_positions"):
        if field in config and not (type(config[field]) is int and config[field] > 0):
            raise ModelUnavailableError(f"{folder} has {field} = {config[field]!r} in config.json: 1 or more is wanted")
    eps = config.get("layer_norm_epsilon", 1e-5)
    if not (isinstance(eps, float) and 0 < eps < 1):
        raise ModelUnavailableError(f"{folder} has layer_norm_epsilon = {eps!r} in config.json: 0 to 1 is wanted")


def checked_tokenizer(name: str, folder: Path) -> GPT2TokenizerFast:
    """Return the folder's tokenizer if it is GPT-2's.

    Raises:
        ModelUnavailableError: says what is missing or wrong.
    """
    if not any(all((folder / file).is_file() for file in files) for files in TOKENIZER_FILES):
        raise ModelUnavailableError(f"{folder} has no tokenizer: add tokenizer.json, or vocab.json and merges.txt")
    try:
        tokenizer = GPT2TokenizerFast.from_pretrained(str(folder), local_files_only=True)
        size, mary = len(tokenizer), tokenizer.backend_tokenizer.encode(" Mary", add_special_tokens=False).ids
    except Exception as error:  # the tokenizers library raises bare Exception for a damaged file
        raise ModelUnavailableError(f"the tokenizer of {name} in {folder} cannot be read: {error}") from error
    if size != _VOCABULARY or mary != [5335]:
        raise ModelUnavailableError(
            f"the tokenizer in {folder} is not GPT-2's: it has {size} tokens and reads ' Mary' as {mary}; "
            f"wanted {_VOCABULARY} and [5335]"
        )
    # A visitor's "<|endoftext|>" is text like any other, not a control token. Set once here; nothing changes it later.
    tokenizer.backend_tokenizer.encode_special_tokens = True
    return tokenizer
