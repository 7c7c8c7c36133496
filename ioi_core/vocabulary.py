"""The words every layer shares: heads, directions, ablations, roles (Wang et al. 2022)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from ioi_core.errors import HeadError

ROLES = ("IO", "S1", "S1+1", "S2", "END")
"""Token roles of an IOI prompt. IO: indirect object; S1, S2: first and last subject; S1+1: the token after S1."""

_HEAD_NAME = re.compile(r"(\d{1,3})\.(\d{1,3})", re.ASCII)


class Direction(StrEnum):
    """The run that receives activations, and the one that gives them."""

    DENOISING = "denoising"  # clean activations into the corrupted run: is it sufficient?
    NOISING = "noising"  # corrupted activations into the clean run: is it necessary?


class Ablation(StrEnum):
    """The replacement for an ablated head's z."""

    ZERO = "zero"
    MEAN = "mean"
    RESAMPLE = "resample"


@dataclass(frozen=True, order=True)
class Head:
    """One attention head, counted from 0; prints and parses as the field writes it: "9.9"."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"{self.layer}.{self.head}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read "9.9" as layer 9, head 9.

        Raises:
            HeadError: the text is not two whole numbers joined by a dot.
        """
        match = _HEAD_NAME.fullmatch(text.strip())
        if match is None:
            raise HeadError(f"{text[:40]!r} is not a head", "write layer.head, for example 9.9")
        return cls(int(match[1]), int(match[2]))


ALL = "all"
