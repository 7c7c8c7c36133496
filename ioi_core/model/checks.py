"""Checks of a model's config.json before its weights are read: only GPT-2's own arithmetic is computed here."""

from pathlib import Path
from typing import Any

from ioi_core.errors import ModelUnavailableError
from ioi_core.model.files import read_object

_VOCABULARY = 50257

# Config fields that change the forward pass -> the values with which it is GPT-2's, GPT-2's own first. Not among them:
# reorder_and_upcast_attn, which only orders the same products otherwise; dropout, which is for training.
_ARITHMETIC: dict[str, tuple[object, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of one function
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "is_causal": (True,),
    "quantization_config": (None,),
    "pruned_heads": ({}, None),
    "auto_map": (None, {}),  # the folder's own code
}
_SIZES = ("n_layer", "n_head", "n_embd", "n_positions")
_PUBLISHED = {(6, 768), (12, 768), (24, 1024), (36, 1280), (48, 1600)}
"""(n_layer, n_embd) of distilgpt2 and GPT-2's four sizes, all with heads of 64: no weight has a shape that tells."""
_HEAD = 64
# Hugging Face reads these as other names of the sizes.
_ALIASES = {
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "hidden_size": "n_embd",
    "max_position_embeddings": "n_positions",
}


def checked_config(folder: Path) -> dict[str, Any]:
    """Return config.json if it describes a GPT-2 that this package computes exactly.

    Raises:
        ModelUnavailableError: says what is missing or wrong.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ModelUnavailableError(f"{folder} has no config.json: it is not a Hugging Face model folder")
    config = read_object(path)
    if config.get("model_type") != "gpt2":
        raise ModelUnavailableError(
            f"{folder} holds a model of type {config.get('model_type')!r}: only the GPT-2 architecture is supported"
        )
    _check_sizes(config, folder)
    for field, values in _ARITHMETIC.items():
        if (got := config.get(field, values[0])) not in values:
            raise ModelUnavailableError(
                f"{folder} has {field} = {str(got)[:100]!r} in config.json: only GPT-2's own {values[0]!r} is supported"
            )
    if config.get("vocab_size", _VOCABULARY) != _VOCABULARY:
        raise ModelUnavailableError(
            f"{folder} has vocab_size = {config['vocab_size']!r} in config.json: GPT-2's {_VOCABULARY} is wanted"
        )
    if (folder / "adapter_config.json").is_file():
        raise ModelUnavailableError(f"{folder} has an adapter (adapter_config.json): merge it into the weights first")
    return config


def _check_sizes(config: dict[str, Any], folder: Path) -> None:
    """Refuse sizes that no model has: they would load, or fail much later."""
    if alias := next((alias for alias in _ALIASES if alias in config), None):
        raise ModelUnavailableError(f"{folder} has {alias} in config.json: name it {_ALIASES[alias]}, as GPT-2's does")
    inner = () if config.get("n_inner") is None else ("n_inner",)
    for field in (*_SIZES, *inner):
        if field in config and not (type(config[field]) is int and config[field] > 0):
            raise ModelUnavailableError(f"{folder} has {field} = {config[field]!r} in config.json: 1 or more is wanted")
    layers, heads, width = config.get("n_layer", 12), config.get("n_head", 12), config.get("n_embd", 768)
    if (layers, width) in _PUBLISHED and heads * _HEAD != width:
        raise ModelUnavailableError(
            f"{folder} has n_head = {heads} in config.json: GPT-2 of {layers} layers of width {width} has "
            f"{width // _HEAD} heads, and with another number its weights load and compute something else"
        )
    eps = config.get("layer_norm_epsilon", 1e-5)
    if not (isinstance(eps, float) and 0 < eps < 1):
        raise ModelUnavailableError(f"{folder} has layer_norm_epsilon = {eps!r} in config.json: 0 to 1 is wanted")
