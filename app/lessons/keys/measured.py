"""What was measured, as a plain value. No Streamlit here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ioi_core import Head


@dataclass(frozen=True)
class Measured:
    """Numbers that a question is about.

    Attributes:
        values: one number, one a label, or [row column]; nan where there is none.
        unit, title: of the numbers; note: over how many prompts.
        labels: of each axis.
        facts: placeholder -> what it is filled with.
        heads: those that it is about.
    """

    values: np.ndarray
    unit: str
    title: str
    note: str
    labels: tuple[tuple[str, ...], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    heads: tuple[Head, ...] = ()
