"""Controls that several pages have; choices no longer on offer are dropped before a widget is drawn with them."""

import re
from collections.abc import Sequence

import streamlit as st

from app.words.choices import DIRECTIONS
from ioi_core import Direction


def drop_unreadable(*names: str) -> None:
    """Begin anew without what is no number in the URL: a number input of Streamlit fails on `inf` or 400 digits."""
    unreadable = [name for name in names if not re.fullmatch(r"-?[0-9]{1,15}", st.query_params.get(name, "0"))]
    for name in unreadable:
        del st.query_params[name]
    if unreadable:
        st.rerun()


def drop_stale(key: str, options: Sequence[str], instead: str | None = None) -> None:
    """Replace what was chosen on other prompts or another model and is no longer on offer, before its widget is drawn.

    Deleting the choice would not do: the browser then goes on showing it.

    Args:
        key: of a select box, or of a multiselect, which keeps what is still on offer.
        instead: what a select box falls back to.
    """
    kept = st.session_state.get(key)
    if isinstance(kept, list) and not set(kept) <= set(options):
        st.session_state[key] = [name for name in kept if name in options]
    elif isinstance(kept, str) and kept not in options:
        st.session_state[key] = instead


def direction_control(
    key: str, what: str = "it", *, first: Direction = Direction.DENOISING, horizontal: bool = False
) -> Direction:
    """Ask which run receives activations from which; `what` is patched, `first` is chosen to begin with."""
    options = sorted(DIRECTIONS, key=lambda direction: direction is not first)
    captions = [DIRECTIONS[option].format(what) for option in options]
    names = [option.value for option in options]
    return Direction(
        st.radio("Direction", names, captions=captions, key=key, bind="query-params", horizontal=horizontal)
    )


def part_control(key: str, parts: Sequence[str]) -> str:
    """Ask which part of the page is shown; the first to begin with."""
    return st.segmented_control(
        "Show", parts, default=parts[0], key=key, bind="query-params", required=True, label_visibility="collapsed"
    )
