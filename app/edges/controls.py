"""The Edges page's own controls: how edges are scored, how many are kept, and which besides."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import streamlit as st

from app import url
from app.drawing.look import refuse
from app.edges.plan import ARROW, MOST_CHANGES, Plan, first_size, plan_of, read_changes, sizes, why_not_given
from app.edges.requests import FIRST_BOUND
from app.edges.words import METHODS
from app.shell.links import open_head
from app.shell.widgets import choose, drop_stale, option_control
from ioi_core import EdgeGraph, EdgeScores, IOIError

LONGEST = 3_000
"""Characters of a circuit, or of changes, that a link holds."""
_SECONDS_OF_RUNS = 60_000  # of the bundled model's edges; each of GPT-2 small's takes a hundred times as long
_METHODS = {meaning.partition(":")[0]: method for method, meaning in METHODS.items()}


def method_control(graph: EdgeGraph, n_prompts: int) -> str:
    """Ask how edges are scored: exactly by default, where that takes seconds."""
    meanings = "\n".join(f"- {meaning}" for meaning in METHODS.values())
    first = "exact" if graph.n_edges * n_prompts <= _SECONDS_OF_RUNS else "EAP-IG"
    return _METHODS[option_control("Scored by", tuple(_METHODS), first, url.EDGE_METHOD, _no_method, help=meanings)]


def _no_method(asked: str) -> str:
    return f"Edges cannot be scored by {asked[:40]!r}."


def size_control(graph: EdgeGraph) -> int:
    """Ask how many of the strongest edges are kept."""
    names = [f"{size:,}" for size in sizes(graph.n_edges)]
    first = f"{first_size(graph.n_edges):,}"
    drop_stale(url.EDGES_KEPT, names, first)
    chosen = st.select_slider("Edges kept", names, first, key=url.EDGES_KEPT, bind="query-params")
    return int(str(chosen).replace(",", ""))


def given_control(graph: EdgeGraph) -> str:
    """Ask for a whole circuit, of edges or of heads, in place of the strongest edges; "" if there is none.

    What cannot be read is left out, and that is said.
    """
    text = st.text_input(
        "or this circuit", key=url.EDGE_CIRCUIT, bind="query-params", placeholder="the strongest edges",
        max_chars=LONGEST, help=f"Edges, such as embed{ARROW}0.1<v>, 0.1{ARROW}logits; or heads, such as 9.9:END, 4.1: "
        "all edges among these heads, the MLPs, the embedding and the logits.",
    ).strip()  # fmt: skip
    if text and (why_not := why_not_given(text, graph)):
        refuse(why_not, "For now the strongest edges are kept.")
        return ""
    if text and ARROW not in text:
        st.caption("Heads: all edges among them, the MLPs, the embedding and the logits, at every position.")
    return text


def plan_control(graph: EdgeGraph, scores: EdgeScores, number: int, given: str) -> Plan:
    """Ask which edges are kept or dropped besides; what cannot be read is left out, and that is said."""
    text = st.text_input(
        "Changes", key=url.EDGE_CHANGES, bind="query-params", placeholder="none", max_chars=LONGEST,
        help=f"-0.1{ARROW}3.2<q> drops an edge, +embed{ARROW}mlp 0 keeps one; commas between. "
        "A click on an edge writes it.",
    )  # fmt: skip
    plan, why_not = plan_of(graph, scores, number, text, given)
    if why_not:
        refuse(why_not, "For now the changes are left out.")
    return plan


def clicked(graph: EdgeGraph, name: str) -> None:
    """Drop or keep an edge that was clicked, or open a head."""
    if ARROW not in name:
        open_head(name)
    else:
        switch(graph, name, is_kept=True)


def switch(graph: EdgeGraph, edge: str, *, is_kept: bool) -> None:
    """Drop an edge that is kept, or keep one that is not."""
    try:
        changes = read_changes(st.session_state.get(url.EDGE_CHANGES) or "", graph)
        text = changes.switched(edge, is_kept=is_kept).text
        read_changes(text, graph)
    except IOIError:
        return  # what stands in the box is refused already, beside it; or there is no room for more
    choose({url.EDGE_CHANGES: text})


def edge_control(plan: Plan) -> tuple[int, int]:
    """Ask for one edge, by its two ends, and offer to keep or drop it."""
    graph = plan.graph
    first, second, third = st.columns([2, 2, 2], vertical_alignment="bottom")
    with first:
        sender = option_control("From", graph.senders, _strongest(plan)[0], url.EDGE_SENDER, _no_sender)
    row = graph.senders.index(sender)
    later = [name for name, there in zip(graph.receivers, graph.exists[row], strict=True) if there]
    with second:
        receiver = option_control("To", later, _strongest(plan, row)[1], url.EDGE_RECEIVER, _no_receiver)
    edge = row, graph.receivers.index(receiver)
    kept = bool(plan.mask[edge])
    third.button(
        "Drop it" if kept else "Keep it", key="switch_edge", on_click=partial(switch, is_kept=kept),
        args=(graph, f"{sender}{ARROW}{receiver}"),
        disabled=len(plan.changes.kept | plan.changes.dropped) >= MOST_CHANGES,
    )  # fmt: skip
    return edge


def _strongest(plan: Plan, row: int | None = None) -> tuple[str, str]:
    """Return the two ends of the strongest edge, of all or of one sender's."""
    senders = plan.graph.exists & (True if row is None else (np.arange(plan.graph.n_senders) == row)[:, None])
    first = int(np.where(senders, np.abs(plan.scores.values), -1).argmax())
    sender, receiver = divmod(first, plan.graph.n_receivers)
    return plan.graph.senders[sender], plan.graph.receivers[receiver]


def _no_sender(asked: str) -> str:
    return f"No part of this model that sends is called {asked[:40]!r}."


def _no_receiver(asked: str) -> str:
    return f"No later part of this model that receives is called {asked[:40]!r}."


def bound_control() -> float:
    """Ask how faithful the smallest circuit must be."""
    label = "Faithfulness at least, %"
    return st.slider(label, 50, 99, round(100 * FIRST_BOUND), key=url.EDGES_BOUND, bind="query-params") / 100


def put_on_the_page(text: str) -> None:
    """Show this circuit and no other edges."""
    choose({url.EDGE_CIRCUIT: text, url.EDGE_CHANGES: ""})


def put_button(text: str, key: str) -> None:
    """Offer to put a circuit on the page."""
    full = len(text) > LONGEST
    st.button(
        "Put it on the page", key=key, on_click=put_on_the_page, args=(text,), disabled=full,
        help=f"A link holds circuits of {LONGEST:,} characters." if full else None,
    )  # fmt: skip


def compared_with(method: str, other_prompts: Iterable[str]) -> tuple[str | None, str]:
    """Ask what to compare the circuit with: another way to score edges, or other prompts.

    Returns:
        the other method, None if other prompts were chosen; and the choice by name.
    """
    others = [*(name for name, code in _METHODS.items() if code != method), *other_prompts]
    drop_stale(url.EDGES_OTHER, others, others[0])
    chosen = st.selectbox(
        "Compare with", others, key=url.EDGES_OTHER, bind="query-params",
        help="The same number of the strongest edges, by another method on these prompts or by the same one on others.",
    )  # fmt: skip
    return _METHODS.get(chosen), chosen
