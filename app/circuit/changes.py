"""A visitor's changes to a starting circuit, as short text that a link can hold. No Streamlit here.

"0.2:S2 -4.1:END": head 0.2 was added at S2, and head 4.1 was switched off at END. K, all that is switched off, is
taken out of the circuit and, to compare, out of the whole model. No plus sign is written: links turn it into a space.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from app.circuit.members import EVERYWHERE, PLACES, member_text
from ioi_core import NO_HEADS, ROLES, Circuit, Head, IOIError, Member

_LONGEST_TEXT, _OFF = 12_000, "-"
_ROLE = re.compile("|".join(map(re.escape, sorted((*PLACES, "every position"), key=len, reverse=True))))
_ITEM = re.compile(
    rf"(?P<off>{_OFF}?)(?P<head>\d+\.\d+)"
    rf"(?:(?: ?: ?| at )(?P<roles>(?:{_ROLE.pattern})(?: (?:{_ROLE.pattern}))*))?"
    r"(?: |$)"
)


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

    def where_kept(self, circuit: Circuit) -> "Changes":
        """Return the changes with each head that is off everywhere off at the roles at which `circuit` keeps it."""
        off = {head: circuit.get(head, roles) if EVERYWHERE in roles else roles for head, roles in self.off.items()}
        return Changes(self.added, Circuit(off))


def read_member(text: str) -> Member:
    """Return the one head and role that "9.9:END" names; whether a model has that head is not asked.

    Raises:
        CircuitTextError, HeadError: say what was got and what is allowed.
    """
    [(_, members)] = _read_items(text)
    [member] = members
    return member


def read_changes(text: str) -> Changes:
    """Return the changes that a text holds; an empty text holds none. Whether a model has the heads is not asked.

    Besides `write_changes`' own form it may be written as circuits are on the page and in its tables: a comma between
    heads, "4.1 at S2 END" for several roles, and a head alone for every position.

    Raises:
        CircuitTextError, HeadError: say what was got and what is allowed.
    """
    if len(text) > _LONGEST_TEXT:
        raise CircuitTextError(f"the circuit is {len(text):,} characters long: at most {_LONGEST_TEXT:,} are allowed")
    items = _read_items(text)
    added, off = ([m for is_off, members in items if is_off is which for m in members] for which in (False, True))
    return Changes(Circuit.of(added), Circuit.of(off))


def _read_items(text: str) -> list[tuple[bool, list[Member]]]:
    """Return for each head of a text whether a minus stands in front of it, and its members."""
    text = " ".join(re.split(r"[\s,;]+", text)).strip()
    items: list[tuple[bool, list[Member]]] = []
    end = 0
    while end < len(text):
        item = _ITEM.match(text, end)
        if item is None:
            raise CircuitTextError(
                f"{text[end:].split()[0][:40]!r} is no member of a circuit: write a head, a colon and "
                f'{", ".join(ROLES)} or {EVERYWHERE}, such as "4.1:END" or "4.1 at END"; a head alone, "4.1", is meant '
                "at every position; with a minus in front it is switched off"
            )
        head = Head.parse(item["head"])
        roles = _ROLE.findall(item["roles"] or EVERYWHERE)
        items.append((bool(item["off"]), [(head, role if role in PLACES else EVERYWHERE) for role in roles]))
        end = item.end()
    return items


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
