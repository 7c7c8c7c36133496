"""The activation patching page's own controls: what is moved, which way, where, how it is scored, which cell."""

import streamlit as st

from app.activation_patching.requests import PatchChoice
from app.drawing.heatmap import EffectGrid
from app.shell.widgets import drop_stale
from app.words.choices import METRICS, SITES
from ioi_core import ROLES, Direction, PromptPairs
from ioi_core.activation_patching.sites import RESIDUAL_SITES

_EVERYWHERE, _EACH = "all positions at once", "one position at a time"
_DIRECTIONS = {
    "denoising": "clean into corrupted: is it enough?",
    "noising": "corrupted into clean: is it needed?",
}


def patch_controls(pairs: PromptPairs) -> PatchChoice:
    """The controls above the figure."""
    left, middle, right = st.columns([3, 2, 2])
    sites = tuple(SITES)
    site = left.selectbox(
        "Which activation is moved", sites, sites.index(PatchChoice.site), key="site", bind="query-params"
    )
    positions = middle.selectbox("Where", _positions(pairs, site), key=_positions_key(site), bind="query-params")
    metric = right.selectbox("Scored by", tuple(METRICS), key="metric", bind="query-params")
    st.caption(f"**{site}**: {SITES[site]}. **{metric}**: {METRICS[metric]}.")
    direction = st.radio(
        "Direction", tuple(_DIRECTIONS), captions=tuple(_DIRECTIONS.values()), key="direction", bind="query-params",
        horizontal=True,
    )  # fmt: skip
    codes = {_EVERYWHERE: "all", _EACH: "each", "roles": "roles"}
    return PatchChoice(site, Direction(direction), codes.get(positions, positions), metric)


def _positions(pairs: PromptPairs, site: str) -> tuple[str, ...]:
    roles = tuple(role for role in ROLES if role in pairs.roles)
    return (_EACH, "roles") if site in RESIDUAL_SITES else (_EVERYWHERE, *roles, _EACH)


def _positions_key(site: str) -> str:
    return "where" if site in RESIDUAL_SITES else "where_head"


def cell_control(grid: EffectGrid, kind: str) -> tuple[int, int]:
    """The cell to look at closely; a click on the figure sets the same choice.

    Args:
        kind: names what cells are, so that a choice among heads is not taken for one among positions.
    """
    names = [grid.keys[row][column] for row, column in grid.ranking]
    key = cell_key(kind)
    drop_stale(key, names, names[0])
    chosen = st.selectbox("Cell (strongest first; or click one in the figure)", names, key=key, bind="query-params")
    return grid.ranking[names.index(chosen)]


def cell_key(kind: str) -> str:
    """The session key of the chosen cell."""
    return f"cell_{kind}"


def choose_cell(kind: str, name: str) -> None:
    """Choose a cell, as a click does."""
    st.session_state[cell_key(kind)] = name
