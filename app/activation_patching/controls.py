"""The activation patching page's own controls: what is moved, which way, where, how it is scored, which cell."""

import streamlit as st

from app import url
from app.activation_patching.requests import PatchChoice
from app.drawing.heatmap import EffectGrid
from app.shell.widgets import direction_control, drop_stale
from app.words.choices import METRICS, PATCH_METRICS, SITES
from ioi_core import ROLES, PromptPairs
from ioi_core.activation_patching.sites import RESIDUAL_SITES

_EVERYWHERE, _EACH = "all positions at once", "one position at a time"


def patch_controls(pairs: PromptPairs) -> PatchChoice:
    """The controls above the figure."""
    left, middle, right = st.columns([3, 2, 2])
    sites = tuple(SITES)
    site = left.selectbox(
        "Which activation is moved", sites, sites.index(PatchChoice.site), key=url.SITE, bind="query-params"
    )
    positions = middle.selectbox("Where", _positions(pairs, site), key=_positions_key(site), bind="query-params")
    metric = right.selectbox("Scored by", PATCH_METRICS, key=url.METRIC, bind="query-params")
    st.caption(f"**{site}**: {SITES[site]}. **{metric}**: {METRICS[metric]}.")
    direction = direction_control(url.DIRECTION, horizontal=True)
    codes = {_EVERYWHERE: "all", _EACH: "each", "roles": "roles"}
    return PatchChoice(site, direction, codes.get(positions, positions), metric)


def _positions(pairs: PromptPairs, site: str) -> tuple[str, ...]:
    roles = tuple(role for role in ROLES if role in pairs.roles)
    return (_EACH, "roles") if site in RESIDUAL_SITES else (_EVERYWHERE, *roles, _EACH)


def _positions_key(site: str) -> str:
    return url.WHERE if site in RESIDUAL_SITES else url.WHERE_HEAD


def cell_control(grid: EffectGrid, kind: str) -> tuple[int, int]:
    """The cell to look at closely; a click on the figure sets the same choice.

    Args:
        kind: names what cells are, so that a choice among heads is not taken for one among positions.
    """
    names = [grid.keys[row][column] for row, column in grid.ranking]
    key = url.cell(kind)
    drop_stale(key, names, names[0])
    chosen = st.selectbox("Cell (strongest first; or click one in the figure)", names, key=key, bind="query-params")
    return grid.ranking[names.index(chosen)]


def choose_cell(kind: str, name: str) -> None:
    """Choose a cell, as a click does."""
    st.session_state[url.cell(kind)] = name
