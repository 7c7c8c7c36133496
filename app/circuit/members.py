"""Members of a circuit, (head, role) pairs, in words and as text. No Streamlit here."""

from collections.abc import Mapping

from ioi_core import PUBLISHED_CLASSES, ROLES, Head, Member, PromptPairs

OTHER = "no class"

KEPT_AT: Mapping[str, str] = {group.name: group.kept_at for group in PUBLISHED_CLASSES}
"""Class -> the role at which the paper's circuit keeps its heads."""

Classes = Mapping[str, tuple[Head, ...]]


def class_of(member: Member, classes: Classes) -> str:
    """Return the class that a member belongs to at its role; at every position, the head's first class."""
    head, role = member
    for name, heads in classes.items():
        if head in heads and role in (KEPT_AT[name], "all"):
            return name
    return OTHER


EVERYWHERE = "all"
PLACES = (*ROLES, EVERYWHERE)
"""The roles at which a head can be kept: one position of each prompt, or every position."""


def places_of(pairs: PromptPairs) -> tuple[str, ...]:
    """Return those of `PLACES` that some prompts have."""
    return tuple(place for place in PLACES if place in pairs.roles or place == EVERYWHERE)


AT = ":"


def member_text(member: Member) -> str:
    """Return a member as links write it, "9.9:END"."""
    head, role = member
    return f"{head}{AT}{role}"


def member_words(member: Member) -> str:
    """Return a member as a sentence says it, "9.9 at END"."""
    head, role = member
    return f"{head} {place_words(role)}"


def place_words(role: str) -> str:
    """Return "at END", or "at every position"."""
    return f"at {'every position' if role == EVERYWHERE else role}"
