"""Controls that several pages have; choices no longer on offer are dropped before a widget is drawn with them."""

import re
from collections.abc import Sequence

import streamlit as st

from app.words.choices import DIRECTIONS
from ioi_core import Direction


def drop_unreadable(*names: str) -> None:
    """Drop URL parameters that are no numbers and rerun: a number input of Streamlit fails on `inf` or 400 digits."""
    unreadable = [name for name in names if not re.fullmatch(r"-?[0-9]{1,15}", st.query_params.get(name, "0"))]
    for name in unreadable:
        del st.query_params[name]
    if unreadable:
        st.rerun()


def drop_stale(key: str, options: Sequence[str], instead: str | None = None) -> None:
    """Replace a choice that is no longer on offer, before its widget is drawn.

    Deleting it would not do: the browser would go on showing it.

    Args:
        key: of a select box, or of a multiselect, which keeps what is still on offer.
        instead: the choice a select box falls back to.
    """
    kept = st.session_state.get(key)
    if isinstance(kept, list) and not set(kept) <= set(options):
        st.session_state[key] = [name for name in kept if name in options]
    elif isinstance(kept, str) and kept not in options:
        st.session_state[key] = instead


def direction_control(
    key: str, what: str = "it", *, first: Direction = Direction.DENOISING, horizontal: bool = False
) -> Direction:
    """Ask for the direction of patching; `what` is patched, `first` is the default."""
    options = sorted(DIRECTIONS, key=lambda direction: direction is not first)
    captions = [DIRECTIONS[option].format(what) for option in options]
    names = [option.value for option in options]
    return Direction(
        st.radio("Direction", names, captions=captions, key=key, bind="query-params", horizontal=horizontal)
    )


def part_control(key: str, parts: Sequence[str]) -> str:
    """Ask which part of the page is shown; the first by default."""
    return st.segmented_control(
        "Show", parts, default=parts[0], key=key, bind="query-params", required=True, label_visibility="collapsed"
    )
