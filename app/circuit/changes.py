"""A visitor's changes to a starting circuit, as short text that a link can hold. No Streamlit here.

"0.2:S2 -4.1:END": head 0.2 was added at S2, and head 4.1 was switched off at END. K, all that is switched off, is
taken out of the circuit and, to compare, out of the whole model. No plus sign is written: links turn it into a space.
"""

from collections.abc import Collection
from dataclasses import dataclass

from app.circuit.members import EVERYWHERE, member_text
from ioi_core import NO_HEADS, Circuit, Member, read_heads
from ioi_core.notation import ARROW, OFF


@dataclass(frozen=True)
class Changes:
    """Members that were added to a starting circuit, and those that are switched off."""

    added: Circuit = NO_HEADS
    off: Circuit = NO_HEADS

    def on_top_of(self, start: Circuit) -> Circuit:
        """Return the circuit with everything that was added, nothing switched off yet."""
        return start.with_(self.added)

    def where_kept(self, circuit: Circuit) -> "Changes":
        """Return the changes with each head that is off everywhere off at the roles at which `circuit` keeps it."""
        off = {head: circuit.get(head, roles) if EVERYWHERE in roles else roles for head, roles in self.off.items()}
        return Changes(self.added, Circuit(off))


def read_member(text: str) -> Member:
    """Return the one head and role that "9.9:END" names; whether a model has that head is not asked.

    Raises:
        CircuitTextError, HeadError: say what was got and what is allowed.
    """
    [item] = read_heads(text)
    [role] = item.roles
    return item.head, role


def read_changes(text: str) -> Changes:
    """Return the changes that a text holds; an empty text holds none. Whether a model has the heads is not asked.

    Besides `write_changes`' own form it may be written as circuits are on the page and in its tables: a comma between
    heads, "4.1 at S2 END" for several roles, and a head alone for every position. Of edges, "0.1->3.2<q>", the heads
    are taken, at every position.

    Raises:
        CircuitTextError, EdgeError, HeadError: say what was got and what is allowed.
    """
    if ARROW in text:
        return Changes(added=Circuit(text))
    items = read_heads(text)
    added, off = (
        [(item.head, role) for item in items if item.off is which for role in item.roles] for which in (False, True)
    )
    return Changes(Circuit.of(added), Circuit.of(off))


def write_changes(changes: Changes) -> str:
    """Return the changes as text: what was added, then what is switched off."""
    added = [member_text(member) for member in changes.added.members]
    return " ".join([*added, *(f"{OFF}{member_text(member)}" for member in changes.off.members)])


def switched(changes: Changes, members: Collection[Member], *, on: bool) -> Changes:
    """Return the changes with some members on or off; those off stay part of the circuit that K is taken from."""
    others = Circuit.of([member for member in changes.off.members if member not in members])
    return Changes(changes.added, others if on else others.with_(Circuit.of(members)))


def extended(changes: Changes, members: Collection[Member]) -> Changes:
    """Return the changes with these members added, and on."""
    return switched(Changes(changes.added.with_(Circuit.of(members)), changes.off), members, on=True)
