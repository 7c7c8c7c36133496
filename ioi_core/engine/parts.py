"""Parts of a long analysis, kept as they are finished: a run that was cancelled, or died, is resumed from them."""

from collections.abc import MutableMapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ioi_core.engine.tensors import as_array
from ioi_core.engine.wavefront import Group

Parts = MutableMapping[str, np.ndarray]
"""Finished parts of an analysis under names of their own; it may drop any of them at any time."""


@dataclass(frozen=True)
class KeptParts:
    """The parts of one group."""

    parts: Parts | None
    name: str

    @classmethod
    def of(cls, parts: Parts | None, first_prompt: int, group: Group, more: str = "") -> "KeptParts":
        """Name them by what is in them, and `more`: another memory budget cuts other groups."""
        prompts = " ".join(str(first_prompt + row) for row in group.prompts)
        return cls(parts, f"prompts {prompts} positions {group.start}-{group.end}{more}")

    def get(self, what: str, shape: tuple[int, ...]) -> Tensor | None:
        """A part, if it is kept, of this shape and finite."""
        part = None if self.parts is None else self.parts.get(f"{self.name} {what}")
        return torch.tensor(part) if part is not None and part.shape == shape and np.isfinite(part).all() else None

    def put(self, what: str, part: Tensor) -> None:
        """Keep a part."""
        if self.parts is not None:
            self.parts[f"{self.name} {what}"] = as_array(part)
