"""Who waits for a class to change, in one process: an event for each class, looked after by one task.

Reading and writing happen in one thread of their own, so that the event loop, which serves Streamlit too, never waits
for the disk. Changes by this process wake its waiters at once, counts of answers and other processes' changes within
`TICK` seconds.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from app.classroom.store import ClassStore, Snapshot
from app.hosting.doors.descriptors import phones
from app.hosting.services import settings

TICK = 0.3
POLL_SECONDS = 20.0
_SECONDS_BETWEEN_FORGETTING = 300.0
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Room:
    """A class that somebody waits for."""

    def __init__(self, snapshot: Snapshot):
        self.snapshot = snapshot
        self.waiting = 0
        self.moved, self.counted = asyncio.Event(), asyncio.Event()

    def update(self, snapshot: Snapshot) -> None:
        """Wake whoever waits for what has changed."""
        before, self.snapshot = self.snapshot, snapshot
        if snapshot == before:
            return
        self.counted, woken = asyncio.Event(), self.counted
        woken.set()
        if snapshot.version != before.version:
            self.moved, woken = asyncio.Event(), self.moved
            woken.set()


class Rooms:
    """The classes of this process.

    Args:
        store: makes the store; called in the thread that uses it, when it is first needed.
        most: how many may wait at once; whoever comes then is answered at once, and asks again.
    """

    def __init__(self, store: Callable[[], ClassStore], most: Callable[[], int] = phones):
        self._store, self._most = store, most
        self._thread = ThreadPoolExecutor(1, "classes")
        self._rooms: dict[str, Room] = {}
        self._written, self._waiting = False, 0

    async def call(self, work: Callable[[ClassStore], T]) -> T:
        """Return what `work` returns, done in the thread of the store."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._store()))

    async def write(self, work: Callable[[ClassStore], T]) -> T:
        """As `call`; whoever waits for a count of answers hears of it at the next tick."""
        result = await self.call(work)
        self._written = True
        return result

    async def moved(self, key: str) -> None:
        """Wake whoever waits for the phase of a class, now."""
        await self._refresh(key)

    async def wait(self, key: str, known: Snapshot, *, counts: bool, seconds: float = POLL_SECONDS) -> bool:
        """Return once a class has changed from what is `known`, or `seconds` have passed; whether it could be waited.

        Args:
            known: read just now, with nothing awaited since: else it could be older than what the room has.
            counts: wait for the number of answers too, not for phases alone.
        """
        if self._waiting >= self._most():
            return False
        room = self._rooms.setdefault(key, Room(known))
        room.update(known)
        self._waiting, room.waiting = self._waiting + 1, room.waiting + 1
        try:
            event = room.counted if counts else room.moved
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
        finally:
            self._waiting, room.waiting = self._waiting - 1, room.waiting - 1
            if not room.waiting and self._rooms.get(key) is room:
                del self._rooms[key]
        return True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look after waiters and old classes, as long as the server runs."""
        _serving.append(self)
        tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._forget())]
        try:
            yield
        finally:
            _serving.remove(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tick(self) -> None:
        changes = -1
        while True:
            await asyncio.sleep(TICK)
            if not self._rooms:
                continue
            try:
                now = await self.call(lambda store: store.changes())
                if self._written or now != changes:
                    self._written, changes = False, now
                    for key in list(self._rooms):
                        await self._refresh(key)
            except Exception as error:  # the next tick may do better
                _log.warning("classes cannot be read: %s", type(error).__name__)

    async def _refresh(self, key: str) -> None:
        if key not in self._rooms:
            return
        snapshot = await self.call(lambda store: store.snapshot(key))
        if (room := self._rooms.get(key)) and snapshot:
            room.update(snapshot)

    async def _forget(self) -> None:
        while True:
            try:
                await self.call(lambda store: store.forget())
            except Exception as error:
                _log.warning("old classes cannot be removed: %s", type(error).__name__)
            await asyncio.sleep(_SECONDS_BETWEEN_FORGETTING)


_opening = threading.Lock()
_opened: list[ClassStore] = []
_serving: list[Rooms] = []


def are_served() -> bool:
    """Return whether this process answers to phones: it does not if Streamlit runs the pages alone."""
    return bool(_serving)


def shared_store() -> ClassStore:
    """Return the store of this process: on disk, in memory alone where nothing can be kept there."""
    with _opening:
        if not _opened:
            _opened.append(_open())
        return _opened[0]


def _open() -> ClassStore:
    limits = settings()
    folder = limits.cache_folder if limits.cache_megabytes else None
    try:
        return ClassStore(folder, limits.class_hours, limits.class_place)
    except (OSError, sqlite3.Error) as error:
        _log.warning("classes live in memory alone, for %s cannot be used: %s", folder, error)
        return ClassStore(None, limits.class_hours, limits.class_place)
