"""The Activation patching page's own controls: site, direction, positions, metric and cell."""

from collections.abc import Mapping
from functools import partial

import streamlit as st

from app import url
from app.activation_patching.requests import PatchChoice
from app.drawing.heatmap import EffectGrid
from app.shell.widgets import choose, direction_control, option_control
from app.words.choices import METRICS, PATCH_METRICS, SITES
from ioi_core import RESIDUAL_SITES, ROLES, PromptPairs

_ALL_AT_ONCE, _ONE_BY_ONE = "all positions at once", "one position at a time"


def patch_controls(pairs: PromptPairs) -> PatchChoice:
    """Draw the controls beside the figure."""
    sites = tuple(SITES)
    site = st.selectbox(
        "Which activation is moved", sites, sites.index(PatchChoice.site), key=url.SITE, bind="query-params",
        help=_listed(SITES),
    )  # fmt: skip
    roles = tuple(role for role in ROLES if role in pairs.roles)
    places, key = (_ALL_AT_ONCE, *roles, _ONE_BY_ONE, "roles"), url.WHERE_HEAD
    if site in RESIDUAL_SITES:
        places, key = (_ONE_BY_ONE, "roles"), url.WHERE
    positions = st.selectbox("Where", places, key=key, bind="query-params")
    metric = st.selectbox(
        "Scored by", PATCH_METRICS, key=url.METRIC, bind="query-params",
        help=_listed({name: METRICS[name] for name in PATCH_METRICS}),
    )  # fmt: skip
    direction = direction_control(url.DIRECTION)
    codes = {_ALL_AT_ONCE: "all", _ONE_BY_ONE: "each", "roles": "roles"}
    return PatchChoice(site, direction, codes.get(positions, positions), metric)


def _listed(meanings: Mapping[str, str]) -> str:
    """Return names with their meanings, as a list in Markdown."""
    return "\n".join(f"- **{name}**: {meaning}" for name, meaning in meanings.items())


def cell_control(grid: EffectGrid, kind: str) -> tuple[int, int]:
    """Ask for the cell to look at closely; a click on the figure sets the same choice. `kind` as in `url.cell`."""
    names = [grid.keys[row][column] for row, column in grid.ranking]

    def why_not(asked: str) -> str:
        return f"There is no cell {asked[:60]!r} here."

    chosen = option_control(
        "Cell (or click one)", names, names[0], url.cell(kind), why_not, help="To begin with, the strongest.",
        then=partial(choose, {url.PART_CELL: True}),  # as a click does
    )  # fmt: skip
    return grid.ranking[names.index(chosen)]


def choose_cell(kind: str, name: str) -> None:
    """Choose a cell to look at closely, on a click."""
    choose({url.cell(kind): name, url.PART_CELL: True})
