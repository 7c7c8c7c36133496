"""diskcache's index (`cache.db`): opened, or put aside and begun anew where it is damaged.

diskcache believes what stands in its database, so a damaged one may make it raise anything. What SQLite says about
the surroundings (full, read-only, locked, unreadable) leaves the index as it is; every other error is the index's own.
The values of an index that is put aside have lost their names, and are removed.
"""

import errno
import logging
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diskcache import Cache, Disk, Timeout
from diskcache.core import DBNAME, DEFAULT_SETTINGS, MODE_BINARY, MODE_RAW, UNKNOWN

from cache.store.folder import locked

_VALUE_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val", re.ASCII)
_ASIDE = f"{DBNAME}.damaged"
_SURROUNDINGS = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY,
}  # fmt: skip

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForeignKey:
    """A key in the index that is none of ours; only good for removing it."""

    key: object
    raw: bool


class PayloadDisk(Disk):  # type: ignore[misc]  # diskcache has no types
    """Keys are text, values are bytes, and nothing is ever pickled or unpickled, whatever the index asks for."""

    def __init__(self, directory: str, **options: Any):
        super().__init__(directory, **options)
        self.refused = 0  # values that were there but are none of ours
        self._written = threading.local()

    def put(self, key: object) -> tuple[object, bool]:
        """The key as it stands in the index."""
        if isinstance(key, ForeignKey):
            return key.key, key.raw
        if type(key) is not str:
            raise TypeError(f"a key is text, not a {type(key).__qualname__}")
        return key, True

    def get(self, key: object, raw: bool) -> object:
        """The key that stands in the index."""
        return key if raw and type(key) is str else ForeignKey(key, raw)

    def store(self, value: object, read: bool, key: object = UNKNOWN) -> object:
        """Write bytes, into a file if they are many."""
        if read or type(value) is not bytes:
            raise TypeError(f"a value is bytes, not a {type(value).__qualname__}")
        return super().store(value, False, key)

    def filename(self, key: object = UNKNOWN, value: object = UNKNOWN) -> tuple[str, str]:
        """A new name for a value's file, remembered until it stands in the index."""
        name, path = super().filename(key, value)
        self._written.name = name
        return name, path

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Remove the file that this thread writes meanwhile if an exception keeps it out of the index."""
        self._written.name = None
        try:
            yield
        except BaseException:
            self.remove(self._written.name)
            raise

    def fetch(self, mode: int, filename: object, value: object, read: bool) -> bytes:
        """The bytes of a value.

        Raises:
            OSError: it is a pickle or else none of ours, or its file is gone: `Cache.get` then finds nothing.
        """
        in_index = mode == MODE_RAW and type(value) is bytes
        in_file = mode == MODE_BINARY and _is_value_name(filename)
        if read or not (in_index or in_file):
            self.refused += 1
            _log.warning("a value that is not ours was found in the disk cache, and not read (mode %r)", mode)
            raise OSError(errno.EINVAL, "no value of ours")
        payload: bytes = super().fetch(mode, filename, value, False)
        return payload

    def remove(self, file_path: object) -> None:
        """Remove a value's file; never any other file that a damaged index may name."""
        if _is_value_name(file_path):
            super().remove(file_path)


def _is_value_name(name: object) -> bool:
    return isinstance(name, str) and _VALUE_NAME.fullmatch(name) is not None


def is_damage(error: Exception) -> bool:
    """Whether `error` says that the index is damaged, rather than that it cannot be reached or written now."""
    if isinstance(error, sqlite3.ProgrammingError):  # a mistake in using SQLite, whatever the index holds
        return False
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _SURROUNDINGS
    return not isinstance(error, OSError | Timeout | MemoryError)


def inode(results: Path) -> int | None:
    """Which file the index is now; None if there is none to be seen."""
    try:
        return (results / DBNAME).stat().st_ino
    except OSError:
        return None


def open_index(results: Path, max_bytes: int, timeout: float) -> tuple[Cache, bool]:
    """The cache in `results`, and whether a damaged index had to be put aside for it.

    Raises:
        OSError, sqlite3.Error, diskcache.Timeout: the folder or the index cannot be used now.
    """
    found = inode(results)
    try:
        if _is_emptied(results):
            raise sqlite3.DatabaseError("the index is empty, and another process has it open")
        return _open(results, max_bytes, timeout), False
    except Exception as error:
        if not is_damage(error):
            raise
        put_aside(results, found, error)
        return _open(results, max_bytes, timeout), True


def _is_emptied(results: Path) -> bool:
    """Whether the index was cut to nothing under a process that has it open: SQLite would wait for that to end."""
    index = results / DBNAME
    return (results / f"{DBNAME}-shm").exists() and index.exists() and index.stat().st_size == 0


def _open(results: Path, max_bytes: int, timeout: float) -> Cache:
    # Every setting is given: else the database's own word, right or wrong, would be taken. No memory mapping: a file
    # that another process cuts short would end this one by a signal.
    settings = DEFAULT_SETTINGS | {"size_limit": max_bytes, "sqlite_mmap_size": 0}
    cache = Cache(str(results), timeout=timeout, disk=PayloadDisk, **settings)
    _settle_times(results, timeout)
    return cache


def _settle_times(results: Path, timeout: float) -> None:
    """Date entries from the future to now: after a clock went back they would outlast all newer ones."""
    now = time.time()
    with closing(sqlite3.connect(results / DBNAME, timeout=timeout)) as database, database:
        if database.execute("SELECT 1 FROM Cache WHERE store_time > ? LIMIT 1", (now,)).fetchone():
            database.execute("UPDATE Cache SET store_time = ? WHERE store_time > ?", (now, now))


def put_aside(results: Path, damaged: int | None, error: Exception) -> None:
    """Rename the index that is file `damaged`, and remove the values that nothing names any more.

    Does nothing if the index is another file by now: then another process has begun it anew.
    """
    with locked(results):
        if damaged is None or inode(results) != damaged:
            return
        _log.error("the disk cache's index is damaged and was put aside as %s: %r", results / _ASIDE, error)
        for ending in ("-shm", "-wal", ""):  # the index last: until then it is still the damaged one
            path = results / (DBNAME + ending)
            if path.exists():
                path.replace(results / (_ASIDE + ending))
        for folder in results.iterdir():
            if folder.is_dir() and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def remove_aside(results: Path) -> int:
    """Remove what was put aside; how many bytes that were."""
    size = 0
    for path in results.glob(f"{_ASIDE}*"):
        size += path.stat().st_size
        path.unlink()
    return size
