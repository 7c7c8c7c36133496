"""Arrays to the device and back, one position of each row, rows in chunks."""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ioi_core.model.weights import Model

TOKENS_PER_CHUNK = 4096
"""Rows are run in chunks of about this many tokens, which bounds memory whatever the number of prompts."""


def at_positions(
    x: Shaped[Tensor, "batch pos *rest"], positions: Int[np.ndarray, " batch"] | Int[Tensor, " batch"]
) -> Shaped[Tensor, "batch *rest"]:
    """Each row's value at its own position; loops give a tensor on the device, as each copy there makes a GPU wait."""
    index = positions if isinstance(positions, Tensor) else torch.tensor(positions, device=x.device)
    return x[torch.arange(len(x), device=x.device), index]


def to_device(model: Model, array: Shaped[np.ndarray, "*shape"]) -> Shaped[Tensor, "*shape"]:
    """A copy of an array on the model's device."""
    return torch.tensor(array, device=model.device)


def as_array(tensor: Float[Tensor, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """A tensor as NumPy, in at least float32."""
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).cpu().numpy()


def joined(parts: Iterable[Float[Tensor, "..."]], dim: int = -1) -> Float[np.ndarray, "..."]:
    """Results of chunks or blocks of prompts, concatenated as NumPy; each is taken off the device as it comes."""
    return as_array(torch.cat([part.cpu() for part in parts], dim))


def joined_columns(parts: Iterable[tuple[Float[Tensor, "..."], ...]]) -> list[Float[np.ndarray, "..."]]:
    """Several results of each chunk or block, `batch` last: `joined` result by result."""
    on_cpu = [[tensor.cpu() for tensor in part] for part in parts]
    return [joined(column) for column in zip(*on_cpu, strict=True)]


def slices(length: int, step: int) -> list[slice]:
    """Cut 0 to `length` into slices of `step`, the last of them shorter."""
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def row_chunks(tokens: Int[np.ndarray, "batch pos"]) -> list[slice]:
    """Slices over the rows, of about `TOKENS_PER_CHUNK` tokens each."""
    return slices(len(tokens), max(1, TOKENS_PER_CHUNK // tokens.shape[1]))
