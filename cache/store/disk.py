"""Results on disk, through diskcache: what cannot be read is computed again, what cannot be written is not kept.

Reading: the index names a payload, the payload's checksum is compared with its key, and only then it is decoded.
Nothing here ever raises: a damaged payload is a miss until it is written again; a damaged index is put aside and a new
one begun at once; a folder that cannot be used (full, read-only, gone, not ours alone) is tried again every half
minute. `warning` tells visitors in one sentence what happened; the log has the details.
"""

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from diskcache import Cache

from cache.store.codec import DamagedPayloadError, decode, encode
from cache.store.folder import FolderError, prepare
from cache.store.index import inode, is_damage, open_index, put_aside

TRY_AGAIN = 30.0
"""Seconds after which a folder that could not be used is tried again."""

_TIMEOUT = 5.0  # seconds to wait for another process that writes
_DAMAGED = "Some results kept on disk were damaged: they are not used but computed again."

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class DiskStore:
    """Keep results in `folder`, up to about `max_bytes` together; those stored longest ago make room."""

    def __init__(self, folder: Path | None, max_bytes: int, *, timeout: float = _TIMEOUT, try_again: float = TRY_AGAIN):
        self.folder = folder
        self.max_bytes = max_bytes
        self._timeout, self._try_again = timeout, try_again
        self._lock = threading.RLock()
        self._cache: Cache | None = None
        self._inode: int | None = None
        self._unusable: str | None = None  # the reason why nothing is written now
        self._closed_until = 0.0
        self._damaged: set[str] = set()  # keys whose payload is known to be damaged
        self._was_damaged = False
        self._newest = time.time()
        self._open()

    @property
    def warning(self) -> str | None:
        """A sentence for visitors, without paths, if something is wrong; None if all is well."""
        if self._unusable is not None:
            return f"Results are not kept on disk: {self._unusable}. They are computed again after a restart."
        refused = self._cache is not None and self._cache.disk.refused > 0
        return _DAMAGED if self._was_damaged or refused else None

    @property
    def usable(self) -> bool:
        """Return whether results that are put now are kept, as far as is known."""
        return self._unusable is None

    def get(self, key: str) -> object | None:
        """Return the result kept under `key`, or None."""
        payload = self._read(lambda cache: cache.get(key), None)
        try:
            return None if payload is None else decode(key, payload)
        except DamagedPayloadError as error:
            _log.warning("a damaged result was found on disk (%s) and is computed again: %s", key, error)
            self._damaged.add(key)
            self._was_damaged = True
            return None

    def __contains__(self, key: str) -> bool:
        """Return whether there is a payload under `key`; it is not read, so `get` may still find it damaged."""
        return key not in self._damaged and self._read(lambda cache: key in cache, False)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`."""
        return self._read(lambda cache: [key for key in cache if isinstance(key, str) and key.startswith(prefix)], [])

    def put(self, key: str, result: object) -> None:
        """Keep `result` under `key` if that can be done.

        Raises:
            TypeError, ValueError: the result is of a type that is never kept.
        """
        payload = encode(key, result)
        if len(payload) <= self.max_bytes and self._write(lambda cache: cache.set(key, payload)):
            self._damaged.discard(key)
            self._unusable = None

    def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""
        self._write(lambda cache: cache.delete(key))

    def _read(self, read: Callable[[Cache], _Answer], otherwise: _Answer) -> _Answer:
        """Return what `read` gets from the cache; `otherwise` where the cache cannot be read."""
        if (cache := self._cache) is not None:
            try:
                return read(cache)
            except Exception as error:  # a damaged index can make diskcache raise anything
                self._fault(cache, error, reading=True)
        return otherwise

    def _write(self, change: Callable[[Cache], object]) -> bool:
        """Make a change to the cache; return whether it was made."""
        cache = self._writable()
        if cache is None:
            return False
        try:
            with cache.disk.all_or_nothing():
                change(cache)
        except Exception as error:  # as in `_read`, and a full disk
            self._fault(cache, error)
            return False
        return True

    def _open(self, damage: Exception | None = None) -> None:
        """Open the cache, with a new index if the old one is damaged or has led to the error `damage`."""
        self._cache = None
        try:
            if self.folder is None:
                raise FolderError("no folder is set and there is no home folder: set IOI_CACHE_DIR")
            results = prepare(self.folder)
            if damage is not None:
                self._was_damaged = True
                put_aside(results, self._inode, damage)
            self._cache, damaged = open_index(results, self.max_bytes, self._timeout)
            self._inode = inode(results)
        except Exception as error:  # as in `_read`
            self._give_up(error)
        else:
            self._was_damaged |= damaged
            self._unusable = None

    def _writable(self) -> Cache | None:
        """Return the cache to write to, opened again if its index was taken away; None while it cannot be used.

        It is also opened again after the clock went back, since opening dates entries from the future to now: else
        what is written next would count as the oldest and be dropped first.
        """
        with self._lock:
            if self._unusable is not None and time.monotonic() < self._closed_until:
                return None
            cache, now = self._cache, time.time()
            if cache is None or now < self._newest or self._inode != inode(Path(cache.directory)):
                self._open()
            self._newest = now
            return self._cache

    def _fault(self, cache: Cache, error: Exception, *, reading: bool = False) -> None:
        """Put a damaged index aside and begin a new one; else leave the disk alone for a while."""
        with self._lock:
            if cache is not self._cache:  # another thread has dealt with it
                return
            if is_damage(error):
                self._open(error)
            else:
                self._give_up(error)
                self._cache = None if reading else cache  # a full disk can still be read

    def _give_up(self, error: Exception) -> None:
        if self._unusable is None:
            _log.warning("results are not kept on disk (%s): %r", self.folder, error)
        self._unusable = _reason(error)
        self._closed_until = time.monotonic() + self._try_again


def _reason(error: Exception) -> str:
    """Return why the folder cannot be used, without its name."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, FolderError):
        return "their folder is not set up for this app alone"
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the disk is full"
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM) or isinstance(error, PermissionError):
        return "their folder cannot be written to"
    return "their folder cannot be used now"
