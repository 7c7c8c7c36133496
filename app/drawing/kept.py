"""Figures that are drawn once for all visitors: building one with Plotly takes far longer than anything else of a page.

A chart depends on its arguments alone, so the figure is kept under a digest of them all, arrays included. The digest
is made with pickle, which is only ever written here, never read. Equal arguments may, in rare cases, have two digests;
then the figure is drawn twice. A kept figure is shared: copy it before you change it.
"""

import hashlib
import pickle
import threading
from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any, ParamSpec

import plotly.graph_objects as go
from cachetools import LRUCache, cached

KEPT = 200
"""Figures that are kept, those used last; 0.1 to 0.2 MB each."""

_P = ParamSpec("_P")

_lock = threading.Lock()
_figures: LRUCache[bytes, go.Figure] = LRUCache(KEPT)


class _Kept(go.Figure):  # type: ignore[misc]  # Plotly has no types
    """A figure that is written out once: Streamlit asks for its dictionary each time that it is shown."""

    def to_dict(self) -> dict[str, Any]:
        return dict(self._written)

    @cached_property
    def _written(self) -> dict[str, Any]:
        return super().to_dict()


def drawn_once(chart: Callable[_P, go.Figure]) -> Callable[_P, go.Figure]:
    """Make `chart` return one figure for equal arguments."""
    name = f"{chart.__module__}.{chart.__qualname__}"

    def digest(*args: _P.args, **kwargs: _P.kwargs) -> bytes:
        return hashlib.sha256(pickle.dumps((name, args, sorted(kwargs.items())), protocol=5)).digest()

    @wraps(chart)
    def drawn(*args: _P.args, **kwargs: _P.kwargs) -> go.Figure:
        return _Kept(chart(*args, **kwargs))

    return cached(_figures, key=digest, lock=_lock)(drawn)
