"""What was measured, as a plain value. No Streamlit here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ioi_core import Head


@dataclass(frozen=True)
class Behind:
    """The numbers that one number is read off: what the reveal draws in its place.

    Attributes:
        labels, values: a bar each, or a point each of a curve; unit: theirs.
        asked: which of the bars is the one number.
        is_curve: whether they are points of a curve, along which the one number is a share of the way, in %.
    """

    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str
    asked: int = -1
    is_curve: bool = False


@dataclass(frozen=True)
class Measured:
    """Numbers that a question is about.

    Attributes:
        values: one number, one a label, or [row column]; nan where there is none.
        unit, title: of the numbers; note: over how many prompts.
        labels: of each axis.
        facts: placeholder -> what it is filled with.
        heads: those that it is about.
        behind: what the one number is read off, None where there is no more to see.
    """

    values: np.ndarray
    unit: str
    title: str
    note: str
    labels: tuple[tuple[str, ...], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    heads: tuple[Head, ...] = ()
    behind: Behind | None = None
