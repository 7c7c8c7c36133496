"""The `Store` protocol for finished results, and the store that keeps them in memory."""

import sys
import threading
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from operator import itemgetter
from typing import Protocol

import numpy as np
from cachetools import LRUCache


class Store(Protocol):
    """Results by key. Safe to call from many threads; may forget a result at any time.

    `in` and `place` are cheap and promise nothing: a result on disk is not read, and may still turn out to be damaged.
    """

    @property
    def warning(self) -> str | None:
        """A sentence for visitors if something is wrong; None if all is well."""

    def get(self, key: str) -> object | None:
        """Return the result kept under `key`, or None."""

    def put(self, key: str, result: object) -> None:
        """Keep `result` under `key` if there is room."""

    def __contains__(self, key: str) -> bool:
        """Return whether something is kept under `key`."""

    def place(self, key: str) -> str | None:
        """Return where `key` would be read from now: "memory", "disk" or None."""

    def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`."""


class MemoryStore:
    """Keep the most recently used results, up to `max_bytes` together."""

    warning = None

    def __init__(self, max_bytes: int):
        self._lock = threading.Lock()
        self._results: LRUCache[str, tuple[object, int]] = LRUCache(max_bytes, getsizeof=itemgetter(1))

    def get(self, key: str) -> object | None:
        """Return the result kept under `key`, or None."""
        with self._lock:
            kept, _ = self._results.get(key, (None, 0))
            return kept

    def put(self, key: str, result: object) -> None:
        """Keep `result`, dropping the least recently used ones for it; a result larger than `max_bytes` is not kept."""
        size = size_of(result)
        with self._lock:
            self._results.pop(key, None)
            if size <= self._results.maxsize:
                self._results[key] = result, size

    def __contains__(self, key: str) -> bool:
        """Return whether something is kept under `key`; this does not count as a use."""
        with self._lock:
            return key in self._results

    def place(self, key: str) -> str | None:
        """Return "memory" if something is kept under `key`, else None."""
        return "memory" if key in self else None

    def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""
        with self._lock:
            self._results.pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys that begin with `prefix`."""
        with self._lock:
            return [key for key in self._results if key.startswith(prefix)]


def size_of(value: object) -> int:
    """Return the bytes that `value` keeps alive, with its arrays and containers (shared ones counted each time)."""
    if isinstance(value, np.ndarray):
        return sys.getsizeof(value) if value.base is None else value.nbytes
    parts: list[object] = []
    if is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, field.name) for field in fields(value)]
    elif isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
    return sys.getsizeof(value) + sum(size_of(part) for part in parts)
