"""The finished parts of one long analysis, kept so that an interrupted run can go on from them."""

from collections.abc import Iterator, MutableMapping

import numpy as np

from cache.store.memory import Store


class Parts(MutableMapping[str, np.ndarray]):
    """Part name -> read-only array, over the store under the key of the whole result.

    The store may forget a part; this view keeps each one that was put or read here for as long as it lives.
    """

    def __init__(self, store: Store, key: str):
        self._store = store
        self._prefix = f"{key}:"
        self._held: dict[str, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._held:
            part = self._store.get(self._prefix + name)
            if not isinstance(part, np.ndarray):
                raise KeyError(name)
            self._held[name] = part
        return self._held[name]

    def __setitem__(self, name: str, part: np.ndarray) -> None:
        kept = np.array(part)  # a copy: it is written later, and the analysis may go on with its own
        kept.setflags(write=False)
        self._held[name] = kept
        self._store.put(self._prefix + name, kept)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._held.pop(name, None)
        self._store.delete(self._prefix + name)

    def __iter__(self) -> Iterator[str]:
        kept = (key.removeprefix(self._prefix) for key in self._store.keys(self._prefix))
        return iter(list(dict.fromkeys([*self._held, *kept])))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Forget all parts, damaged ones too."""
        for name in self:
            self._store.delete(self._prefix + name)
        self._held.clear()
