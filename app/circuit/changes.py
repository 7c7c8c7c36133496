"""A visitor's changes to a starting circuit, as short text that a link can hold. No Streamlit here.

"0.2:S2 -3.1:END": head 0.2 was added at S2, and head 3.1 was switched off at END. K, all that is switched off, is
taken out of the circuit and, to compare, out of the whole model. No plus sign is written: links turn it into a space.
"""

from collections.abc import Collection
from dataclasses import dataclass

from app.circuit.members import AT, EVERYWHERE, PLACES, member_text
from ioi_core import NO_HEADS, ROLES, Circuit, Head, IOIError, Member, Model

_LONGEST_TEXT, _OFF = 12_000, "-"


class CircuitTextError(IOIError):
    """Changes to a circuit that cannot be read."""


@dataclass(frozen=True)
class Changes:
    """Members that were added to a starting circuit, and those that are switched off."""

    added: Circuit = NO_HEADS
    off: Circuit = NO_HEADS

    def on_top_of(self, start: Circuit) -> Circuit:
        """Return the circuit with everything that was added, nothing switched off yet."""
        return start.with_(self.added)


def read_member(text: str) -> Member:
    """Return the head and the role that "9.9:END" names; whether a model has that head is not asked.

    Raises:
        CircuitTextError, HeadError: say what was got and what is allowed.
    """
    head, at, role = text.partition(AT)
    if not at or role not in PLACES:
        raise CircuitTextError(
            f"{text[:40]!r} is no member of a circuit: write a head, a colon and {', '.join(ROLES)} or {EVERYWHERE}, "
            'such as "3.1:END"; with a minus in front it is switched off'
        )
    return Head.parse(head), role


def read_changes(text: str) -> Changes:
    """Return the changes that a text holds; an empty text holds none. Whether a model has the heads is not asked.

    Raises:
        CircuitTextError, HeadError: say what was got and what is allowed.
    """
    if len(text) > _LONGEST_TEXT:
        raise CircuitTextError(f"the circuit is {len(text):,} characters long: at most {_LONGEST_TEXT:,} are allowed")
    words = text.split()
    added = [read_member(word) for word in words if not word.startswith(_OFF)]
    off = [read_member(word.removeprefix(_OFF)) for word in words if word.startswith(_OFF)]
    return Changes(Circuit.of(added), Circuit.of(off))


def check_heads(model: Model, changes: Changes) -> Changes:
    """Return `changes` if the model has all their heads.

    Raises:
        HeadError: says which head it lacks, and which it has.
    """
    for head in (*changes.added, *changes.off):
        model.check_head(head)
    return changes


def write_changes(changes: Changes) -> str:
    """Return the changes as text: what was added, then what is switched off."""
    added = [member_text(member) for member in changes.added.members]
    return " ".join([*added, *(f"{_OFF}{member_text(member)}" for member in changes.off.members)])


def switched(changes: Changes, members: Collection[Member], *, on: bool) -> Changes:
    """Return the changes with some members on or off; those off stay part of the circuit that K is taken from."""
    others = Circuit.of([member for member in changes.off.members if member not in members])
    return Changes(changes.added, others if on else others.with_(Circuit.of(members)))


def extended(changes: Changes, members: Collection[Member]) -> Changes:
    """Return the changes with these members added, and on."""
    return switched(Changes(changes.added.with_(Circuit.of(members)), changes.off), members, on=True)
