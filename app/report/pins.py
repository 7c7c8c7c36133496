"""A report as a plain value: which figure of which view, with a line of the visitor's own. No Streamlit here.

It lives in the browser and in the address of its page, and nowhere on the server; so it is read as hostile.
"""

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from urllib.parse import urlsplit

from ioi_core import IOIError

MOST_PINS, LONGEST_NOTE, LONGEST_ADDRESS = 30, 500, 6000
_LONGEST_VIEW = 12_000
_MOST_BYTES = 2 * MOST_PINS * (_LONGEST_VIEW + LONGEST_NOTE)  # of all, unpacked


class ReportError(IOIError):
    """A link to a report that cannot be read."""


@dataclass(frozen=True)
class Pin:
    """A figure of a view; a report has each once.

    Attributes:
        view: page and parameters, as an address has them: "heads?head=9.9&model=gpt2-small".
        figure: its name; note: the visitor's line.
    """

    view: str
    figure: str
    note: str = ""

    @property
    def key(self) -> str:
        """Letters that tell it from all others of a report, whatever its place."""
        return hashlib.sha256(f"{self.view} {self.figure}".encode()).hexdigest()[:12]

    @property
    def page(self) -> str:
        """The page's name in addresses; "" is the first one."""
        return urlsplit(self.view).path

    @property
    def query(self) -> str:
        """The view's parameters, as an address has them."""
        return urlsplit(self.view).query


def written(pins: Sequence[Pin]) -> str:
    """Return a report as letters that an address may hold."""
    text = json.dumps([astuple(pin) for pin in pins], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"), 9)).rstrip(b"=").decode()


def read(text: str) -> list[Pin]:
    """Return the report that an address holds.

    Raises:
        ReportError: it is too long, or none.
    """
    if len(text) > 2 * LONGEST_ADDRESS:
        raise ReportError(
            f"this link to a report is {len(text):,} letters long",
            f"open a link of at most {2 * LONGEST_ADDRESS:,} letters",
        )
    try:
        unpacking = zlib.decompressobj()
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = json.loads(unpacking.decompress(packed, _MOST_BYTES))
        if unpacking.unconsumed_tail:
            raise ValueError("too much")
        pins = list({(pin.view, pin.figure): pin for pin in (_pin(*one) for one in found)}.values())
    except (ValueError, TypeError, RecursionError, zlib.error, binascii.Error):
        raise ReportError("it seems to have been cut, so the report cannot be read", "copy all of the link") from None
    if len(pins) > MOST_PINS:
        raise ReportError(f"this report has {len(pins)} figures", f"open a report of at most {MOST_PINS} figures")
    return pins


def _pin(view: str, figure: str, note: str = "") -> Pin:
    """Return a pin of an address.

    Raises:
        ValueError, TypeError: it is none.
    """
    if not (
        re.fullmatch(r"[a-z_]{0,40}(\?[\w.~%&=+*-]*)?", view, re.ASCII) and re.fullmatch(r"\w{1,100}", figure, re.ASCII)
    ):
        raise ValueError("no view")
    if len(view) > _LONGEST_VIEW or view.partition("?")[0] == "report":  # reports of reports have no end
        raise ValueError("too long")
    if not isinstance(note, str):
        raise TypeError("no text")
    note.encode()  # what is no text raises a ValueError here
    return Pin(view, figure, note[:LONGEST_NOTE])


def moved(pins: Sequence[Pin], key: str, by: int) -> list[Pin]:
    """Return the pins with one of them a place earlier or later, where there is one."""
    order = list(pins)
    for n, pin in enumerate(pins):
        if pin.key == key:
            order.insert(min(max(n + by, 0), len(pins) - 1), order.pop(n))
    return order


def removed(pins: Sequence[Pin], key: str) -> list[Pin]:
    """Return the pins without one of them."""
    return [pin for pin in pins if pin.key != key]


def noted(pins: Sequence[Pin], key: str, note: str) -> list[Pin]:
    """Return the pins with another line for one of them."""
    return [replace(pin, note=note) if pin.key == key else pin for pin in pins]
