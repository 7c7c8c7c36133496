"""The Circuit page's own controls: the starting circuit, what is on, undo and reset.

The starting circuit and the changes (`app.circuit.changes`) are two parameters of the link; undo is kept for one visit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import url
from app.circuit.changes import Changes, extended, read_changes, read_member, switched, write_changes
from app.circuit.members import EVERYWHERE, OTHER, Classes, class_of, member_text, place_words, places_of
from app.circuit.starts import EMPTY, STARTS, starts_of
from app.drawing.look import notice, refuse
from app.shell.widgets import choose, drop_stale, option_control
from app.words.phrases import counted, prompts, unbroken
from ioi_core import Circuit, Head, IOIError, Member, Model, PromptPairs, parse_edges
from ioi_core.circuit.definition import check_circuit
from ioi_core.edges.notation import heads_of
from ioi_core.notation import ARROW, LONGEST_TEXT

_HISTORY, _DRAWN, _MODEL = "_circuit_history", "_circuit_drawn", "_circuit_model"
_ADD, _ADD_AT, _SET = "circuit_add", "circuit_add_at", "circuit_set"
_MOST_STEPS = 200
State = tuple[str | None, str]
"""A starting circuit's name, None where none was chosen, and the changes on top of it."""


@dataclass(frozen=True)
class Plan:
    """The circuit on the page.

    Attributes:
        model: the model whose heads they are.
        circuit: everything that can be switched; changes: what was added to the start, and what is off.
    """

    model: Model
    circuit: Circuit
    changes: Changes

    @property
    def off(self) -> Circuit:
        """K, all that is switched off."""
        return self.changes.off

    @property
    def left(self) -> Circuit:
        """The circuit without K."""
        return self.circuit.without(self.off)

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole model, before anything is switched off."""
        return len(self.circuit.at(EVERYWHERE)) == len(self.model.heads)

    @property
    def shows_whole(self) -> bool:
        """Whether it is the whole model, and nothing is switched off."""
        return self.is_whole and not self.off


def start_control(model: Model, pairs: PromptPairs) -> str:
    """Ask for the starting circuit; another one begins with nothing changed."""
    starts = starts_of(model, pairs)

    def why_not(asked: str) -> str:
        if asked not in STARTS:
            return f"No circuit to start from is called {asked[:40]!r}."
        whose = "that circuit is GPT-2 small's" if pairs.has_all_roles else "that circuit is about IOI prompts"
        return f"{model.name} has no such start as {asked!r} here: {whose}."

    chosen = option_control(
        "Start from", starts, starts[0], url.CIRCUIT_START, why_not,
        help="\n".join(f"- **{name}**: {STARTS[name]}" for name in starts), then=partial(set_changes, Changes()),
    )  # fmt: skip
    st.caption(unbroken(f"**{chosen}**: {STARTS[chosen]}."))
    return chosen


def plan_control(model: Model, pairs: PromptPairs, circuit: Circuit, above: DeltaGenerator) -> Plan:
    """Ask for the changes as text, to type or to keep, and return the circuit that they make of the starting one.

    Changes that cannot be read, or not be made on these prompts, are left out, and that is said.

    Args:
        circuit: the starting circuit.
        above: where that is said, in sight of whoever opened a link with such changes.
    """
    explained = (
        f'Heads and where ({", ".join(places_of(pairs))}): "4.2:END" or "4.2 at END" is added, "-4.1:END" is switched '
        'off. A head alone, "4.1" or "-4.1", is meant everywhere. Of edges, "0.1->3.2<q>", the heads are taken. Start '
        'from "empty" to write a whole circuit.'
    )
    with st.expander("Your changes as text (to type, or to keep)"):
        text = st.text_input(
            "Changes to the starting circuit", key=url.CIRCUIT, bind="query-params", on_change=_remember, help=explained
        )
        alone = st.empty()
    try:
        plan = _plan(model, pairs, circuit, text)
    except IOIError as error:
        with above:
            refuse(error, "For now your changes are left out, and the starting circuit is shown.")
            st.button("Drop the changes", on_click=set_changes, args=(Changes(),))
        text, plan = "", Plan(model, circuit, Changes())
    if plan.changes.added and circuit:
        alone.button("Only what is added", on_click=_only_added, help="Without the starting circuit.")
    if ARROW in text:
        heads = counted(len(plan.changes.added), "head")
        notice(f"These are edges. Shown: the {heads} at their ends, at every position.")
    if st.session_state.get(_MODEL) != model.fingerprint:
        # Changes to another model's circuit cannot be undone on this one's.
        st.session_state.update({_MODEL: model.fingerprint, _HISTORY: []})
    st.session_state[_DRAWN] = (st.session_state.get(url.CIRCUIT_START), text)
    return plan


def _plan(model: Model, pairs: PromptPairs, circuit: Circuit, text: str) -> Plan:
    """Return the circuit that changes make of a starting one.

    Raises:
        CircuitTextError, EdgeError, HeadError: the changes cannot be read.
        PromptError: the prompts lack one of their roles.
        CircuitError: they switch off a single role of a head that is kept at every position.
    """
    if text.lstrip()[:1] == "{" and len(text) <= LONGEST_TEXT:  # a circuit of edges as a file has it
        changes = Changes(added=Circuit(heads_of(parse_edges(model, text))))
    else:
        changes = read_changes(text)
    for part in (changes.added, changes.off):
        check_circuit(model, pairs, part)
    larger = changes.on_top_of(circuit)
    plan = Plan(model, larger, changes.where_kept(larger))
    plan.circuit.without(plan.off)
    return plan


def buttons(plan: Plan, classes: Classes) -> None:
    """Offer to switch everything, to undo and to reset, and a switch for each class, on while one of its heads is.

    Without classes, a switch is that of all heads kept at a place.
    """
    members, off = plan.circuit.members, set(plan.off.members)
    with st.container(horizontal=True, key="circuit-buttons"):
        change_button = partial(st.button, on_click=set_changes)
        all_off = switched(plan.changes, members, on=False)
        all_on = switched(plan.changes, plan.off.members, on=True)
        unchanged, explained = plan.changes == Changes(), "Back to the starting circuit."
        change_button(
            "Switch everything off", icon=":material/toggle_off:", disabled=len(off) == len(members), args=(all_off,)
        )
        change_button("Switch everything on", icon=":material/toggle_on:", disabled=not off, args=(all_on,))
        st.button("Undo", icon=":material/undo:", disabled=not st.session_state.get(_HISTORY), on_click=_undo)
        change_button("Reset", icon=":material/restart_alt:", disabled=unchanged, args=(Changes(),), help=explained)
    groups: dict[str, list[Member]] = {name: [] for name in (*classes, OTHER)}
    for member in members:
        where = class_of(member, classes) if classes else place_words(member[1])
        groups.setdefault(where, []).append(member)
    with st.container(horizontal=True, key="circuit-classes", vertical_alignment="center"):
        for name, group in ((name, group) for name, group in groups.items() if group):
            on = [member for member in group if member not in off]
            count = str(len(group)) if len(on) in (0, len(group)) else f"{len(on)} of {len(group)} on"
            key, switch = f"switch-{name}", "off" if on else "on"
            st.session_state[key] = bool(on)
            st.toggle(
                f"{name} ({count})", key=key, on_change=set_changes,
                args=(switched(plan.changes, on or group, on=not on),),
                help=f"Switch {switch}: {', '.join(map(member_text, on or group))}",
            )  # fmt: skip


# What a widget calls is kept for as long as the visitor is there: it is given changes, not the plan with its model.


def toggle(changes: Changes, text: str) -> None:
    """Switch a clicked member; `text` is empty where a click hit no member."""
    if text:
        member = read_member(text)
        set_changes(switched(changes, [member], on=member in changes.off.members))


def switch_off(changes: Changes, text: str) -> None:
    """Make a clicked set K what is off; `text` is empty where a click hit no set."""
    if text:
        set_changes(Changes(changes.added, read_changes(text).off))


def set_switch(changes: Changes, sets: Mapping[str, Circuit]) -> None:
    """Draw a control that switches off one of several sets K, name -> K: not everybody can click the figure."""
    drop_stale(_SET, list(sets), next(iter(sets)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("A set to switch off", sets, key=_SET, width=260)
        text = write_changes(Changes(off=sets[name]))
        st.button("Switch it off", on_click=switch_off, args=(changes, text), help=str(sets[name]))


def add_control(plan: Plan, pairs: PromptPairs) -> None:
    """Offer to add any head of the model, at any role of the prompts."""
    names, places = list(map(str, plan.model.heads)), places_of(pairs)
    drop_stale(_ADD, names)
    drop_stale(_ADD_AT, places, "END")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.multiselect("Add heads", names, key=_ADD, placeholder="any head")
        role = st.selectbox("kept at", places, index=places.index("END"), key=_ADD_AT, width=130)
        larger = extended(plan.changes, [(Head.parse(name), role) for name in chosen])
        st.button("Add", icon=":material/add:", disabled=not chosen, on_click=_add, args=(larger,))


def more_prompts_button(pairs: PromptPairs, n: int) -> None:
    """Offer prompts from templates, several to each."""
    choices = {url.PROMPTS: "generated", url.N: n, url.CORRUPTION: "ABC"}
    st.button(
        f"Take {n} generated prompts", icon=":material/dataset:", type="tertiary",
        on_click=choose, args=(choices,),
        help=f"With ABC twins, instead of {prompts(len(pairs))}: several for each template tell more.",
    )  # fmt: skip


def _remember() -> None:
    """Add what was last drawn to the history of undo."""
    history: list[State] = st.session_state.setdefault(_HISTORY, [])
    if _DRAWN in st.session_state:
        history.append(st.session_state[_DRAWN])
        del history[:-_MOST_STEPS]


def set_changes(changes: Changes) -> None:
    """Put changes into the link; undo brings back the ones before."""
    _remember()
    choose({url.CIRCUIT: write_changes(changes)})


def _add(larger: Changes) -> None:
    set_changes(larger)
    st.session_state[_ADD] = []


def _only_added() -> None:
    _remember()
    choose({url.CIRCUIT_START: EMPTY})


def _undo() -> None:
    start, changes = st.session_state[_HISTORY].pop()
    choose({url.CIRCUIT_START: start, url.CIRCUIT: changes})
