"""Maintenance of the disk cache: its statistics, emptying it, checking and repairing it.

Checking: SQLite checks the index, then every payload is decoded, then diskcache's `check` compares the files with the
index. Damaged payloads and files that the index does not name are removed, a damaged index is put aside and a new one
begun; whatever is lost is computed again on request. All of it may run beside an app that uses the same folder; a
result that is being written at that very moment may be lost.
"""

import sqlite3
import warnings
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from diskcache import Cache, EmptyDirWarning, UnknownFileWarning
from diskcache.core import DBNAME

from cache.store.codec import DamagedPayloadError, decode
from cache.store.folder import prepare
from cache.store.index import inode, is_damage, open_index, put_aside, remove_aside

_TIMEOUT = 60.0  # seconds to wait for an app that writes


@dataclass(frozen=True)
class Kept:
    """Counts of what is kept of one analysis: finished results, parts of unfinished ones, and the bytes of both."""

    results: int
    parts: int
    n_bytes: int


@dataclass(frozen=True)
class Findings:
    """The findings of a check.

    Attributes:
        sound: the number of results that are as they were written.
        damaged: the number of payloads that were not, and were removed.
        leftovers: the number of files that the index did not name, and were removed.
        index_damaged: true if the index was put aside, and all results with it.
        unrepaired: diskcache's messages on what is still wrong.
    """

    sound: int
    damaged: int
    leftovers: int
    index_damaged: bool
    unrepaired: tuple[str, ...]


def statistics(folder: Path) -> Mapping[str, Kept]:
    """Return analysis -> what is kept of it.

    Raises:
        OSError, sqlite3.Error: the folder or its index cannot be read.
    """
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    index = prepare(folder) / DBNAME
    if not index.exists():
        return {}
    # diskcache has no call for this; its version, and so this table, is pinned.
    query = "SELECT CAST(key AS TEXT), CASE WHEN filename IS NULL THEN length(value) ELSE size END FROM Cache"
    with closing(sqlite3.connect(f"{index.as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT)) as database:
        for key, n_bytes in database.execute(query):
            analysis, *rest = key.split(":")
            counts[analysis][1 if len(rest) > 1 else 0] += 1
            counts[analysis][2] += n_bytes or 0
    return {analysis: Kept(*counts[analysis]) for analysis in sorted(counts)}


def clear(folder: Path, max_bytes: int) -> tuple[int, int]:
    """Forget everything; return how many entries and bytes there were."""
    results = prepare(folder)
    cache, _ = open_index(results, max_bytes, _TIMEOUT)
    before = cache.volume() + remove_aside(results)
    count = cache.clear(retry=True)
    _tidy(cache)
    return count, max(0, before - cache.volume())


def verify(folder: Path, max_bytes: int) -> Findings:
    """Check everything and repair what is damaged.

    Raises:
        OSError, sqlite3.Error, diskcache.Timeout: the folder cannot be used.
    """
    results = prepare(folder)
    cache, index_damaged = open_index(results, max_bytes, _TIMEOUT)
    try:
        _raise_if_unsound(results)
        sound, damaged = _check_payloads(cache)
        leftovers = _tidy(cache)
    except Exception as error:  # a damaged index can make diskcache raise anything
        if not is_damage(error):
            raise
        put_aside(results, inode(results), error)
        cache, _ = open_index(results, max_bytes, _TIMEOUT)
        index_damaged, sound, damaged, leftovers = True, 0, 0, _tidy(cache)
    unrepaired = tuple(str(left.message) for left in cache.check(retry=True) if not _is_leftover(left))
    return Findings(sound, damaged, leftovers, index_damaged, unrepaired)


def _raise_if_unsound(results: Path) -> None:
    with closing(sqlite3.connect(results / DBNAME, timeout=_TIMEOUT)) as database:
        [(verdict,), *_] = database.execute("PRAGMA integrity_check").fetchall()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _check_payloads(cache: Cache) -> tuple[int, int]:
    """Remove damaged payloads; return the numbers of sound and of damaged ones."""
    sound = damaged = 0
    for key in list(cache):
        if _is_sound(cache, key):
            sound += 1
        elif cache.delete(key, retry=True):  # else an app has dropped it meanwhile
            damaged += 1
    return sound, damaged


def _is_sound(cache: Cache, key: object) -> bool:
    payload = cache.get(key)
    if payload is None or not isinstance(key, str):
        return False
    try:
        decode(key, payload)
    except DamagedPayloadError:
        return False
    return True


def _tidy(cache: Cache) -> int:
    """Make files and index agree; return how many files the index did not name."""
    for _ in range(3):
        try:
            problems = cache.check(fix=True, retry=True)
        except FileNotFoundError:  # an app removed a file at the same moment
            continue
        return sum(issubclass(warning.category, UnknownFileWarning) for warning in problems)
    return 0


def _is_leftover(warning: warnings.WarningMessage) -> bool:
    """Return whether this may be a file or folder that an app is just writing or removing."""
    return issubclass(warning.category, UnknownFileWarning | EmptyDirWarning)
