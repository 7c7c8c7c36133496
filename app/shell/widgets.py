"""Controls that several pages have, and what holds for every control: how a choice is made, kept and refused.

A default is no choice: it is not in the address, and follows the results it is taken from. A link's choice that is not
on offer is refused in words.
"""

import re
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app import url
from app.words.choices import DIRECTIONS
from ioi_core import Direction


def choose(choices: Mapping[str, str | int | None]) -> None:
    """Make choices for the visitor, by a button or a click: parameter of the address -> value."""
    for key, value in choices.items():
        st.session_state[key] = value
        st.session_state.pop(_refused(key), None)


def option_control(
    label: str, options: Sequence[str], first: str, key: str, why_not: Callable[[str], str], *, help: str | None = None,
    then: Callable[[], None] | None = None,
) -> str:  # fmt: skip
    """Ask for one of options whose default, `first`, depends on results; return the option that holds.

    A choice that is not on offer is refused in words, and holds again once it is on offer: on another model, say.

    Args:
        why_not: says why an option that was asked for is not there.
        then: called after the visitor chose.
    """
    asked = st.session_state.get(key) or refused_choice(key) or _in_link(key)
    if asked and asked in options:
        st.session_state[key] = asked
        st.session_state.pop(_refused(key), None)
    elif asked:
        st.session_state[_refused(key)] = asked
        st.session_state[key] = None  # deleting it would not do: the browser would go on showing it
    box = st.selectbox(
        label, options, index=None, placeholder=first, key=key, bind="query-params",
        on_change=chosen, args=(key, then), help=help,
    )  # fmt: skip
    if refused := refused_choice(key):
        link_refusals()[key] = f"{why_not(refused)} Shown instead: {first}."
    return box or first


def number_control(
    label: str, low: int, high: int, first: int, key: str, *, help: str | None = None, bare: int = 0
) -> int:
    """Ask for a whole number from `low` to `high`, if there is a choice; a link's that is none is refused in words.

    Args:
        bare: draw a box of so many pixels, its label for screen readers alone.
    """
    asked = _in_link(key)
    if not re.fullmatch(r"-?[0-9]{1,15}", asked or "0"):  # a number input of Streamlit fails on `inf` or 400 digits
        st.session_state[_refused(key)] = asked
        del st.query_params[key]
        st.rerun()
    if asked and not low <= int(asked) <= high:
        st.session_state[_refused(key)] = asked
    number = low
    if low < high:
        box = st.number_input(
            label, low, high, first, key=key, bind="query-params", on_change=chosen, args=(key,), help=help,
            width=bare or "stretch", label_visibility="collapsed" if bare else "visible",
        )  # fmt: skip
        number = int(box)
    if refused := refused_choice(key):
        can_be = f"but can be {_numbers(low, high)} here"
        link_refusals()[key] = f"'{label}' is {refused[:40]!r} in this link, {can_be}: showing {number}."
    return number


def _numbers(low: int, high: int) -> str:
    return f"{low} only" if low == high else f"{low} to {high:,}"


def link_refusals() -> dict[str, str]:
    """Return what this run's controls say themselves of the link's choices, by parameter.

    What stands here is said above the page: a phone shows no sidebar. See `app.shell.history.say_of_link`.
    """
    refusals: dict[str, str] = st.session_state.setdefault("_link_refusals", {})
    return refusals


def refuse_link(key: str, said: str) -> None:
    """Go on saying what a link asked for in vain, until the visitor chooses."""
    st.session_state[_refused(key)] = said


def _refused(key: str) -> str:
    """Return the session's key of a choice that is not on offer, kept until the visitor chooses."""
    return f"_{key}_refused"


def refused_choice(key: str) -> str | None:
    """Return what a link asks for in vain, or what is said of it, as long as the visitor chooses nothing else."""
    refused: str | None = st.session_state.get(_refused(key))
    return refused


def chosen(key: str, then: Callable[[], None] | None = None) -> None:
    """Take note that the visitor chose: no more is said of what the link asked for."""
    st.session_state.pop(_refused(key), None)
    if then is not None:
        then()


def _in_link(key: str) -> str | None:
    """Return what a link asks for, under the parameter's former name too, as long as no control has taken it up."""
    if key in st.session_state:
        return None
    former = url.FORMERLY.get(key, key)
    if former != key and former in st.query_params:
        st.query_params[key] = st.query_params.pop(former)
    return st.query_params.get(key)


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
    if (asked := _in_link(key)) in names:
        st.session_state[key] = asked
    return Direction(
        st.radio("Direction", names, captions=captions, key=key, bind="query-params", horizontal=horizontal)
    )


def part_control(key: str, parts: Sequence[str]) -> str:
    """Ask which part of the page is shown; the first by default."""
    return st.segmented_control(
        "Show", parts, default=parts[0], key=key, bind="query-params", required=True, label_visibility="collapsed"
    )
