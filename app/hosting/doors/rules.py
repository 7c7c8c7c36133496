"""What reaches the server at all, with or without a proxy in front: paths, headers, how many connections.

The figures and the health check, which runs the whole script, are for this machine alone. No other site may show the
app in a frame, unless the host says so; a visitor's cookie is then one that browsers keep there. There are no more
connections than there are file descriptors for; whoever comes then gets a small page that tries again by itself, and
costs nothing.
"""

import re
import time
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from app.hosting.doors.descriptors import room
from app.hosting.services import settings, why_not_ready

IN_A_FRAME = "Path=/; SameSite=None; Secure; Partitioned"
"""Attributes with which browsers keep a cookie in a frame of another site, for each such site another one."""

REASON = "X-Not-Ready"
"""The header in which the health check says why it fails, quoted as in addresses."""

_ON_THE_WAY = 10.0
"""Seconds for which a page that was handed out counts as a connection: by then its browser has opened one."""

_FOR_THIS_MACHINE = re.compile(r"/_stcore/(metrics|script-health-check|agent)(/|$)")
_OF_A_CLASS = re.compile(r"/class(/|$)")
_FULL = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="10">
<meta name="viewport" content="width=device-width"><title>Every place is taken - IOI Explorer</title>
<body style="font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem">
<h1>Every place is taken</h1><p>So many visitors are here that there is no room even to wait inside. Leave this page
open: it tries again every 10 seconds, by itself.</p>"""


class Doors:
    """ASGI middleware with the rules.

    Args:
        most: the most connections at once; default: as many as there are descriptors for.
        frame_ancestors: who may show the app in a frame, as Content-Security-Policy writes it.
    """

    def __init__(self, app: ASGIApp, most: Callable[[], int] = room, frame_ancestors: Callable[[], str] | None = None):
        self._app = app
        self._most = most
        self._frame_ancestors = frame_ancestors or (lambda: settings().frame_ancestors)
        self._connected = 0
        self._on_the_way: deque[float] = deque()  # until when each page that was handed out counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is not let in, and pass on the rest."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _FOR_THIS_MACHINE.search(scope["path"]) and not _from_this_machine(scope):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        elif _wants_a_page(scope) and not self._has_room():
            await HTMLResponse(_FULL, 503, {"Retry-After": "10"})(scope, receive, self._with_headers(scope, send))
        else:
            if _wants_a_page(scope):
                self._on_the_way.append(time.monotonic() + _ON_THE_WAY)
            await self._app(scope, receive, self._with_headers(scope, send))

    def _has_room(self) -> bool:
        """Return whether one more page may be handed out: without a connection of its own it would show no words."""
        while self._on_the_way and self._on_the_way[0] < time.monotonic():
            self._on_the_way.popleft()
        return self._connected + len(self._on_the_way) < self._most()

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._on_the_way:
            self._on_the_way.popleft()
        if self._connected >= self._most():
            await receive()
            await send({"type": "websocket.close", "code": 1013, "reason": "every place is taken"})
            return
        self._connected += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._connected -= 1

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", f"frame-ancestors {self._frame_ancestors()}")
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
                if message["status"] == 503 and scope["path"].endswith("/script-health-check"):  # of this machine
                    headers[REASON] = quote(why_not_ready(), safe=" ,;:'()/")
                if _is_new_in_a_frame(scope):
                    headers.append("Set-Cookie", f"{XSRF_COOKIE_NAME}={generate_xsrf_token_string()}; {IN_A_FRAME}")
            await send(message)

        return sending


def _from_this_machine(scope: Scope) -> bool:
    try:
        return scope["client"] is not None and ip_address(scope["client"][0]).is_loopback
    except ValueError:
        return False


def _is_new_in_a_frame(scope: Scope) -> bool:
    """Return whether the page is opened in a frame of another site, where Streamlit's own, Lax cookie is not kept.

    Without it a visitor in a frame could upload nothing, and each of their tabs would be a visitor of its own.
    Browsers say that it is a frame over TLS alone, as on localhost, without which they would not keep this one either.
    """
    headers = Headers(scope=scope)
    framed = headers.get("Sec-Fetch-Dest") == "iframe" and headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    return framed and f"{XSRF_COOKIE_NAME}=" not in headers.get("Cookie", "")


def _wants_a_page(scope: Scope) -> bool:
    """Return whether a browser opens a page that becomes a session, and does not fetch what belongs to one."""
    is_page = scope["method"] == "GET" and not _OF_A_CLASS.search(scope["path"])
    return is_page and any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
