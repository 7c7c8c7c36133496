"""The circuit on the page: the strongest edges by some scores, and what the visitor keeps or drops besides.

As text, "-0.1->3.2<q>, +embed->mlp 0": without the first edge, with the second. No Streamlit here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ioi_core import EdgeError, EdgeGraph, EdgeScores, IOIError
from ioi_core.edges.evaluation import strongest_mask

MOST_CHANGES = 60
"""Changes that a link holds."""

ARROW = "->"
_SIZES = (1, 2, 3, 5, 7)
_FIRST_SHARE, _FEWEST_FIRST = 0.05, 10
_BETWEEN = ", "


def sizes(n_edges: int) -> list[int]:
    """Return the numbers of edges to choose from: evenly on a log scale, none and all at its ends."""
    steps = [step * 10**power for power in range(6) for step in _SIZES]
    return [0, *(size for size in steps if size < n_edges), n_edges]


def first_size(n_edges: int) -> int:
    """Return the number of edges that the page opens with."""
    wanted = max(_FEWEST_FIRST, _FIRST_SHARE * n_edges)
    return min(sizes(n_edges), key=lambda size: abs(size - wanted))


@dataclass(frozen=True)
class Changes:
    """What a visitor changed: edges kept though they are not among the strongest, and edges dropped though they are."""

    kept: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """As a link has it."""
        signed = [*(f"-{edge}" for edge in sorted(self.dropped)), *(f"+{edge}" for edge in sorted(self.kept))]
        return _BETWEEN.join(signed)

    def switched(self, edge: str, *, is_kept: bool) -> "Changes":
        """Return the changes with an edge dropped that is kept now, or kept that is not."""
        kept, dropped = self.kept - {edge}, self.dropped - {edge}
        undone = edge in self.kept | self.dropped
        if undone:
            return Changes(kept, dropped)
        return Changes(kept, dropped | {edge}) if is_kept else Changes(kept | {edge}, dropped)


def read_changes(text: str, graph: EdgeGraph) -> Changes:
    """Read changes, as typed or in a link.

    Raises:
        EdgeError: names what cannot be read; or there are too many.
    """
    signs: dict[str, set[str]] = {"+": set(), "-": set()}
    parts = [part for part in (part.strip() for part in text.split(",")) if part]
    if len(parts) > MOST_CHANGES:
        raise EdgeError(
            f"there are {len(parts)} changes", f"make at most {MOST_CHANGES} changes, as many as a link holds"
        )
    for part in parts:
        if part[0] not in signs:
            raise EdgeError(f"{part[:40]!r} begins with neither", "write + (keep) or - (drop) before an edge")
        [[sender, receiver]] = graph.edges(graph.mask([part[1:]]))
        signs[part[0]].add(f"{sender}{ARROW}{receiver}")
    if both := signs["+"] & signs["-"]:
        raise EdgeError(f"{min(both)} is both kept and dropped", "take out one of the two")
    return Changes(frozenset(signs["+"]), frozenset(signs["-"]))


@dataclass(frozen=True, eq=False)
class Plan:
    """The edges that are asked for.

    Attributes:
        scores: by which edges are ranked, by size; number: how many of the strongest are kept.
        changes: of the visitor.
        given: a circuit of edges or of heads as text, which is kept in place of the strongest edges; "" if none is.
    """

    graph: EdgeGraph
    scores: EdgeScores
    number: int
    changes: Changes
    given: str = ""

    def __reduce__(self) -> tuple[object, ...]:
        """Be pickled, for a figure's digest, as what it is made of, whatever was worked out of it since."""
        return _plan, (self.graph.n_layers, self.graph.n_heads, self.scores, self.number, self.changes, self.given)

    @cached_property
    def mask(self) -> np.ndarray:
        """[sender receiver] which edges are kept."""
        graph, scores = self.graph, self.scores.values
        mask = graph.mask(self.given) if self.given else strongest_mask(graph, scores, self.number)
        for edges, kept in ((self.changes.kept, True), (self.changes.dropped, False)):
            if edges:
                mask[graph.mask(sorted(edges))] = kept
        return mask

    @cached_property
    def pruned(self) -> np.ndarray:
        """[sender receiver] which of them are on a path from the embedding to the logits."""
        return self.graph.pruned(self.mask)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The edges that are kept and on a path, as text, in the order of the axes."""
        return tuple(map(ARROW.join, self.graph.edges(self.pruned)))


def _plan(n_layers: int, n_heads: int, scores: EdgeScores, number: int, changes: Changes, given: str) -> Plan:
    return Plan(EdgeGraph(n_layers, n_heads), scores, number, changes, given)


def plan_of(
    graph: EdgeGraph, scores: EdgeScores, number: int, text: str, given: str = ""
) -> tuple[Plan, IOIError | None]:
    """Return the circuit, and why changes cannot be read, which are left out then."""
    try:
        return Plan(graph, scores, number, read_changes(text, graph), given), None
    except IOIError as error:
        return Plan(graph, scores, number, Changes(), given), error


def circuit_text(edges: Sequence[str]) -> str:
    """Return edges as text that is read again."""
    return _BETWEEN.join(edges)


def why_not_given(text: str, graph: EdgeGraph) -> IOIError | None:
    """Return why a text is no circuit of this model, of edges or of heads."""
    try:
        graph.mask(text)
    except IOIError as error:
        return error
    return None


def edge_name(graph: EdgeGraph, flat: int) -> str:
    """Return an edge as text."""
    sender, receiver = divmod(int(flat), graph.n_receivers)
    return f"{graph.senders[sender]}{ARROW}{graph.receivers[receiver]}"


def edge_names(graph: EdgeGraph, flat: Sequence[int] | np.ndarray) -> list[str]:
    """Return edges as text."""
    return [edge_name(graph, one) for one in flat]
