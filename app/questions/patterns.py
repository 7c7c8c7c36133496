"""Attention in the one prompt that is shown, clean and corrupted.

Prompts are looked at one by one: averaging prompts with opposite name orders would mix different circuits. Positions
and roles are those of the clean prompt; in the corrupted one the same positions may hold other tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ioi_core import Head

RUNS = ("clean", "corrupted", "difference")
"""What can be shown; the difference is clean minus corrupted."""


@dataclass(frozen=True)
class PromptPatterns:
    """Where heads look in one prompt.

    Attributes:
        layers: the layers that are here, in the order of the first axis.
        clean, corrupted: [layer head query_pos key_pos].
        weighted: value-weighted, so the unit is the norm written and not a probability.
        labels: clean, corrupted -> the prompt's tokens, spelled out.
        roles: position -> its roles.
        number: of the prompt, from 1.
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
        """What a value is."""
        return "value-weighted attention" if self.weighted else "attention"

    @property
    def end(self) -> int:
        """Where the answer comes next."""
        return next(position for position, roles in self.roles.items() if "END" in roles)

    @property
    def names(self) -> dict[str, int]:
        """IO, S1 and S2, as far as the prompt has them, and where they stand."""
        places = {role: position for position, roles in self.roles.items() for role in roles}
        return {role: places[role] for role in ("IO", "S1", "S2") if role in places}

    @property
    def strongest(self) -> Head:
        """Who looks most from END at IO in the clean prompt; where there is no IO, at anything but the first token."""
        from_end = self.clean[:, :, self.end, 1:].max(-1)
        if "IO" in self.names:
            from_end = self.clean[:, :, self.end, self.names["IO"]]
        layer, head = np.unravel_index(from_end.argmax(), from_end.shape)
        return Head(self.layers[int(layer)], int(head))

    def values(self, run: str) -> np.ndarray:
        """[layer head query_pos key_pos] of one of `RUNS`."""
        if run == "difference":
            return self.clean - self.corrupted
        return self.clean if run == "clean" else self.corrupted

    def of(self, head: Head, run: str) -> np.ndarray:
        """[query_pos key_pos] of one head."""
        return self.values(run)[self.layers.index(head.layer), head.head]

    def reach(self, run: str, heads: Sequence[Head] = ()) -> float:
        """The value of the darkest colour, of all heads or of some: 1 for shares, else the largest of both prompts."""
        if run != "difference" and not self.weighted:
            return 1.0
        runs = (run,) if run == "difference" else RUNS[:2]
        shown = [self.of(head, run) for head in heads for run in runs] or [self.values(run) for run in runs]
        return max(float(np.abs(values).max()) for values in shown) or 1.0

    def tokens(self, run: str) -> list[str]:
        """The token at each position; for the difference both, where they differ."""
        if run != "difference":
            return self.labels[run]
        both = zip(self.labels["clean"], self.labels["corrupted"], strict=True)
        return [clean if clean == corrupted else f"{clean}/{corrupted}" for clean, corrupted in both]

    def place(self, position: int, run: str) -> str:
        """A position inside a sentence: "·Mary (position 4, IO)"."""
        roles = "".join(f", {role}" for role in self.roles.get(position, ()))
        return f"{self.tokens(run)[position]} (position {position}{roles})"

    def named(self, run: str) -> str:
        """The run inside a title."""
        return f"prompt {self.number}, clean minus corrupted" if run == "difference" else f"{run} prompt {self.number}"
