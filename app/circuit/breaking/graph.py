"""The circuit as a graph: layers upwards, one column for each class at each role, edges between classes.

No Streamlit here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.circuit.members import EVERYWHERE, OTHER, PLACES, Classes, class_of, member_text, member_words
from app.colours import CLASS_COLOURS, CORRUPTED, LOGITS_COLOUR
from app.drawing.graph import Point, draw_edges, draw_nodes, name_layers, spread
from app.drawing.kept import drawn_once
from app.drawing.parts import PLAIN_AXIS, laid_out, mark
from ioi_core import Circuit, Member

LOGITS = "the logits"
CLASS_EDGES = (
    ("previous token", "induction", "keys"),
    ("duplicate token", "S-inhibition", "values"),
    ("induction", "S-inhibition", "values"),
    ("S-inhibition", "name mover", "queries"),
    ("S-inhibition", "negative name mover", "queries"),
    ("S-inhibition", "backup name mover", "queries"),
    ("name mover", LOGITS, ""),
    ("negative name mover", LOGITS, ""),
    ("backup name mover", LOGITS, ""),
)
"""(sender, receiver, receiver input) of the classes that act on each other (Wang et al. 2022, figure 2)."""

_OTHER_COLOUR = "#A9A9A9"  # as in direct and total
_OFF_TEXT = "#7A7A7A"  # reads on light and dark alike
_NARROWEST, _GAP, _FEWEST = 1.8, 0.4, 5.0  # in heads' widths: a column, between two, the whole figure
_SLOT = 46  # pixels of a head
_MANY = 6  # heads beside each other in one column
_SHIFTS, _ENOUGH = (0.0, 0.45, -0.45), 0.44  # the same: a row for a low screen, and what is aside of a head below
_SIZE, _SMALLEST, _LOW = 36, 27, 180  # pixels: of a node, at least, and of all layers on a low screen
_LEAST, _WIDE = 21, 700  # pixels: of a node of the whole of GPT-2, and of all nodes beside each other there


@dataclass(frozen=True)
class CircuitGraph:
    """The positions of all nodes.

    Attributes:
        places: member -> x and layer.
        groups: class -> its members, in the order of the columns.
        off: the members that are switched off.
        columns: x, class and role of each column.
        width: of all columns, in heads' widths.
        classed: whether heads have classes; without any, columns are places alone, and there are no lines.
    """

    places: Mapping[Member, Point]
    groups: Mapping[str, tuple[Member, ...]]
    off: frozenset[Member]
    columns: tuple[tuple[float, str, str], ...]
    width: float
    classed: bool

    @property
    def everywhere(self) -> bool:
        """Whether all members are meant at every position."""
        return all(role == EVERYWHERE for _, _, role in self.columns)

    @property
    def pixels(self) -> int:
        """The width at which no head covers another."""
        return 90 + round(_SLOT * self.width)


def graph_of(circuit: Circuit, off: Circuit, classes: Classes, *, low: bool = False) -> CircuitGraph:
    """Place the members of a circuit, those that are switched off too.

    Args:
        circuit: everything that can be switched; off: the part of it that is off now.
        low: layers are nearer to each other than heads are high, so that none may stand right above another.
    """
    by_column: dict[tuple[int, int], list[Member]] = {}
    order = [*classes, OTHER]
    for member in circuit.members:
        by_column.setdefault((PLACES.index(member[1]), order.index(class_of(member, classes))), []).append(member)
    places: dict[Member, Point] = {}
    groups: dict[str, tuple[Member, ...]] = {}
    columns, left = [], 0.0
    for (role, group), members in sorted(by_column.items()):
        groups[order[group]] = groups.get(order[group], ()) + tuple(members)
        rows: dict[float, list[Member]] = {}
        for member in members:
            rows.setdefault(member[0].layer, []).append(member)
        width = max(_NARROWEST, *map(len, rows.values()))
        even = _close(rows, left, width) if low and width > _MANY else spread(rows, left, width)
        places |= _apart(rows, even) if low else even
        columns.append((left + width / 2, order[group], PLACES[role]))
        left += width + _GAP
    switched_off = frozenset(off.members) & frozenset(places)
    return CircuitGraph(places, groups, switched_off, tuple(columns), max(left, _FEWEST), bool(classes))


def _close(rows: Mapping[float, Sequence[Member]], left: float, width: float) -> dict[Member, Point]:
    """Return the places of rows that are as close as heads may be: rows of any length fit between each other."""
    return {
        member: (left + (width - len(row) + 1) / 2 + n, layer)
        for layer, row in rows.items()
        for n, member in enumerate(row)
    }


def _apart(rows: Mapping[float, Sequence[Member]], places: Mapping[Member, Point]) -> dict[Member, Point]:
    """Return the places of a column's rows, each moved sideways, if need be, from heads a layer below."""
    moved: dict[Member, Point] = {}
    for layer in sorted(rows):
        below = np.array([moved[member][0] for member in rows.get(layer - 1, ())])
        row = np.array([places[member][0] for member in rows[layer]])
        shift = max(_SHIFTS, key=lambda by: min(np.abs(row[:, None] + by - below).min(initial=_ENOUGH), _ENOUGH))
        moved |= {member: (float(x + shift), layer) for member, x in zip(rows[layer], row, strict=True)}
    return moved


