"""How nodes and edges are written: "0.1->3.2<q>" here, "a0.h1->a3.h2<q>" in MIB's files; either is read."""

import re
from collections.abc import Iterable

from ioi_core.errors import IOIError
from ioi_core.inputs import shown
from ioi_core.notation import ARROW, kept_heads
from ioi_core.vocabulary import Head

EMBED, LOGITS = "embed", "logits"

Edge = tuple[str, str]
"""The names of a sender and of a receiver."""

_HEAD = re.compile(r"(?:(\d{1,3})\.(\d{1,3})|a(\d{1,3})\.h(\d{1,3}))(?:<([qkv])>)?", re.ASCII)
_MLP = re.compile(r"(?:mlp ?|m)(\d{1,3})", re.ASCII)


class EdgeError(IOIError):
    """An edge that does not exist, or edges, scores or a file of them that cannot be read."""


def as_edge(given: object) -> Edge:
    """Return an edge given as two names, or as one text with an arrow.

    Raises:
        EdgeError: it is neither, or a name is none.
    """
    ends = given.split(ARROW) if isinstance(given, str) else given
    if not isinstance(ends, tuple | list) or len(ends) != 2:
        raise EdgeError(f"{shown(given)} is no edge", f"write ('0.1', '3.2<q>') or '0.1{ARROW}3.2<q>'")
    return as_sender(ends[0]), as_receiver(ends[1])


def as_sender(given: object) -> str:
    """Return a sender's name: "embed", "9.9" or "mlp 3"; also from "input", "a9.h9", "m3" and `Head(9, 9)`.

    Raises:
        EdgeError: it is no sender's name.
    """
    name = str(given).strip() if isinstance(given, str | Head) else ""
    if name in (EMBED, "input"):
        return EMBED
    if match := _HEAD.fullmatch(name):
        if match[5]:
            raise EdgeError("a head sends one output", f"write {_head(match)} for the sender, not {shown(name)}")
        return _head(match)
    if match := _MLP.fullmatch(name):
        return f"mlp {int(match[1])}"
    raise EdgeError(f"{shown(given)} is no sender", "write embed, a head such as 9.9, or an MLP such as mlp 3")


def as_receiver(given: object) -> str:
    """Return a receiver's name: "9.9<q>", "mlp 3" or "logits"; also from "a9.h9<q>" and "m3".

    Raises:
        EdgeError: it is no receiver's name.
    """
    name = given.strip() if isinstance(given, str) else ""
    if name == LOGITS:
        return LOGITS
    if match := _HEAD.fullmatch(name):
        if not match[5]:
            head = _head(match)
            raise EdgeError("a head has three inputs", f"write {head}<q>, {head}<k> or {head}<v>, not {shown(name)}")
        return f"{_head(match)}<{match[5]}>"
    if match := _MLP.fullmatch(name):
        return f"mlp {int(match[1])}"
    raise EdgeError(f"{shown(given)} is no receiver", "write an input such as 9.9<q>, an MLP such as mlp 3, or logits")


def listed_edges(edges: object) -> Iterable[object]:
    """Return edges one by one; a text is a list of them, with commas, semicolons or new lines between."""
    if isinstance(edges, str):
        return [part for part in re.split("[,;\\n]", edges) if part.strip()]
    if isinstance(edges, Iterable) and not isinstance(edges, bytes | dict):
        return edges
    raise EdgeError(f"edges are wanted, got {shown(edges)}: give pairs of names such as ('0.1', '3.2<q>')")


def heads_in(text: str) -> tuple[Head, ...]:
    """Return the heads that a circuit of heads keeps, in its own notation; where it keeps them is left out.

    Raises:
        CircuitTextError: the text is no such circuit, or switches a head off.
    """
    return tuple(sorted({item.head for item in kept_heads(text)}))


def heads_of(edges: Iterable[object]) -> tuple[Head, ...]:
    """Return the heads at the ends of edges, in order.

    Raises:
        EdgeError: one is no edge.
    """
    nodes = {node_of(end) for edge in edges for end in as_edge(edge)}
    return tuple(sorted(Head.parse(node) for node in nodes if _HEAD.fullmatch(node)))


def node_of(receiver: str) -> str:
    """The node that a receiver belongs to: "9.9" of "9.9<q>"."""
    return receiver.partition("<")[0]


def mib_name(name: str) -> str:
    """Return a node's or receiver's name as MIB's files write it: "input", "a9.h9", "a9.h9<q>", "m3", "logits"."""
    if name == EMBED:
        return "input"
    if name.startswith("mlp "):
        return f"m{name.removeprefix('mlp ')}"
    return name if name == LOGITS else f"a{name.replace('.', '.h')}"


def _head(match: re.Match[str]) -> str:
    layer, head = (match[1], match[2]) if match[1] else (match[3], match[4])
    return str(Head(int(layer), int(head)))
