"""What the tests of the disk cache share: results that tell their key, a filled folder, and what must always hold."""

import gc
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np

from cache.store.disk import DiskStore
from cache.store.maintenance import verify
from cache.store.tiers import TieredStore
from ioi_core import Result

MEGABYTE = 2**20
KEYS = {str(number): 20_000 if number % 2 else 4 for number in range(8)}  # key -> numbers in it: in files, in the index


def result(number: float, size: int = 4) -> Result:
    axes = {"x": tuple(map(str, range(size)))}
    return Result(values=np.full(size, float(number)), axes=axes, metric="m", unit="u", n_prompts=1)


def opened(folder: Path, **options) -> DiskStore:
    return DiskStore(folder, options.pop("max_bytes", 100 * MEGABYTE), **options)


def value_of(found: object) -> float:
    assert isinstance(found, Result)
    return float(found.values[0])


def fill(folder: Path) -> Path:
    """Put eight results into a folder, all of it in its main files."""
    store = opened(folder)
    for key, size in KEYS.items():
        store.put(key, result(int(key), size))
    with closing(sqlite3.connect(index(folder))) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    del store
    gc.collect()  # closes the index: a connection is part of a cycle
    return folder


def index(folder: Path) -> Path:
    return folder / "results" / "cache.db"


def value_files(folder: Path) -> list[Path]:
    return sorted((folder / "results").rglob("*.val"))


def right_or_nothing(store: DiskStore | TieredStore) -> int:
    """How many results are found; each must be what was put under its key."""
    found = {key: kept for key in KEYS if (kept := store.get(key)) is not None}
    for key, kept in found.items():
        np.testing.assert_array_equal(kept.values, result(int(key), KEYS[key]).values)
        assert kept.values.shape == (KEYS[key],)
    return len(found)


def assert_works_again(folder: Path) -> None:
    """After `verify` nothing is damaged, no warning is left, and everything can be kept again."""
    again = verify(folder, 100 * MEGABYTE)
    assert (again.damaged, again.leftovers, again.index_damaged, again.unrepaired) == (0, 0, False, ()), again
    store = opened(folder)
    for key, size in KEYS.items():
        store.put(key, result(int(key), size))
    assert store.warning is None
    assert right_or_nothing(opened(folder)) == len(KEYS)


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)