@drawn_once
def circuit_figure(graph: CircuitGraph, n_layers: int, *, published: bool, low: bool = False) -> go.Figure:
    """Draw the circuit: heads that are off are hollow, their names struck through, and a click switches a head.

    Args:
        published: whether the classes are the paper's own, so that its edges are too.
        low: draw heads of many layers smaller, so that the figure can be as low as a projector's screen.
    """
    size = min(_SIZE, max(_SMALLEST, _LOW // n_layers), max(_LEAST, round(_WIDE / graph.width))) if low else _SIZE
    figure = go.Figure()
    _draw_edges(figure, graph, n_layers, published=published)
    for name, members in graph.groups.items():
        for on in (True, False):
            if switched := [member for member in members if (member not in graph.off) is on]:
                _draw_heads(figure, graph, switched, name, on=on, size=size)
    _set_axes(figure, graph, n_layers)
    n_off = len(graph.off)
    note = f"filled: on ({len(graph.places) - n_off}), hollow: off ({n_off}); click a head to switch it"
    if graph.classed and graph.everywhere:
        note += "; each is meant at every position"
    return laid_out(figure, "The circuit, head by head", note, 210 + 46 * n_layers, top=120)


def _draw_heads(
    figure: go.Figure, graph: CircuitGraph, members: Sequence[Member], name: str, *, on: bool, size: int
) -> None:
    group = f" ({'in no class' if name == OTHER else name})" if graph.classed else ""
    customdata = [
        [
            member_text(member),
            f"Head {member_words(member)}{group} is {'on' if on else 'off'}.<br>"
            f"Click to switch it {'off' if on else 'on'}.",
        ]
        for member in members
    ]
    marker: dict[str, object] = {"size": size, "color": CLASS_COLOURS.get(name, _OTHER_COLOUR)}
    if not on:
        marker |= {"size": size - 2, "symbol": "circle-open", "line": {"width": 3}}
    places = [graph.places[member] for member in members]
    names = [str(head) if on else f"<s>{head}</s>" for head, _ in members]
    draw_nodes(figure, places, names, marker, customdata=customdata, text_colour="#000000" if on else _OFF_TEXT)


def _draw_edges(figure: go.Figure, graph: CircuitGraph, n_layers: int, *, published: bool) -> None:
    """Draw a line for each pair of heads, dotted where one of the two is off; then the logits."""
    if not graph.classed:
        return
    ends = [x for x, _, role in graph.columns if role in ("END", EVERYWHERE)]
    logits = (float(np.mean(ends)), float(n_layers)) if ends else None
    for sender, receiver, through in CLASS_EDGES:
        edges = list(_edges(graph, sender, receiver, logits))
        hover_text = _edge_words(sender, receiver, through, published=published)
        for both_on in (True, False):
            if drawn := [(start, end) for start, end, on in edges if on is both_on]:
                line = {"color": CORRUPTED, "width": 1.5 if both_on else 1, "dash": "solid" if both_on else "dot"}
                # Only the middles of edges react to the pointer, so that a click at an end finds the head.
                draw_edges(figure, drawn, hover_text, np.linspace(0.3, 0.7, 5), opacity=0.6 if both_on else 0.4, **line)
    if logits is not None:
        draw_nodes(figure, [logits], ["logits"], {"size": 44, "color": LOGITS_COLOUR, "symbol": "square"})


def _edges(
    graph: CircuitGraph, sender: str, receiver: str, logits: Point | None
) -> Iterator[tuple[Point, Point, bool]]:
    """Yield start, end and whether both ends are on, for every two heads of these classes."""
    for member in graph.groups.get(sender, ()):
        if receiver == LOGITS and logits is not None:
            yield graph.places[member], logits, member not in graph.off
        for other in graph.groups.get(receiver, ()):
            if member[0].layer < other[0].layer:
                yield graph.places[member], graph.places[other], not {member, other} & graph.off


def _edge_words(sender: str, receiver: str, through: str, *, published: bool) -> str:
    acts = "write to the logits" if receiver == LOGITS else f"act on the {through} of {receiver} heads"
    source = "(Wang et al. 2022, figure 2)" if published else "in the paper's circuit; not measured here"
    return f"{sender[0].upper()}{sender[1:]} heads {acts}<br>{source}"


def _set_axes(figure: go.Figure, graph: CircuitGraph, n_layers: int) -> None:
    places = [mark(role) if role != EVERYWHERE else "everywhere" for _, _, role in graph.columns]
    names = places
    if graph.classed:
        ends_at = ["" if graph.everywhere else f"<br>{at}" for at in places]  # the note says it once
        names = [f"{name.replace(' ', '<br>')}{at}" for at, (_, name, _) in zip(ends_at, graph.columns, strict=True)]
    ends = {"range": [-0.4, graph.width], "side": "top"}
    figure.update_xaxes(tickvals=[x for x, _, _ in graph.columns], ticktext=names, tickangle=0, **PLAIN_AXIS, **ends)
    name_layers(figure, n_layers)
