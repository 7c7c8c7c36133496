"""A replica's link to the scheduler, in an event loop of its own: connected again by itself, and what is there told.

Dask's own client gives up after a while, and holds on to what a scheduler that is gone was asked for. So a new client
is made each time.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from distributed import Client, Future

from cache.cluster.address import Cluster, configure_dask
from cache.cluster.task import LINES, PROGRESS

_CONNECTING = 3.0  # seconds
_TRY_AGAIN = 0.5
_LOOK_EVERY = 1.0
_ANSWERING = 4.0
_TELL_EVERY = 0.5  # seconds between messages to other replicas
_TELL_AGAIN = 2.0  # seconds after which an unchanged message is sent again
_FORGET_AFTER = 6.0  # seconds after which a replica that says nothing is taken to be gone
_ASK_EVERY = 5.0  # seconds between questions whether the scheduler still knows what is waited for

GONE = (
    "The machines that compute do not answer. What is kept is shown as always; everything else goes on by itself as "
    "soon as they are back."
)
NO_WORKER = "No machine is there to compute this. It goes on by itself as soon as one is."
OTHER_RELEASE = (
    "The machines that compute run another version of this program than this server: whoever runs them has to install "
    "the same on both. This goes on by itself then."
)

Waiting = tuple[str, int, float]
"""A place in line: the resource that its workers have, the round in which it is served, and since when it waits."""

_log = logging.getLogger(__name__)


class Link:
    """One replica's connection.

    Attributes:
        client: while the scheduler is there, else None.
        resources: the names of the resources that workers offer now.
    """

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        waiting: Callable[[], list[Waiting]],
        heard: Callable[[dict[str, Any]], None],
    ):
        """Connect to nothing yet.

        Args:
            waiting: returns the places of this replica that wait, which others are told.
            heard: called in the loop with each message of a worker.
        """
        self.client: Client | None = None
        self.resources: frozenset[str] = frozenset()
        self._cluster, self._name, self._waiting, self._heard = cluster, name, waiting, heard
        self._others: dict[str, tuple[float, list[Waiting]]] = {}  # replica -> when heard of, who waits there
        self._there = asyncio.Event()
        self._was_there = True  # when it was looked for last
        self._gone: asyncio.Future[None] | None = None  # of the client that is there
        self._unknown: frozenset[str] = frozenset()  # what the scheduler did not know when it was asked last

    async def ready(self) -> Client:
        """Return the client, once the scheduler is there."""
        while (client := self.client) is None:
            await self._there.wait()
        return client

    async def result_of(self, future: "Future[Any]") -> Any:
        """Return what a future of the client that is there comes to. Dask's own wait has no end if that client is lost.

        Raises:
            ConnectionError: the scheduler is gone.
            Exception: what the future ends with.
        """
        if (gone := self._gone) is None or future.client is not self.client:
            raise ConnectionError("the scheduler is gone")
        waiting = asyncio.ensure_future(_awaited(future))
        try:
            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise ConnectionError("the scheduler is gone")
            return waiting.result()
        finally:
            waiting.cancel()

    def others(self) -> list[Waiting]:
        """Return the places that wait at other replicas."""
        now = time.monotonic()
        return [one for heard, waiting in self._others.values() if now - heard < _FORGET_AFTER for one in waiting]

    def missing(self, resource: str) -> str:
        """Return a sentence that says why no worker offers a resource; "" if one does.

        One that is silent is taken to be there for up to a minute (`worker-ttl` in `configure_dask`).
        """
        if self.client is None:
            return GONE
        if resource in self.resources:
            return ""
        same = f"{resource.rpartition(' ')[0]} "  # of another release
        return OTHER_RELEASE if any(name.startswith(same) for name in self.resources) else NO_WORKER

    async def keep(self) -> None:
        """Connect, and connect again, for good."""
        configure_dask()
        _quiet_dask()
        while True:
            try:
                await self._keep_one()
            except Exception:  # certificates that are being replaced, say
                self._was_there = False
                _log.exception("the connection to the scheduler failed")
            await asyncio.sleep(0 if self._was_there else _TRY_AGAIN)

    async def _keep_one(self) -> None:
        """Connect, and stay connected as long as the scheduler answers."""
        client = await self._connected()
        if client is None:
            if self._was_there:
                _log.warning("the scheduler at %s does not answer", self._cluster.address)
            self._was_there = False
            return
        _log.info("connected to the scheduler at %s", self._cluster.address)
        self._was_there, self.client = True, client
        self._gone, self._unknown = asyncio.get_running_loop().create_future(), frozenset()
        self._there.set()
        try:
            await self._look_after(client)
        finally:
            self.client, self.resources = None, frozenset()
            self._there.clear()
            self._gone.set_result(None)
            await _close(client)
        _log.warning("the scheduler at %s is gone", self._cluster.address)

    async def _connected(self) -> Client | None:
        client = Client(
            self._cluster.address,
            asynchronous=True,
            set_as_default=False,
            security=self._cluster.security(),
            timeout=_CONNECTING,
            name=self._name,
            direct_to_workers=False,  # a replica need not reach workers
        )
        try:
            await client
            for topic in (PROGRESS, LINES):
                client.subscribe_topic(topic, lambda event, topic=topic: self._hear(topic, event[1]))
                for _, message in await asyncio.wait_for(client.get_events(topic), _ANSWERING):
                    self._hear(topic, message)
            self.resources = await _resources(client)
        except Exception as error:  # OSError, TimeoutError, a certificate that does not fit
            _log.debug("no connection: %r", error)
            await _close(client)
            return None
        return client

    def _hear(self, topic: str, message: dict[str, Any]) -> None:
        if topic == PROGRESS:
            self._heard(message)
        elif message["replica"] != self._name:
            self._others[message["replica"]] = time.monotonic(), [tuple(one) for one in message["waiting"]]

    async def _look_after(self, client: Client) -> None:
        """Look what is there and say who waits here, as long as the scheduler answers."""
        looked, said, asked, told = time.monotonic(), 0.0, time.monotonic(), None
        while client.status == "running" and _listens(client):
            await asyncio.sleep(0.1)
            now, waiting = time.monotonic(), self._waiting()
            try:
                if now - looked > _LOOK_EVERY:
                    looked, self.resources = now, await _resources(client)
                if now - said > (_TELL_EVERY if waiting != told else _TELL_AGAIN):
                    said, told = now, waiting
                    message = {"replica": self._name, "waiting": waiting}
                    await asyncio.wait_for(client.log_event(LINES, message), _ANSWERING)
                if now - asked > _ASK_EVERY:
                    asked = now
                    await self._ask_again_for_what_is_lost(client)
            except Exception as error:
                _log.debug("no answer: %r", error)
                return

    async def _ask_again_for_what_is_lost(self, client: Client) -> None:
        """End the wait for what the scheduler, asked twice, does not know any more, or has long ended."""
        waited_for = [key for key, state in client.futures.items() if not state.done()]
        lost = await asyncio.wait_for(client.scheduler.ioi_unknown(client=client.id, keys=waited_for), _ANSWERING)
        for key in self._unknown.intersection(lost):
            if (state := client.futures.get(key)) is not None and not state.done():
                _log.warning("%s was lost at the scheduler and is asked for again", key[:60])
                state.cancel()
        self._unknown = frozenset(lost)


async def _awaited(future: "Future[Any]") -> Any:
    return await future


def _listens(client: Client) -> bool:
    """Return whether the client still hears what becomes of its futures; Dask's does not say when that has ended."""
    listening = client._handle_report_task
    return listening is not None and not listening.done()


async def _resources(client: Client) -> frozenset[str]:
    """Return the names of the resources that running workers offer."""
    there = await asyncio.wait_for(client.scheduler.identity(n_workers=-1), _ANSWERING)
    running = [worker for worker in there["workers"].values() if worker.get("status") == "running"]
    return frozenset(name for worker in running for name in worker["resources"])


def _quiet_dask() -> None:
    """Have Dask's client say nothing of connections that are lost, in many lines each time: this file does, in one."""
    for name in tuple(logging.root.manager.loggerDict):
        if name.split(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


async def _close(client: Client) -> None:
    stream = client.scheduler_comm and client.scheduler_comm.comm
    with suppress(Exception):
        await asyncio.wait_for(client._close(fast=True), _ANSWERING)
    if stream is not None:
        stream.abort()  # where closing took too long: what is left of it would have the scheduler compute for nobody
