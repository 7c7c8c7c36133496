"""Circuits of heads as text: "9.9:END, 4.1 at S2 END, 3.0": each head with the roles at which it is kept.

A colon or "at" before the roles; commas, semicolons, spaces or lines between heads; a head alone is kept at every
position, "all". With a minus in front a head is switched off. `str(Circuit(...))` and the pages write it too; edges,
"0.1->3.2<q>", are `edges.notation`'s.
"""

import re
from dataclasses import dataclass

from ioi_core.errors import HeadError
from ioi_core.inputs import Choice, shown
from ioi_core.vocabulary import ALL, ROLES, Head

ARROW = "->"
"""Between the two ends of an edge, and in no circuit of heads."""

NO_HEADS_TEXT = "no heads"
OFF = "-"
LONGEST_TEXT = 12_000
"""Characters of a circuit of heads."""

_PLACES = (*ROLES, ALL)
_ROLE = re.compile("|".join(map(re.escape, sorted((*_PLACES, "every position"), key=len, reverse=True))))
_ITEM = re.compile(
    rf"(?P<off>{OFF}?)(?P<head>\d+\.\d+)"
    rf"(?:(?: ?: ?| at )(?P<roles>(?:{_ROLE.pattern})(?: (?:{_ROLE.pattern}))*))?"
    r"(?: |$)"
)


_ONE_LINE = 120


class CircuitTextError(HeadError):
    """A text that is no circuit of heads, or changes to one that cannot be read."""


@dataclass(frozen=True)
class HeadItem:
    """A head of a text, and where it is kept or, if `off`, switched off."""

    head: Head
    roles: tuple[str, ...]
    off: bool


def one_line(text: str) -> str:
    """Return a list in parentheses or after a colon, for a `repr`: as many of its items as one line has room for."""
    if len(text) <= _ONE_LINE:
        return text
    end = ", ...)" if text.endswith(")") else ", ..."
    return text[: _ONE_LINE - len(end)].rpartition(", ")[0] + end


def read_heads(text: Choice) -> list[HeadItem]:
    """Return the heads that a text names ("9.9:END, -4.1"), in its order; whether a model has them is not asked.

    Returns:
        an item a head: the head, the roles at which it is kept ("all" alone where the text has none), and `off` where
        it has a minus in front. `Circuit` takes a text without one as it is.
    Raises:
        HeadError: no text, or something in it that is no head or no role: says what was got and what is allowed.
    """
    if not isinstance(text, str):
        raise CircuitTextError(f"a text is wanted, got {shown(text)}", "write '9.9:END, 4.1'")
    if len(text) > LONGEST_TEXT:
        raise CircuitTextError(
            f"the circuit is {len(text):,} characters long", f"shorten the circuit to at most {LONGEST_TEXT:,}"
        )
    text = " ".join(re.split(r"[\s,;]+", text)).strip()
    items: list[HeadItem] = []
    end = 0
    while end < len(text) and text != NO_HEADS_TEXT:
        item = _ITEM.match(text, end)
        if item is None:
            raise CircuitTextError(
                f"{text[end:].split()[0][:40]!r} is no member of a circuit",
                f'write a head, a colon and {", ".join(ROLES)} or {ALL}, such as "4.1:END" or "4.1 at END"; a head '
                'alone, "4.1", is meant at every position; with a minus in front it is switched off',
            )
        roles = _ROLE.findall(item["roles"] or ALL)
        items.append(
            HeadItem(
                Head.parse(item["head"]),
                tuple(role if role in _PLACES else ALL for role in roles),
                bool(item["off"]),
            )
        )
        end = item.end()
    return items


def kept_heads(text: str) -> list[HeadItem]:
    """Return the heads of a circuit as `read_heads`, none of which is switched off.

    Raises:
        CircuitTextError, HeadError: say what was got and what is allowed.
    """
    items = read_heads(text)
    if off := next((item for item in items if item.off), None):
        raise CircuitTextError(f"-{off.head} switches a head off", "name only the heads that the circuit keeps")
    return items
