"""One visitor of the running app, without a browser: Streamlit's own websocket protocol, spoken to this machine alone.

A browser opens `/_stcore/stream`, sends a `BackMsg` that asks for a run of the script (which page, which query), and
gets `ForwardMsg`s: `new_session` says which page runs, each `delta` brings one element, `script_finished` ends the run.
A page counts as seen only when its run ended well, was of the page asked for, and brought no exception and no notice
of a failure. What a browser does besides, fetching the static files and drawing, is not done here.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

HOST = "127.0.0.1"
"""The only host that is ever spoken to."""

_FAILED = re.compile(r'class="ioi-notice ioi-problem"[^>]*>([^<]*)')
_ENDED_WELL = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


class PageError(Exception):
    """A page did not come as it should have."""


@dataclass
class Seen:
    """One page as it arrived; `seconds` from asking until its run had ended and all it drew was here."""

    page_hash: str = ""
    seconds: float = 0.0
    bytes: int = 0
    headings: list[str] = field(default_factory=list)
    charts: set[str] = field(default_factory=set)  # the keys of the Plotly charts that are here with their data
    html: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # while it was computed
    timer: str | None = None  # the fragment that a browser would run again by itself
    asked: float = field(default_factory=time.perf_counter)
    arrived: dict[str, float] = field(default_factory=dict)  # a chart's key or a number's label -> seconds after asking

    def take(self, message: ForwardMsg) -> None:
        """Note one element.

        Raises:
            PageError: it says that something failed.
        """
        element = message.delta.new_element
        match element.WhichOneof("type"):
            case "heading":
                self.headings.append(element.heading.body)
            case "plotly_chart" if len(element.plotly_chart.spec) > 2:
                self.charts.add(key := element.plotly_chart.id.split("-", 2)[-1])  # $$ID, digest of its settings, key
                self.arrived.setdefault(key, time.perf_counter() - self.asked)
            case "metric":
                self.arrived.setdefault(element.metric.label, time.perf_counter() - self.asked)
            case "progress":
                self.told.append(element.progress.text)
            case "html":
                self.html.append(element.html.body)
                if failed := _FAILED.search(element.html.body):
                    raise PageError(failed[1])
            case "exception":
                raise PageError(f"exception: {element.exception.type} {element.exception.message}")


class Visitor:
    """One session: `open` pages one after the other, then `leave`."""

    def __init__(self, connection: ClientConnection, query: str):
        self._connection = connection
        self._query = query
        self._hashes: dict[str, str] = {}  # a page's path -> the hash by which it is asked for

    @classmethod
    async def arrive(cls, port: int, query: str = "") -> "Visitor":
        """Connect as a browser does; `query` is the part of the link behind the question mark."""
        with _as_page_errors():
            connection = await connect(
                f"ws://{HOST}:{port}/_stcore/stream",
                origin=f"http://{HOST}:{port}",
                subprotocols=["streamlit"],
                compression=None,
                max_size=None,
                open_timeout=60,
                proxy=None,
            )
        return cls(connection, query)

    async def open(self, path: str) -> Seen:
        """Ask for a page by its path in the URL ("" is the first one) and wait until all of it is here.

        Raises:
            PageError: it failed, or another page came.
        """
        seen = await self._run(page_script_hash=self._hashes.get(path, ""), page_name=path)
        if seen.page_hash != self._hashes.get(path):
            raise PageError(f"asked for {path or 'the first page'}, and another one came")
        return seen

    async def tick(self, path: str, seen: Seen) -> Seen:
        """What a browser does when the page's timer goes off: run that fragment, and what it asks for."""
        if seen.timer is None:
            raise PageError("the page has no timer")
        hash_ = self._hashes.get(path, "")
        return await self._run(page_script_hash=hash_, page_name=path, fragment_id=seen.timer, is_auto_rerun=True)

    async def leave(self) -> None:
        """Close the tab."""
        await self._connection.close()

    async def _run(self, **asked: str | bool) -> Seen:
        request = BackMsg()
        request.rerun_script.query_string = self._query
        for name, value in asked.items():
            setattr(request.rerun_script, name, value)
        seen = Seen()
        with _as_page_errors():
            await self._connection.send(request.SerializeToString())
            seen = await self._receive(seen)
        seen.seconds = time.perf_counter() - seen.asked
        return seen

    async def _receive(self, seen: Seen) -> Seen:
        while True:
            frame = await self._connection.recv(decode=False)
            message = ForwardMsg.FromString(frame)
            match message.WhichOneof("type"):
                case "new_session":  # a run that is begun again replaces what came before
                    seen = Seen(message.new_session.page_script_hash, bytes=seen.bytes, asked=seen.asked)
                case "navigation":
                    for page in message.navigation.app_pages:
                        self._hashes["" if page.is_default else page.url_pathname] = page.page_script_hash
                    seen.page_hash = message.navigation.page_script_hash
                case "delta":
                    seen.take(message)
                case "auto_rerun":
                    seen.timer = message.auto_rerun.fragment_id
                case "script_finished" if message.script_finished in _ENDED_WELL:
                    seen.bytes += len(frame)
                    return seen
                case "script_finished" if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise PageError("the page does not compile")
                case "page_not_found":
                    raise PageError(f"there is no page {message.page_not_found.page_name}")
            seen.bytes += len(frame)


@contextmanager
def _as_page_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, WebSocketException) as error:
        raise PageError(f"the connection failed: {error!r}") from error
