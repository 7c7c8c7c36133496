"""diskcache's index (`cache.db`): opened, or put aside and replaced by a new one where it is damaged.

diskcache trusts its database, so a damaged one may make it raise anything. Where SQLite complains of the surroundings
(full, read-only, locked, unreadable), the index stays as it is; every other error is taken for damage. The values of an
index that is put aside can no longer be looked up, and are removed.
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
    """A key in the index that is none of ours, and can only be removed."""

    key: object
    raw: bool


class PayloadDisk(Disk):  # type: ignore[misc]  # diskcache has no types
    """Keys are text, values are bytes, and nothing is ever pickled or unpickled, whatever the index asks for."""

    def __init__(self, directory: str, **options: Any):
        super().__init__(directory, **options)
        self.refused = 0  # values that were there but are none of ours
        self._written = threading.local()

    def put(self, key: object) -> tuple[object, bool]:
        """Return a key as the index holds it."""
        if isinstance(key, ForeignKey):
            return key.key, key.raw
        if type(key) is not str:
            raise TypeError(f"a key is text, not a {type(key).__qualname__}")
        return key, True

    def get(self, key: object, raw: bool) -> object:
        """Return the key that the index holds."""
        return key if raw and type(key) is str else ForeignKey(key, raw)

    def store(self, value: object, read: bool, key: object = UNKNOWN) -> object:
        """Write bytes: many of them into a file, few into the index."""
        if read or type(value) is not bytes:
            raise TypeError(f"a value is bytes, not a {type(value).__qualname__}")
        return super().store(value, False, key)

    def filename(self, key: object = UNKNOWN, value: object = UNKNOWN) -> tuple[str, str]:
        """Return a new name for a value's file, and remember it until the index holds it."""
        name, path = super().filename(key, value)
        self._written.name = name
        return name, path

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Remove the file that this thread writes inside, if an exception keeps it out of the index."""
        self._written.name = None
        try:
            yield
        except BaseException:
            self.remove(self._written.name)
            raise

    def fetch(self, mode: int, filename: object, value: object, read: bool) -> bytes:
        """Return the bytes of a value.

        Raises:
            OSError: it is a pickle or otherwise none of ours, or its file is gone; `Cache.get` then returns None.
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
    """Return whether `error` means that the index is damaged, and not just out of reach or read-only."""
    if isinstance(error, sqlite3.ProgrammingError):  # SQLite was used wrongly, whatever the index holds
        return False
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF not in _SURROUNDINGS
    return not isinstance(error, OSError | Timeout | MemoryError)


def inode(results: Path) -> int | None:
    """Return the inode of the index, or None if there is none: another one means another file."""
    try:
        return (results / DBNAME).stat().st_ino
    except OSError:
        return None


def open_index(results: Path, max_bytes: int, timeout: float) -> tuple[Cache, bool]:
    """Return the cache in `results`, and whether a damaged index had to be put aside for it.

    Raises:
        OSError, sqlite3.Error, diskcache.Timeout: the folder or the index cannot be used now.
    """
    before = inode(results)
    try:
        if _is_emptied(results):
            raise sqlite3.DatabaseError("the index is empty, and another process has it open")
        return _open(results, max_bytes, timeout), False
    except Exception as error:
        if not is_damage(error):
            raise
        put_aside(results, before, error)
        return _open(results, max_bytes, timeout), True


def _is_emptied(results: Path) -> bool:
    """Return whether the index was emptied while a process has it open: SQLite would wait for that to end."""
    index = results / DBNAME
    return (results / f"{DBNAME}-shm").exists() and index.exists() and index.stat().st_size == 0


def _open(results: Path, max_bytes: int, timeout: float) -> Cache:
    # Every setting is given: else the database's own values, right or wrong, would be used. No memory mapping: if
    # another process truncated the file, a signal would end this one.
    settings = DEFAULT_SETTINGS | {"size_limit": max_bytes, "sqlite_mmap_size": 0}
    cache = Cache(str(results), timeout=timeout, disk=PayloadDisk, **settings)
    _settle_times(results, timeout)
    return cache


def _settle_times(results: Path, timeout: float) -> None:
    """Date entries from the future to now: after a clock went back they would outlive all newer ones."""
    now = time.time()
    with closing(sqlite3.connect(results / DBNAME, timeout=timeout)) as database, database:
        if database.execute("SELECT 1 FROM Cache WHERE store_time > ? LIMIT 1", (now,)).fetchone():
            database.execute("UPDATE Cache SET store_time = ? WHERE store_time > ?", (now, now))


def put_aside(results: Path, damaged: int | None, error: Exception) -> None:
    """Rename the index whose inode is `damaged`, and remove the values that only it could name.

    Do nothing if the index is another file by now: then another process has begun a new one.
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
    """Remove what was put aside; return its number of bytes."""
    size = 0
    for path in results.glob(f"{_ASIDE}*"):
        size += path.stat().st_size
        path.unlink()
    return size
