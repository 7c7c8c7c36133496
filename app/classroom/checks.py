"""What is let into a class: requests of its own pages, of its own members, and not too many wrong codes.

Nothing of a request is quoted in an answer or in the log.
"""

import json
import time
from collections import OrderedDict
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

MOST_BYTES = 8192
"""Of a request's body; the longest answer, a curve of 50 points, takes a tenth of it."""

MOST_WRONG, WINDOW_SECONDS = 300, 600.0
"""Wrong codes and links of one address in so many seconds: a school mistypes behind one, a machine guesses in vain."""

_MOST_ADDRESSES = 10_000


class RefusedError(Exception):
    """A request that is refused: status and words for whoever sent it."""

    def __init__(self, status: int, words: str):
        super().__init__(words)
        self.status, self.words = status, words


class WrongCodes:
    """Counts wrong codes by address, in memory alone; right ones are free."""

    def __init__(self, most: int = MOST_WRONG, seconds: float = WINDOW_SECONDS):
        self._most, self._seconds = most, seconds
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def check(self, address: str) -> None:
        """Refuse an address that has sent too many. Raises RefusedError."""
        begun, count = self._wrong.get(address, (0.0, 0))
        if count >= self._most and time.monotonic() - begun < self._seconds:
            raise RefusedError(429, "Too many wrong codes came from your network. Wait ten minutes, then try again.")

    def count(self, address: str) -> None:
        """Note a wrong one."""
        begun, count = self._wrong.get(address, (0.0, 0))
        now = time.monotonic()
        self._wrong[address] = (begun, count + 1) if now - begun < self._seconds else (now, 1)
        self._wrong.move_to_end(address)
        if len(self._wrong) > _MOST_ADDRESSES:
            self._wrong.popitem(last=False)


def address(request: Request) -> str:
    """Return whom a request is from: what a proxy in front says, if it comes from this machine or a private network."""
    client = request.client.host if request.client else ""
    try:
        near = ip_address(client)
        if near.is_loopback or near.is_private:
            return str(ip_address(request.headers.get("X-Forwarded-For", client).rsplit(",", 1)[-1].strip()))
    except ValueError:
        pass
    return client


def check_origin(request: Request) -> None:
    """Refuse what another site's page sends. Raises RefusedError."""
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none") or (origin and _host(origin) != request.headers.get("Host", "").lower()):
        raise RefusedError(403, "This was sent by a page of another site, and is not taken.")


async def read_json(request: Request, *wanted: str) -> dict[str, Any]:
    """Return the body: an object with the fields `wanted` and no other. Raises RefusedError."""
    check_origin(request)
    if request.headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "Send JSON, and say so: Content-Type: application/json.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise RefusedError(413, f"Send less: {MOST_BYTES} bytes are taken.")
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise RefusedError(400, "Send JSON: this cannot be read.") from None
    if not isinstance(value, dict) or set(value) != set(wanted):
        raise RefusedError(400, f"Send an object with {' and '.join(wanted) or 'nothing in it'}, and nothing else.")
    return value


def whole(value: object, low: int, high: int, name: str) -> int:
    """Return a whole number of a request. Raises RefusedError."""
    if type(value) is not int or not low <= value <= high:
        raise RefusedError(400, f"{name} is a whole number from {low} to {high}.")
    return value


def _no_constant(_: str) -> Any:
    raise ValueError("NaN and Infinity are no JSON")


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
