"""Figures that a run of a page keeps for whoever asked for it, instead of drawing their menus. No Streamlit here."""

import pickle
import weakref
import zlib
from dataclasses import dataclass, field, replace

from app.take_home.page import Part
from ioi_core import Model

CAUGHT = "_caught"
"""Where the state of such a run has its `Caught`."""


@dataclass
class Caught:
    """What is wanted of a run, and what came of it.

    Attributes:
        wanted: names of figures; parts: those that were drawn.
        model: that they are drawn on.
        problem: what the page said where it could not.
    """

    wanted: frozenset[str]
    parts: dict[str, Part] = field(default_factory=dict)
    model: "weakref.ref[Model] | None" = None
    problem: str = ""

    def keep(self, part: Part, model: "weakref.ref[Model]") -> None:
        """Keep a figure, if it is wanted, with its table made: what makes it may hold the model.

        Packed, for a session keeps all tables of a report: attention has 150,000 rows, a tenth of their size this way.
        """
        self.model = model
        if part.record.name in self.wanted:
            packed = zlib.compress(pickle.dumps(part.frame(), pickle.HIGHEST_PROTOCOL), 1)
            self.parts[part.record.name] = replace(part, frame=lambda: pickle.loads(zlib.decompress(packed)))

    @property
    def loaded(self) -> Model | None:
        """The model, while it is in memory."""
        return self.model() if self.model else None

    @property
    def all_found(self) -> bool:
        """Return whether nothing is left to draw."""
        return self.wanted <= self.parts.keys()
