"""The finished parts of long analyses, on a shelf at the scheduler: a run that goes on on another worker finds them.

Parts travel as encoded payloads, which hold their own checksum. The shelf forgets the oldest analyses beyond a limit of
bytes, and everything when the scheduler ends; a worker's own store, where it has a folder, holds its own parts as well.
"""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cache.store.codec import DamagedPayloadError, decode, encode
from cache.store.memory import Store

if TYPE_CHECKING:
    from distributed import Scheduler, Worker

SHELF_BYTES = 512 * 2**20

_log = logging.getLogger(__name__)


class Shelf:
    """The shelf: key of a result -> name of a part -> payload."""

    def __init__(self, max_bytes: int = SHELF_BYTES):
        self._max_bytes = max_bytes
        self._parts: dict[str, dict[str, bytes]] = {}

    def register(self, scheduler: "Scheduler") -> None:
        """Let workers of `scheduler` call `put`, `get` and `drop`."""
        handlers: dict[str, Callable[..., object]] = {"put": self.put, "get": self.get, "drop": self.drop}
        scheduler.handlers.update({f"ioi_{name}_parts": call for name, call in handlers.items()})

    def put(self, key: str, name: str, payload: bytes) -> None:
        """Keep a part, and forget the analyses that were put longest ago beyond the limit."""
        parts = self._parts.pop(key, {})
        self._parts[key] = parts | {name: payload}
        while self._parts and self._bytes() > self._max_bytes:
            del self._parts[next(iter(self._parts))]

    def get(self, key: str) -> Mapping[str, bytes]:
        """Return the parts of a result that are kept."""
        return self._parts.get(key, {})

    def drop(self, key: str) -> None:
        """Forget the parts of a result."""
        self._parts.pop(key, None)

    def _bytes(self) -> int:
        return sum(len(payload) for parts in self._parts.values() for payload in parts.values())


class ShelvedStore:
    """A worker's store for the parts of one result, with the scheduler's shelf behind it."""

    def __init__(self, store: Store, key: str, worker: "Worker"):
        self._store, self._key, self._worker = store, key, worker
        self._fetched: dict[str, bytes] | None = None

    @property
    def warning(self) -> str | None:
        """Return what the store says."""
        return self._store.warning

    def get(self, key: str) -> object | None:
        """Return a part from this worker's own store, else from the shelf."""
        if (kept := self._store.get(key)) is not None or (payload := self._on_shelf().get(key)) is None:
            return kept
        try:
            return decode(key, payload)
        except DamagedPayloadError as error:
            _log.warning("a part from the scheduler is damaged and computed again: %s", error)
            return None

    def put(self, key: str, result: object) -> None:
        """Keep a part in both."""
        self._store.put(key, result)
        self._call("ioi_put_parts", name=key, payload=encode(key, result))

    def __contains__(self, key: str) -> bool:
        """Return whether a part is kept."""
        return key in self._store or key in self._on_shelf()

    def place(self, key: str) -> str | None:
        """Return where a part would be read from."""
        return self._store.place(key) or ("shelf" if key in self._on_shelf() else None)

    def delete(self, key: str) -> None:
        """Forget a part here; the shelf forgets all at once (`drop`)."""
        self._store.delete(key)
        self._on_shelf().pop(key, None)

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of kept parts."""
        shelved = [key for key in self._on_shelf() if key.startswith(prefix)]
        return list(dict.fromkeys([*self._store.keys(prefix), *shelved]))

    def drop(self) -> None:
        """Have the shelf forget all parts."""
        self._call("ioi_drop_parts")

    def _on_shelf(self) -> dict[str, bytes]:
        if self._fetched is None:
            self._fetched = dict(self._call("ioi_get_parts") or {})
        return self._fetched

    def _call(self, operation: str, **more: object) -> Any:
        """Ask the scheduler, from the thread that computes; None where it does not answer: parts only save time."""
        from distributed.utils import sync

        try:
            return sync(
                self._worker.loop,
                getattr(self._worker.scheduler, operation),
                key=self._key,
                callback_timeout=10,
                **more,
            )
        except Exception as error:
            _log.warning("the shelf of parts does not answer (%s): %r", operation, error)
            return None
