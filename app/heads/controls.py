"""The Heads page's own controls: one head or all of them, which one, and the panels' options."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import url
from app.attention.controls import head_names
from app.drawing.look import notice
from app.shell.links import HEAD_ASKED_FOR
from app.shell.widgets import direction_control
from app.view import View
from app.words.choices import HEAD_PARTS
from app.words.phrases import capitalised
from ioi_core import HEAD_ROLES, Direction, Head, HeadError

ONE, ALL = "one head", "all heads"

SITES = {site: f"its {part}" for site, part in HEAD_PARTS.items()} | {"pattern": "its attention"}
"""Sites of a head -> their names."""

NAMES = {
    "answers": "the answers of these prompts (of a set, the first)",
    "list": "all first names that prompts are made of",
}
"""Choices of the names that the OV circuit is shown, with captions."""

ANY = "any"


def one_head_control(view: View, strongest: Head) -> Head:
    """Ask for the head to look at; a link to one that this model lacks gets a notice.

    The select box has no default of its own, so every choice stays in the link, the strongest head too.
    """
    names = head_names(view)
    asked = st.session_state.get(HEAD_ASKED_FOR) or st.query_params.get(url.HEAD) or st.session_state.get(url.HEAD)
    if asked in names:
        if st.session_state.pop(HEAD_ASKED_FOR, None):  # the model that has this head is loaded now
            st.session_state[url.HEAD] = asked
    elif asked:
        st.session_state[HEAD_ASKED_FOR] = asked
    kept = st.session_state.get(url.HEAD)
    # Set even if unchanged: otherwise the value of another page's box of this name would be lost.
    st.session_state[url.HEAD] = kept if kept in names else asked if asked in names else str(strongest)
    chosen = st.selectbox("Head", names, index=None, key=url.HEAD, bind="query-params", on_change=_forget_asked)
    if asked and asked not in names:
        notice(f"{_refusal(view, asked)} This is head {chosen} instead.")
    return Head.parse(chosen or str(strongest))


def _forget_asked() -> None:
    st.session_state.pop(HEAD_ASKED_FOR, None)


def _refusal(view: View, asked: str) -> str:
    try:
        head = view.model.check_head(Head.parse(asked))
    except HeadError as error:
        return f"{capitalised(str(error))}."
    return f"{asked[:40]!r} is another way to write head {head}."


def choose_one(name: str) -> None:
    """Show a head that was clicked on this page."""
    if name:
        st.session_state[url.HEADS_SHOWN], st.session_state[url.HEAD] = ONE, name
        _forget_asked()


def sites_control() -> tuple[list[str], Direction]:
    """Ask which sites of the head are patched, and in which direction."""
    left, right = st.columns(2)
    with left:
        sites = st.pills(
            "What is patched", tuple(SITES), selection_mode="multi", default=["z"], key=url.HEAD_SITES,
            bind="query-params", format_func=lambda site: f"{SITES[site]} ({site})",
        )  # fmt: skip
    with right:
        direction = direction_control(url.DIRECTION, horizontal=True)
    return [site for site in SITES if site in sites], direction


def names_control() -> str:
    """Ask which names the OV circuit is shown."""
    return st.radio(
        "Names", tuple(NAMES), captions=tuple(NAMES.values()), key=url.OV_NAMES, bind="query-params", horizontal=True
    )


@dataclass(frozen=True)
class TableFilter:
    """The heads in the table: of these layers (none: of all), of this role, with a measure of at least `least`."""

    layers: tuple[str, ...]
    role: str
    measure: str
    least: float


def table_filter(view: View, measures: Sequence[str]) -> TableFilter:
    """Draw the controls above the table of all heads."""
    first, second, third, fourth = st.columns([3, 3, 3, 2])
    layers = first.multiselect(
        "Layers", [str(layer) for layer in range(view.model.cfg.n_layers)], key="table_layers", placeholder="all"
    )
    role = second.selectbox("Measured role", (ANY, *HEAD_ROLES), key=url.TABLE_ROLE, bind="query-params")
    measure = third.selectbox("Only heads whose", measures, key=url.TABLE_MEASURE, bind="query-params")
    least = fourth.number_input(
        "is at least (without sign)", 0.0, None, 0.0, 0.05, key=url.TABLE_LEAST, bind="query-params"
    )
    return TableFilter(tuple(layers), role, measure, float(least))
