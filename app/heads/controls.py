"""The Heads page's own controls: one head or all of them, which one, and the panels' options."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app import url
from app.shell.links import ONE_HEAD
from app.shell.widgets import choose, direction_control
from app.view import View
from app.words.choices import HEAD_PARTS
from app.words.phrases import capitalised
from ioi_core import HEAD_ROLES, Direction

ALL_HEADS = "all heads"

SITES = {site: f"its {part}" for site, part in HEAD_PARTS.items()} | {"pattern": "its attention"}
"""Sites of a head -> their names."""

NAMES = {
    "answers": "the answers of these prompts (of a set, the first)",
    "list": "all first names that prompts are made of",
}
"""Choices of the names that the OV circuit is shown, with captions."""

ANY = "any"
_MEASURE = 220  # pixels, of the longest name: on a phone the box goes below, where it is not cut


def choose_one(name: str) -> None:
    """Show a head that was clicked on this page; an empty name does nothing."""
    if name:
        choose({url.HEADS_SHOWN: ONE_HEAD, url.HEAD: name})


def sites_control() -> tuple[list[str], Direction]:
    """Ask which sites of the head are patched, and in which direction."""
    left, right = st.columns(2)
    with left:
        sites = st.pills(
            "What is patched", tuple(SITES), selection_mode="multi", default=["z"], key=url.HEAD_SITES,
            bind="query-params", format_func=lambda site: f"{SITES[site]} ({site})",
        )  # fmt: skip
    with right:
        direction = direction_control(url.HEAD_DIRECTION, horizontal=True)
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


def measure_control(measures: Sequence[str]) -> str:
    """Ask by which measure the heads are ordered."""
    return st.selectbox("Ordered by the size of", measures, key=url.TABLE_MEASURE, bind="query-params", width=_MEASURE)


def table_filter(view: View, measure: str) -> TableFilter:
    """Draw the controls of what is left of the table of all heads."""
    first, second, third = st.columns([3, 3, 2])
    layers = first.multiselect(
        "Layers", [str(layer) for layer in range(view.model.cfg.n_layers)], key=url.TABLE_LAYERS, bind="query-params",
        placeholder="all",
    )  # fmt: skip
    role = second.selectbox("Measured role", (ANY, *HEAD_ROLES), key=url.TABLE_ROLE, bind="query-params")
    least = third.number_input(
        f"{capitalised(measure)}, in size at least", 0.0, None, 0.0, 0.05, key=url.TABLE_LEAST, bind="query-params"
    )
    return TableFilter(tuple(layers), role, measure, float(least))
