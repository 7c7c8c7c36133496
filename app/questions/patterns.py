"""Attention in the prompt that is shown, clean and corrupted.

Prompts are shown one by one: averaging prompts with opposite name orders would mix different circuits. Positions
and roles are those of the clean prompt; in the corrupted one the same positions may hold other tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ioi_core import Head

RUNS = ("clean", "corrupted", "difference")
"""The patterns of a prompt; the difference is clean minus corrupted."""


@dataclass(frozen=True)
class PromptPatterns:
    """Attention patterns of one prompt.

    Attributes:
        layers: those of the first axis, in its order.
        clean, corrupted: [layer head query_pos key_pos].
        weighted: value-weighted: the unit is the norm written, not a probability.
        labels: clean, corrupted -> the prompt's tokens, spelled out.
        roles: position -> its roles.
        number: the prompt's, from 1.
    """

    layers: tuple[int, ...]
    clean: np.ndarray
    corrupted: np.ndarray
    weighted: bool
    labels: dict[str, list[str]]
    roles: dict[int, list[str]]
    number: int

    @property
    def metric(self) -> str:
        """The metric of the values, in words."""
        return "value-weighted attention" if self.weighted else "attention"

    @property
    def end(self) -> int:
        """The position of END."""
        return next(position for position, roles in self.roles.items() if "END" in roles)

    @property
    def names(self) -> dict[str, int]:
        """IO, S1 and S2, as far as the prompt has them -> position."""
        positions = {role: position for position, roles in self.roles.items() for role in roles}
        return {role: positions[role] for role in ("IO", "S1", "S2") if role in positions}

    @property
    def strongest(self) -> Head:
        """The head that attends most from END to IO in the clean prompt; without IO, to any token but the first."""
        from_end = self.clean[:, :, self.end, min(1, self.end) :].max(-1)
        if "IO" in self.names:
            from_end = self.clean[:, :, self.end, self.names["IO"]]
        layer, head = np.unravel_index(from_end.argmax(), from_end.shape)
        return Head(self.layers[int(layer)], int(head))

    def values(self, run: str) -> np.ndarray:
        """Return one of `RUNS`: [layer head query_pos key_pos]."""
        if run == "difference":
            return self.clean - self.corrupted
        return self.clean if run == "clean" else self.corrupted

    def of(self, head: Head, run: str) -> np.ndarray:
        """Return one head's pattern: [query_pos key_pos]."""
        return self.values(run)[self.layers.index(head.layer), head.head]

    def limit(self, run: str, heads: Sequence[Head] = ()) -> float:
        """Return the value of the darkest colour, of all heads or some: 1 for shares, else the largest of both runs."""
        if run != "difference" and not self.weighted:
            return 1.0
        runs = (run,) if run == "difference" else RUNS[:2]
        shown = [self.of(head, run) for head in heads for run in runs] or [self.values(run) for run in runs]
        return max(float(np.abs(values).max()) for values in shown) or 1.0

    def tokens(self, run: str) -> list[str]:
        """Return the token at each position; for the difference both, where they differ."""
        if run != "difference":
            return self.labels[run]
        both = zip(self.labels["clean"], self.labels["corrupted"], strict=True)
        return [clean if clean == corrupted else f"{clean}/{corrupted}" for clean, corrupted in both]

    def token_at(self, position: int, run: str) -> str:
        """Return a position for a sentence: "·Mary (position 4, IO)"."""
        roles = "".join(f", {role}" for role in self.roles.get(position, ()))
        return f"{self.tokens(run)[position]} (position {position}{roles})"

    def title(self, run: str) -> str:
        """Return the run's name in titles and sentences."""
        return f"prompt {self.number}, clean minus corrupted" if run == "difference" else f"{run} prompt {self.number}"
