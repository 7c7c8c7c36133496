"""Memory in front of the disk: results in memory are served from there, those read from disk are put into memory.

A thread of its own opens the disk and writes to it, in the order in which results were put, so nobody waits for a
write: until then a result is served from memory or from the writer's queue. Only a reader whose result is in neither
waits for the disk, and for its opening two seconds at most.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError

from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore

_OPENING = 2.0  # seconds that readers wait, counted from the start, for the disk to be opened
_MAX_PENDING = 64  # results waiting to be written

_log = logging.getLogger(__name__)


class TieredStore:
    """A memory store in front of a disk store that `open_disk` opens."""

    def __init__(self, memory: MemoryStore, open_disk: Callable[[], DiskStore], *, opening: float = _OPENING):
        self._memory = memory
        self._lock = threading.Lock()
        self._pending: dict[str, object] = {}
        self._writer = ThreadPoolExecutor(1, "disk cache")
        self._opening = self._writer.submit(open_disk)
        self._patient_until = time.monotonic() + opening

    @property
    def warning(self) -> str | None:
        """A sentence for visitors if something is wrong; None if all is well."""
        if self._opening.done() or time.monotonic() < self._patient_until:
            return disk.warning if (disk := self._disk()) else None
        return "Results are not kept on disk: it does not answer."

    def get(self, key: str) -> object | None:
        """Return the result kept under `key`, or None."""
        if (kept := self._memory.get(key)) is not None:
            return kept
        with self._lock:
            kept = self._pending.get(key)
        if kept is None and (disk := self._disk()) is not None and (kept := disk.get(key)) is not None:
            self._memory.put(key, kept)
        return kept

    def put(self, key: str, result: object) -> None:
        """Keep `result` in memory at once, and on disk when its turn comes."""
        self._memory.put(key, result)
        with self._lock:
            if len(self._pending) >= _MAX_PENDING:
                _log.warning("the disk is too slow: %s is kept in memory only", key)
                return
            self._pending[key] = result
        self._writer.submit(self._write, key, result)

    def __contains__(self, key: str) -> bool:
        """Return whether something is kept under `key`."""
        return self.place(key) is not None

    def place(self, key: str) -> str | None:
        """Return where `key` would be read from: "memory", "disk" or None."""
        if key in self._memory or key in self._pending:
            return "memory"
        disk = self._disk()
        return "disk" if disk is not None and key in disk else None

    def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""
        self._memory.delete(key)
        with self._lock:
            self._pending.pop(key, None)
        self._writer.submit(self._delete, key)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`."""
        with self._lock:
            waiting = [key for key in self._pending if key.startswith(prefix)]
        disk = self._disk()
        return list(dict.fromkeys([*self._memory.keys(prefix), *waiting, *(disk.keys(prefix) if disk else ())]))

    def flush(self, seconds: float | None = None) -> bool:
        """Wait until everything put so far has been written or given up, at most so long; return whether it has."""
        try:
            self._writer.submit(lambda: None).result(seconds)
        except TimeoutError:
            return False
        return True

    def _disk(self) -> DiskStore | None:
        """Return the disk, or None while it is not open."""
        try:
            return self._opening.result(max(0.0, self._patient_until - time.monotonic()))
        except NotYetError:
            return None

    def _write(self, key: str, result: object) -> None:
        with self._lock:
            if self._pending.get(key) is not result:  # deleted, or replaced by a later one
                return
        try:
            self._opening.result().put(key, result)
        except (TypeError, ValueError):
            _log.exception("%s is of a type that is never kept on disk", key)
        finally:
            with self._lock:
                if self._pending.get(key) is result:
                    del self._pending[key]

    def _delete(self, key: str) -> None:
        self._opening.result().delete(key)
