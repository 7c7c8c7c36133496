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

from distributed import Client

from cache.cluster.address import Cluster, configure_dask
from cache.cluster.task import LINES, PROGRESS

_CONNECTING = 3.0  # seconds
_TRY_AGAIN = 0.5
_LOOK_EVERY = 1.0
_ANSWERING = 4.0
_TELL_EVERY = 0.5  # seconds between messages to other replicas
_TELL_AGAIN = 2.0  # seconds after which an unchanged message is sent again
_FORGET_AFTER = 6.0  # seconds after which a replica that says nothing is taken to be gone

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

    async def ready(self) -> Client:
        """Return the client, once the scheduler is there."""
        while (client := self.client) is None:
            await self._there.wait()
        return client

    def others(self) -> list[Waiting]:
        """Return the places that wait at other replicas."""
        now = time.monotonic()
        return [one for heard, waiting in self._others.values() if now - heard < _FORGET_AFTER for one in waiting]

    async def keep(self) -> None:
        """Connect, and connect again, for good."""
        configure_dask()
        _quiet_dask()
        was_there = True
        while True:
            client = await self._connected()
            if client is None:
                if was_there:
                    _log.warning("the scheduler at %s does not answer", self._cluster.address)
                was_there = False
                await asyncio.sleep(_TRY_AGAIN)
                continue
            _log.info("connected to the scheduler at %s", self._cluster.address)
            was_there, self.client = True, client
            self._there.set()
            try:
                await self._look_after(client)
            finally:
                self.client, self.resources = None, frozenset()
                self._there.clear()
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
                for _, message in await client.get_events(topic):
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
        looked, said, told = time.monotonic(), 0.0, None
        while client.status == "running":
            await asyncio.sleep(0.1)
            now, waiting = time.monotonic(), self._waiting()
            try:
                if now - looked > _LOOK_EVERY:
                    looked, self.resources = now, await _resources(client)
                if now - said > (_TELL_EVERY if waiting != told else _TELL_AGAIN):
                    said, told = now, waiting
                    message = {"replica": self._name, "waiting": waiting}
                    await asyncio.wait_for(client.log_event(LINES, message), _ANSWERING)
            except Exception as error:
                _log.debug("no answer: %r", error)
                return


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
    with suppress(Exception):
        await asyncio.wait_for(client._close(fast=True), _ANSWERING)
