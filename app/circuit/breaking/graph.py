"""The circuit as a graph: layers upwards, one column for each class at each role, edges between classes.

Like `charts`, nothing is computed here and nothing knows the browser.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.circuit.members import EVERYWHERE, OTHER, PLACES, Classes, class_of, member_text, member_words
from app.drawing.kept import drawn_once
from app.drawing.parts import CLASS_COLOURS, laid_out, mark
from ioi_core import Circuit
from ioi_core.circuit.definition import Member

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
"""Which class acts on which, through what (Wang et al. 2022, figure 2)."""

_OTHER_COLOUR, _LOGITS_COLOUR, _EDGE_COLOUR = "#FFFFFF", "#F0E442", "#8A8A8A"
_OFF_TEXT = "#7A7A7A"  # reads on light and dark alike
_NARROWEST, _GAP, _FEWEST = 1.8, 0.4, 5.0  # in heads' widths: a column, between two, the whole figure
_SLOT = 46  # pixels of a head
Place = tuple[float, float]


@dataclass(frozen=True)
class CircuitGraph:
    """Where everything stands.

    Attributes:
        places: member -> x and layer.
        groups: class -> its members, in the order of the columns.
        off: the members that are switched off.
        columns: x, class and role of each column.
        width: of all columns, in heads' widths.
    """

    places: Mapping[Member, Place]
    groups: Mapping[str, tuple[Member, ...]]
    off: frozenset[Member]
    columns: tuple[tuple[float, str, str], ...]
    width: float

    @property
    def pixels(self) -> int:
        """How wide the figure must be so that no head covers another."""
        return 90 + round(_SLOT * self.width)


def graph_of(circuit: Circuit, off: Circuit, classes: Classes) -> CircuitGraph:
    """Place the members of a circuit, those that are switched off too.

    Args:
        circuit: everything that can be switched; off: what is off now.
    """
    found: dict[tuple[int, int], list[Member]] = {}
    order = [*classes, OTHER]
    for member in circuit.members:
        found.setdefault((PLACES.index(member[1]), order.index(class_of(member, classes))), []).append(member)
    places: dict[Member, Place] = {}
    groups: dict[str, tuple[Member, ...]] = {}
    columns, left = [], 0.0
    for (role, group), members in sorted(found.items()):
        groups[order[group]] = groups.get(order[group], ()) + tuple(members)
        rows: dict[int, list[Member]] = {}
        for member in members:
            rows.setdefault(member[0].layer, []).append(member)
        width = max(_NARROWEST, *map(len, rows.values()))
        for layer, row in rows.items():
            places |= {member: (left + (n + 0.5) * width / len(row), layer) for n, member in enumerate(row)}
        columns.append((left + width / 2, order[group], PLACES[role]))
        left += width + _GAP
    gone = frozenset(off.members) & places.keys()
    return CircuitGraph(places, groups, frozenset(gone), tuple(columns), max(left, _FEWEST))


@drawn_once
def circuit_figure(graph: CircuitGraph, n_layers: int, *, published: bool) -> go.Figure:
    """The circuit; filled heads are on, hollow ones are off, and a click switches a head.

    Args:
        published: whether the classes are the paper's own, so that its edges are too.
    """
    figure = go.Figure()
    _draw_edges(figure, graph, n_layers, published=published)
    for name, members in graph.groups.items():
        for on in (True, False):
            _draw_heads(figure, graph, [member for member in members if (member not in graph.off) is on], name, on=on)
    _set_axes(figure, graph, n_layers)
    n_off = len(graph.off)
    note = f"filled: on ({len(graph.places) - n_off}), hollow: off ({n_off}); click a head to switch it"
    figure = laid_out(figure, "The circuit, head by head", note, 240 + 46 * n_layers)
    return figure.update_layout(clickmode="event+select", margin={"t": 150})


def _draw_heads(figure: go.Figure, graph: CircuitGraph, members: Sequence[Member], name: str, *, on: bool) -> None:
    if not members:
        return
    x, y = zip(*(graph.places[member] for member in members), strict=True)
    group = "in no class" if name == OTHER else name
    said = [
        [
            member_text(member),
            f"Head {member_words(member)} ({group}) is {'on' if on else 'off'}.<br>"
            f"Click to switch it {'off' if on else 'on'}.",
        ]
        for member in members
    ]
    colour, text_colour = CLASS_COLOURS.get(name, _OTHER_COLOUR), "#000000" if on else _OFF_TEXT
    marker = {"size": 36, "color": colour, "line": {"width": 1, "color": "#555555"}}
    if not on:
        marker = {"size": 34, "color": colour, "symbol": "circle-open", "line": {"width": 3}}
    figure.add_scatter(
        x=x, y=y, mode="markers+text", text=[str(head) if on else f"<s>{head}</s>" for head, _ in members],
        customdata=said, marker=marker, showlegend=False, cliponaxis=False,
        hovertemplate="%{customdata[1]}<extra></extra>", textfont={"size": 12, "color": text_colour},
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}, "textfont": {"color": text_colour}},
    )  # fmt: skip


def _draw_edges(figure: go.Figure, graph: CircuitGraph, n_layers: int, *, published: bool) -> None:
    """One line a pair of heads, those that lead to or from a head that is off dotted; then the logits."""
    ends = [x for x, _, role in graph.columns if role in ("END", EVERYWHERE)]
    logits = (float(np.mean(ends)), float(n_layers)) if ends else None
    for sender, receiver, through in CLASS_EDGES:
        lines: dict[bool, list[tuple[Place, Place]]] = {True: [], False: []}
        for start, end, live in _edges(graph, sender, receiver, logits):
            lines[live].append((start, end))
        for live, drawn in lines.items():
            if drawn:
                _draw_lines(figure, drawn, _edge_words(sender, receiver, through, published=published), live=live)
    if logits is not None:
        figure.add_scatter(
            x=[logits[0]], y=[logits[1]], mode="markers+text", text=["logits"], hoverinfo="skip", showlegend=False,
            marker={"size": 44, "color": _LOGITS_COLOUR, "symbol": "square", "line": {"width": 1, "color": "#555555"}},
            textfont={"color": "#000000", "size": 12}, cliponaxis=False,
            unselected={"marker": {"opacity": 1}, "textfont": {"color": "#000000"}},
        )  # fmt: skip


def _edges(
    graph: CircuitGraph, sender: str, receiver: str, logits: Place | None
) -> Iterator[tuple[Place, Place, bool]]:
    """Start, end and whether both ends are on, for every two heads of these classes."""
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


def _draw_lines(figure: go.Figure, lines: Sequence[tuple[Place, Place]], said: str, *, live: bool) -> None:
    """Several lines as one trace; hovering finds their middles alone, so that a click at an end finds the head."""
    x, y = ([at for start, end in lines for at in (start[axis], end[axis], None)] for axis in (0, 1))
    figure.add_scatter(
        x=x, y=y, mode="lines", showlegend=False, hoverinfo="skip", opacity=0.6 if live else 0.4,
        line={"color": _EDGE_COLOUR, "width": 1.5 if live else 1, "dash": "solid" if live else "dot"},
    )  # fmt: skip
    along = np.linspace(0.3, 0.7, 5)
    x, y = ([at for start, end in lines for at in start[axis] + (end[axis] - start[axis]) * along] for axis in (0, 1))
    figure.add_scatter(
        x=x, y=y, mode="markers", showlegend=False, customdata=[["", said]] * len(x),
        hovertemplate="%{customdata[1]}<extra></extra>", marker={"size": 8, "opacity": 0},
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip


def _set_axes(figure: go.Figure, graph: CircuitGraph, n_layers: int) -> None:
    names = [
        f"{name.replace(' ', '<br>')}<br>{mark(role) if role != EVERYWHERE else 'everywhere'}"
        for _, name, role in graph.columns
    ]
    figure.update_xaxes(
        tickvals=[x for x, _, _ in graph.columns], ticktext=names, side="top", showgrid=False, zeroline=False,
        range=[-0.4, graph.width], tickangle=0, title=None,
    )  # fmt: skip
    layers = [*range(n_layers), n_layers]
    figure.update_yaxes(
        tickvals=layers, ticktext=[*map(str, range(n_layers)), "out"], title="layer", range=[-0.7, n_layers + 0.6],
        zeroline=False, automargin=True,
    )  # fmt: skip
