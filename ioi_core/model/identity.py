"""Whether a model is GPT-2 small: told by its shape and by what it says of eight prompts, never by its name.

What was published about GPT-2 small's heads holds for its weights alone. A fine-tuned copy, another seed or random
weights have the same shape.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import GPT2TokenizerFast

from ioi_core.errors import ModelUnavailableError
from ioi_core.model.weights import END_OF_TEXT

NAMES = ("gpt2-small", "gpt2")
"""The names that GPT-2 small is asked for by."""

OTHER_WEIGHTS = "gpt2-small-shaped (other weights)"
"""The name of a model that was asked for as GPT-2 small, has its shape, and is another one."""

_SHAPE = {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024}
_INNER = (None, 3072)

# The stored outputs of TransformerLens's Exploratory_Analysis_Demo: prompt with BOS, IO, S, logit(IO) - logit(S).
PUBLISHED = (
    ("When John and Mary went to the shops, John gave the bag to", " Mary", " John", 3.3368),
    ("When John and Mary went to the shops, Mary gave the bag to", " John", " Mary", 3.2018),
    ("When Tom and James went to the park, James gave the ball to", " Tom", " James", 2.7098),
    ("When Tom and James went to the park, Tom gave the ball to", " James", " Tom", 3.7976),
    ("When Dan and Sid went to the shops, Sid gave an apple to", " Dan", " Sid", 1.7206),
    ("When Dan and Sid went to the shops, Dan gave an apple to", " Sid", " Dan", 5.2815),
    ("After Martin and Amy went to the park, Amy gave a drink to", " Martin", " Amy", 2.6010),
    ("After Martin and Amy went to the park, Martin gave a drink to", " Amy", " Martin", 5.7676),
)
_TOLERANCE = 1e-3  # logits; the notebook ran float32 elsewhere and prints 4 decimals

_known: dict[str, bool] = {}  # fingerprint -> whether it is GPT-2 small


def has_shape(config: Mapping[str, Any]) -> bool:
    """Return whether config.json describes a model of GPT-2 small's shape."""
    return config.get("n_inner") in _INNER and all(config.get(field, want) == want for field, want in _SHAPE.items())


def check_shape(config: Mapping[str, Any], folder: Path) -> None:
    """Refuse a folder that is asked for as GPT-2 small and holds a model of another shape.

    Raises:
        ModelUnavailableError: names the fields of config.json that differ.
    """
    if not has_shape(config):
        wanted = _SHAPE | {"n_inner": _INNER[1]}
        others = [field for field, want in wanted.items() if config.get(field) not in (None, want)]
        got, right = (", ".join(f"{field} {of[field]}" for field in others) for of in (config, wanted))
        raise ModelUnavailableError(f"{folder} is not GPT-2 small ({got}; wanted {right}): load it by its own path")


def is_gpt2_small(
    source: "transformers.GPT2LMHeadModel", config: Mapping[str, Any], tokenizer: GPT2TokenizerFast, fingerprint: str
) -> bool:
    """Return whether `source`, before any processing, has GPT-2 small's shape and gives the published logit_diffs.

    Asked once for each `fingerprint`, of which the answer is remembered.
    """
    if not has_shape(config):
        return False
    if fingerprint not in _known:
        _known[fingerprint] = all(far <= _TOLERANCE for far in _differences(source, tokenizer))
    return _known[fingerprint]


def _differences(source: "transformers.GPT2LMHeadModel", tokenizer: GPT2TokenizerFast) -> list[float]:
    """Return how far each published logit_diff is from the model's own, in logits."""

    def ids(text: str) -> list[int]:
        return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    tokens = torch.tensor([[END_OF_TEXT, *ids(text)] for text, *_ in PUBLISHED])  # of equal length
    logits = source(tokens).logits[:, -1]
    return [
        abs(float(row[ids(io)[0]] - row[ids(s)[0]]) - published)
        for row, (_, io, s, published) in zip(logits, PUBLISHED, strict=True)
    ]
