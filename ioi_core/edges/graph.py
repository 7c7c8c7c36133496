"""The graph whose edges are scored: every sender into every later receiver (Mueller et al. 2025, MIB's circuit track).

Senders put something into the residual stream: the embedding (token and position), each head's z W_O, each MLP (b_O is
nobody's and always there). Receivers read it: each head's query, key and value, each MLP, the logits. A layer's heads
come before its MLP. Positions are not told apart. GPT-2 small has 158 nodes and 32,491 edges.

Both axes go layer by layer: "embed", then "0.0" ... "0.11", "mlp 0", "1.0" ...; "0.0<q>" ... "0.11<q>", "0.0<k>" ...,
"0.0<v>" ..., "mlp 0", "1.0<q>" ..., and "logits" last.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool

from ioi_core.edges.notation import EMBED, LOGITS, Edge, EdgeError, as_edge, heads_in, listed_edges, node_of
from ioi_core.errors import HeadError
from ioi_core.inputs import EdgeChoice, shown
from ioi_core.model.weights import Model
from ioi_core.notation import ARROW
from ioi_core.vocabulary import Head

EdgeMask = Bool[np.ndarray, "sender receiver"]
"""Which edges are in a circuit."""

_CARRIED = {"circuit": Mapping, "mask": np.ndarray, "edges": tuple}
"""What a result has, the first of them, that says which edges are meant."""


@dataclass(frozen=True)
class EdgeGraph:
    """All edges of models of one shape."""

    n_layers: int
    n_heads: int

    @classmethod
    def of(cls, model: Model) -> "EdgeGraph":
        """The graph of a model."""
        return cls(model.cfg.n_layers, model.cfg.n_heads)

    @cached_property
    def senders(self) -> tuple[str, ...]:
        """Names of the senders, in the order of the axis."""
        layers = range(self.n_layers)
        return (EMBED, *(name for layer in layers for name in (*self._heads(layer), f"mlp {layer}")))

    @cached_property
    def receivers(self) -> tuple[str, ...]:
        """Names of the receivers, in the order of the axis."""
        names = []
        for layer in range(self.n_layers):
            names += [f"{head}<{name}>" for name in "qkv" for head in self._heads(layer)] + [f"mlp {layer}"]
        return (*names, LOGITS)

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """The axes of every [sender receiver] result."""
        return {"sender": self.senders, "receiver": self.receivers}

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """The senders, and "logits"."""
        return (*self.senders, LOGITS)

    @cached_property
    def exists(self) -> EdgeMask:
        """Return where there is an edge."""
        below = np.repeat(
            [
                *(n for layer in range(self.n_layers) for n in (self.below(layer), self.below_mlp(layer))),
                self.n_senders,
            ],
            [*(3 * self.n_heads, 1) * self.n_layers, 1],
        )
        exists = np.arange(self.n_senders)[:, None] < below
        exists.setflags(write=False)
        return exists

    @property
    def n_edges(self) -> int:
        """The number of edges."""
        return int(self.exists.sum())

    @property
    def n_senders(self) -> int:
        """The number of senders."""
        return self.below(self.n_layers)

    @property
    def n_receivers(self) -> int:
        """The number of receivers."""
        return self.n_layers * (3 * self.n_heads + 1) + 1

    def below(self, layer: int) -> int:
        """Return how many senders, the first ones of their axis, a layer's heads read."""
        return 1 + layer * (self.n_heads + 1)

    def below_mlp(self, layer: int) -> int:
        """Return how many senders, the first ones of their axis, a layer's MLP reads."""
        return self.below(layer) + self.n_heads

    def inputs(self, layer: int) -> slice:
        """The columns of a layer's queries, keys and values; that of its MLP follows."""
        start = layer * (3 * self.n_heads + 1)
        return slice(start, start + 3 * self.n_heads)

    def mask(self, edges: EdgeChoice) -> EdgeMask:
        """Return edges as a mask.

        Args:
            edges: (sender, receiver) names, as pairs or as text "0.1->3.2<q>"; an array of true and false that is a
                mask already; a result that found or judged a circuit of edges; or a circuit of heads, as such, as a
                result's or as text "9.9, 4.1:END": all edges `among` its heads.
        Raises:
            EdgeError: says which edge is none of this graph, and why.
            HeadError: a head of a circuit of heads that the model lacks.
        """
        carried = ((getattr(edges, name, None), kind) for name, kind in _CARRIED.items())
        given: object = next((part for part, kind in carried if isinstance(part, kind)), edges)
        if isinstance(given, np.ndarray):
            return self._checked(given)
        if isinstance(given, Mapping):
            return self.among(given)
        if isinstance(given, str) and given.strip() and ARROW not in given:
            return self.among(_heads_of_text(given))
        mask = np.zeros(self.exists.shape, dtype=bool)
        for edge in listed_edges(given):
            sender, receiver = as_edge(edge)
            row, column = self._row(sender), self._column(receiver)
            if not self.exists[row, column]:
                raise EdgeError(f"there is no edge from {sender} to {receiver}: an edge goes to a later part")
            mask[row, column] = True
        return mask

    def among(self, heads: Iterable[Head]) -> EdgeMask:
        """Return a circuit of heads as edges: all those between these heads, the embedding, all MLPs and the logits.

        Its run is that in which every other head is resample-ablated at every position. Where a circuit keeps a head
        is left out: positions are not told apart.

        Raises:
            HeadError: the model has no such head.
        """
        names = [str(head) for head in heads]
        if wrong := next((name for name in names if name not in self._rows), None):
            raise HeadError(f"head {wrong} does not exist: {self._range}")
        left_out = set(self._heads_of_all) - set(names)
        sends = np.array([name not in left_out for name in self.senders])
        reads = np.array([node_of(name) not in left_out for name in self.receivers])
        return self.exists & sends[:, None] & reads

    def _checked(self, mask: np.ndarray) -> EdgeMask:
        if mask.dtype != bool or mask.shape != self.exists.shape:
            raise EdgeError(
                f"an array of {mask.dtype} of shape {mask.shape} is no choice of edges: true and false of shape "
                f"{self.exists.shape} are wanted, or pairs of names"
            )
        if (mask & ~self.exists).any():
            sender, receiver = np.argwhere(mask & ~self.exists)[0]
            raise EdgeError(f"there is no edge from {self.senders[sender]} to {self.receivers[receiver]}")
        return mask

    def edges(self, mask: EdgeMask) -> tuple[Edge, ...]:
        """Return the edges of a mask by name, in the order of the axes."""
        return tuple((self.senders[sender], self.receivers[receiver]) for sender, receiver in np.argwhere(mask))

    def pruned(self, mask: EdgeMask) -> EdgeMask:
        """Return the edges that lie on a path from the embedding to the logits; a head's inputs all lead to the head.

        An edge that is left out never changes the circuit's run: nothing reaches it, or it reaches nothing.
        """
        reached = np.zeros(self.n_senders, dtype=bool)
        reached[0] = True
        for node, columns in enumerate(self._columns_of, 1):
            reached[node] = (mask[:, columns] & reached[:, None]).any()
        needed = np.zeros(self.n_senders, dtype=bool)
        leads_on = np.zeros(self.n_receivers, dtype=bool)
        leads_on[-1] = True
        for node in range(self.n_senders - 1, -1, -1):
            needed[node] = (mask[node] & leads_on).any()
            if node:
                leads_on[self._columns_of[node - 1]] = needed[node]
        return mask & reached[:, None] & leads_on

    def in_circuit(self, mask: EdgeMask) -> tuple[str, ...]:
        """Return the nodes that edges of a mask touch, in the order of `nodes`."""
        touched = np.zeros(self.n_senders + 1, dtype=bool)
        touched[:-1] = mask.any(1)
        for node, columns in enumerate(self._columns_of, 1):
            touched[node] |= mask[:, columns].any()
        touched[-1] = mask[:, -1].any()
        return tuple(node for node, is_touched in zip(self.nodes, touched, strict=True) if is_touched)

    @cached_property
    def _columns_of(self) -> tuple[list[int], ...]:
        """The receivers' columns of each sender but the embedding."""
        columns = []
        for layer in range(self.n_layers):
            inputs = self.inputs(layer)
            heads = [list(range(inputs.start + head, inputs.stop, self.n_heads)) for head in range(self.n_heads)]
            columns += [*heads, [inputs.stop]]
        return tuple(columns)

    def _heads(self, layer: int) -> Iterator[str]:
        return (str(Head(layer, head)) for head in range(self.n_heads))

    @property
    def _heads_of_all(self) -> Iterator[str]:
        return (name for layer in range(self.n_layers) for name in self._heads(layer))

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.senders)}

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.receivers)}

    def _row(self, sender: str) -> int:
        if (row := self._rows.get(sender)) is None:
            raise EdgeError(f"sender {shown(sender)} does not exist: {self._range}")
        return row

    def _column(self, receiver: str) -> int:
        if (column := self._columns.get(receiver)) is None:
            raise EdgeError(f"receiver {shown(receiver)} does not exist: {self._range}")
        return column

    @property
    def _range(self) -> str:
        return f"this model has heads 0-{self.n_heads - 1} and an MLP in each of its layers 0-{self.n_layers - 1}"


def _heads_of_text(text: str) -> tuple[Head, ...]:
    try:
        return heads_in(text)
    except HeadError as error:
        raise EdgeError(
            f"{shown(text)} is no edge, and no circuit of heads",
            "write edges, such as '0.1->3.2<q>', or heads, such as '9.9:END, 4.1'",
        ) from error
