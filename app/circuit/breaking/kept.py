"""Circuits that a visitor keeps by name, and which two are compared; all of it is in the link.

As text: "ioi-demo/mine = 3.1:END 2.0:S2 -2.1:S2; ioi-demo/other = 3.1:END". A circuit is kept for the model it was made
on, and is not offered on another.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from app import url
from app.circuit.breaking.controls import Plan, set_changes
from app.circuit.changes import Changes, read_changes, write_changes
from app.drawing.look import refuse
from app.shell.widgets import choose, option_control
from ioi_core import Circuit, IOIError, Model

_NAME = "circuit_name"
_IN_NAMES = " .,+-"  # besides letters and digits: nothing that would be read as Markdown
_LONGEST_NAME, _LONGEST_TEXT = 40, 2_500  # a longer link may not get through a proxy
_BETWEEN, _IS, _OF = "; ", " = ", "/"
Kept = dict[tuple[str, str], str]
"""(model, name) -> the circuit as `write_changes` writes it."""


def kept_control(plan: Plan) -> dict[str, Circuit]:
    """Offer to keep the circuit under a name; return this model's kept circuits by name.

    What cannot be read, in a link or typed, is left out, and that is said.
    """
    asking, listed = st.container(horizontal=True, vertical_alignment="bottom"), st.container()
    with st.expander("Kept circuits as text (to copy, or to paste)"):
        text = st.text_input("Kept circuits", key=url.KEPT, bind="query-params", placeholder="none")
    whose = _whose(plan.model)
    try:
        kept = read_kept(text)
        here = {name: read_changes(circuit) for (model, name), circuit in kept.items() if model == whose}
        circuits = {name: _circuit(plan.model, changes) for name, changes in here.items()}
    except IOIError as error:
        refuse(error, "For now the kept circuits are left out.")
        kept, here, circuits = {}, {}, {}
    with asking:
        name = plain_name(st.text_input("Keep this circuit as", key=_NAME, placeholder="a name"))
        larger = write_kept({**kept, (whose, name): write_changes(Changes(plan.circuit, plan.off))})
        full = len(larger) > _LONGEST_TEXT
        st.button(
            "Keep", icon=":material/bookmark_add:", disabled=not name or full, on_click=choose,
            args=({url.KEPT: larger},), help="The link has no room for it." if full else "The link keeps it too.",
        )  # fmt: skip
    if here:
        with listed, st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Kept:", width="content")
            button = partial(st.button, type="tertiary", icon=":material/bookmark:", on_click=_load)
            for name, changes in here.items():
                button(name, key=f"load-{name}", args=(changes,))
    return circuits


def _circuit(model: Model, changes: Changes) -> Circuit:
    """Return the circuit that a kept one is: what was added, without what is off.

    Raises:
        HeadError: a head that the model lacks.
        CircuitError: it switches off a single role of a head that is kept at every position.
    """
    circuit = changes.added.without(changes.off)
    for head in circuit:
        model.check_head(head)
    return circuit


def compare_control(names: Sequence[str], other: str) -> tuple[str, str]:
    """Ask which two circuits are compared; the first of all and `other` if nothing else was chosen."""

    def why_not(asked: str) -> str:
        return f"No circuit here is called {asked[:60]!r}."

    left, right = st.columns(2)
    with left:
        first = option_control("Compare", names, names[0], url.COMPARE, why_not)
    with right:
        return first, option_control("with", names, other, url.COMPARE_WITH, why_not)


def write_kept(kept: Mapping[tuple[str, str], str]) -> str:
    """Return kept circuits as text."""
    return _BETWEEN.join(f"{model}{_OF}{name}{_IS}{circuit}" for (model, name), circuit in kept.items())


def read_kept(text: str) -> Kept:
    """Return the kept circuits that a text holds; whether they can be read is not asked.

    Raises:
        IOIError: it is too long, or something in it is no "model/name = circuit".
    """
    if len(text) > _LONGEST_TEXT:
        raise IOIError(
            f"they are {len(text):,} characters long", f"shorten the kept circuits to at most {_LONGEST_TEXT:,}"
        )
    kept: Kept = {}
    for item in filter(None, map(str.strip, text.split(_BETWEEN.strip()))):
        of, equals, circuit = item.partition(_IS.strip())
        model, _, name = of.rpartition(_OF)
        if not model.strip() or not equals or not name.strip() or plain_name(name) != name.strip():
            raise IOIError(f"{item[:60]!r} is no kept circuit", 'write "model/name = circuit"')
        kept[model.strip(), name.strip()] = circuit.strip()
    return kept


def plain_name(name: str) -> str:
    """Return of a name what can be written in a link and is not read as Markdown."""
    return "".join(letter for letter in name if letter.isalnum() or letter in _IN_NAMES)[:_LONGEST_NAME].strip()


def _whose(model: Model) -> str:
    return re.sub("[;=/]", "_", model.name)


def _load(changes: Changes) -> None:
    set_changes(changes)
    choose({url.CIRCUIT_START: "empty"})
