"""Connections below HTTP, where the rules of `Doors` see nothing yet: how many, and how long one may ask for nothing.

No more are taken than there are descriptors for. Whoever connects has to ask within seconds; where there are too many,
those go first that have kept silent longest, so that a thousand of them keep out nobody who asks. Streamlit and uvicorn
have no setting for any of it, so their socket and their protocol are extended here.
"""

import asyncio
import logging
import socket
from typing import Any, ClassVar

import h11
from streamlit import net_util
from streamlit.web.server.starlette import starlette_server
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.hosting.doors import descriptors
from ioi_core.errors import SettingsError

_SECONDS_TO_ASK = 20.0
"""For the whole request: of a visitor the largest is a data set of 1 MB."""

_AT_ONCE = 16
"""Connections that are taken before those that are here are looked at again."""

_OF_A_CHARACTER = 2 * (4 + 12)
"""Bytes of a message for each character that may be typed: four in its field, twelve in the address; in two fields."""

_OF_A_PAGE = 2**20
"""Bytes of a message for all else on a page, a report's list among it."""

_log = logging.getLogger(__name__)


def limit_connections(max_characters: int) -> None:
    """Have Streamlit's server, which is started later in this process, keep these limits.

    Args:
        max_characters: of all prompts in one field that a visitor may type.
    """
    bind, options = starlette_server._bind_socket, starlette_server._get_uvicorn_config_kwargs

    def listening(address: str, port: int, backlog: int) -> socket.socket:
        try:
            bound = bind(address, port, backlog)
        except OSError as error:
            raise SettingsError(f"{address}, port {port}, cannot be listened at ({error.strerror})") from error
        listener = Listener(bound.family, bound.type, bound.proto, fileno=bound.detach())
        listener.setblocking(False)
        return listener

    def limited() -> dict[str, Any]:
        theirs = options()
        largest = min(theirs["ws_max_size"], _OF_A_CHARACTER * max_characters + _OF_A_PAGE)
        return theirs | {"http": Connection, "ws_max_size": largest, "log_config": None}  # the log is ours: `logs`

    starlette_server._bind_socket, starlette_server._get_uvicorn_config_kwargs = listening, limited
    # Asked for whenever another site's page connects: from a server elsewhere, while this one waits and serves nobody.
    net_util.get_external_ip = lambda: None


class Listener(socket.socket):
    """The socket at which the server listens. It closes what there is no descriptor for at once.

    Python's own loop would be told by the system that there are none, for every free place in the line of those who
    connect, 2,048 times a second, and could open no file meanwhile.
    """

    _in_a_row = 0

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection.

        Raises:
            BlockingIOError: there is none, or what the last ones ask is to be read first.
            ConnectionAbortedError: it was closed; asyncio looks again later.
        """
        self._in_a_row = (self._in_a_row + 1) % (_AT_ONCE + 1)
        if self._in_a_row == 0:
            raise BlockingIOError
        connection, address = super().accept()
        if connection.fileno() > descriptors.last():
            connection.close()
            _log.warning("connections are closed at once: as many files are open as this process may have")
            raise ConnectionAbortedError
        return connection, address


class Connection(H11Protocol):
    """An HTTP connection, which is closed if no request comes."""

    open: ClassVar[set["Connection"]] = set()
    """All that have not become a session."""

    silent: ClassVar[dict["Connection", asyncio.TimerHandle]] = {}
    """Those whose request is not here yet, the longest silent first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Wait for a request; where there are too many, close whoever has waited longest."""
        super().connection_made(transport)
        self.open.add(self)
        self._fall_silent()
        if len(self.open) > descriptors.passing():
            first = next(iter(self.silent))
            _log.warning("connections are closed that ask for nothing: more are open than there is room for")
            first._close()

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request."""
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._speak()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and not self.transport.is_closing():
            self._fall_silent()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Become a session, which `Doors` counts."""
        self._leave()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Be gone."""
        self._leave()
        super().connection_lost(exc)

    def _fall_silent(self) -> None:
        self._speak()
        self.silent[self] = self.loop.call_later(_SECONDS_TO_ASK, self._close)

    def _speak(self) -> None:
        if (timer := self.silent.pop(self, None)) is not None:
            timer.cancel()

    def _leave(self) -> None:
        self._speak()
        self.open.discard(self)

    def _close(self) -> None:
        self._leave()
        self.transport.abort()
