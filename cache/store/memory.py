"""Where finished results are kept: the `Store` protocol, and the store that keeps them in memory."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Protocol

import numpy as np


class Store(Protocol):
    """Results by key. Safe to call from many threads; may forget a result at any time."""

    @property
    def warning(self) -> str | None:
        """What visitors should know about it, in a sentence; None if all is well."""

    def get(self, key: str) -> object | None:
        """The result kept under `key`, or None."""

    def put(self, key: str, result: object) -> None:
        """Keep `result` under `key`, as far as there is room."""

    def __contains__(self, key: str) -> bool:
        """Whether something is kept under `key`; cheap, and so no promise that it can still be read."""

    def place(self, key: str) -> str | None:
        """Where `key` would be read from now, "memory" or "disk", or None; as cheap, and as little of a promise."""

    def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with `prefix`."""


class MemoryStore:
    """Keeps the most recently used results, up to `max_bytes` together."""

    warning = None

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._results: OrderedDict[str, tuple[object, int]] = OrderedDict()  # least recently used first
        self._bytes = 0

    def get(self, key: str) -> object | None:
        """The result kept under `key`, or None."""
        with self._lock:
            if key not in self._results:
                return None
            self._results.move_to_end(key)
            return self._results[key][0]

    def put(self, key: str, result: object) -> None:
        """Keep `result`, dropping the least recently used ones to make room; one larger than all room is not kept."""
        size = size_of(result)
        with self._lock:
            _, old = self._results.pop(key, (None, 0))
            self._bytes -= old
            if size > self.max_bytes:
                return
            self._results[key] = result, size
            self._bytes += size
            while self._bytes > self.max_bytes:
                _, (_, dropped) = self._results.popitem(last=False)
                self._bytes -= dropped

    def __contains__(self, key: str) -> bool:
        """Whether something is kept under `key`; does not count as a use."""
        with self._lock:
            return key in self._results

    def place(self, key: str) -> str | None:
        """ "memory" if something is kept under `key`."""
        return "memory" if key in self else None

    def delete(self, key: str) -> None:
        """Forget what is kept under `key`."""
        with self._lock:
            _, size = self._results.pop(key, (None, 0))
            self._bytes -= size

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with `prefix`."""
        with self._lock:
            return [key for key in self._results if key.startswith(prefix)]

    @property
    def used_bytes(self) -> int:
        """Bytes of all kept results together."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._results)


def size_of(value: object) -> int:
    """Bytes that `value` keeps alive, arrays and containers followed (shared parts are counted each time)."""
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
