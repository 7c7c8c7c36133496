"""A limit on visitors at once: the next one waits on a friendly page, and is let in when a place is free.

A visitor is a browser: up to ten of its tabs share a place. A tab counts while Streamlit calls its session active, that
is while it is connected: a closed tab gives its place back, a reload takes a new one. A tab in which nothing was done
for long gives its place to whoever waits for one. A waiting session asks every two seconds, and keeps its turn only
while it does: a tab that sleeps in the background holds nobody up. A run without a browser needs no place.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.drawing.look import notice, style
from app.hosting.metrics import watch_gate
from app.hosting.services import settings
from app.hosting.visitors import visitor
from app.shell.title import headline

_ASK_EVERY = 2.0
_TABS = 10  # of one browser, that share a place
_ASLEEP_AFTER = 10.0  # seconds without asking after which a session loses its turn


@dataclass(frozen=True)
class Tab:
    """A session of a visitor, and when it ran or asked last."""

    visitor: str
    seen: float


class Gate:
    """`most` places, given in the order in which visitors came.

    Args:
        is_live: True while a session is connected.
        idle_after: seconds without a run of the page after which a session gives its place to one that waits.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        most: int,
        is_live: Callable[[str], bool],
        idle_after: float = 1800.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.most = most
        self._is_live = is_live
        self._idle_after = idle_after
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: dict[str, Tab] = {}  # by session
        self._waiting: dict[str, Tab] = {}  # in order of arrival

    def ahead(self, session: str, visitor: str) -> int | None:
        """Return None if `session` may come in, else how many visitors go before it."""
        with self._lock:
            if not self._is_live(session):
                return None
            now = self._clock()
            self._inside = self._seen(self._inside, now, math.inf)
            if session not in self._inside and not self._shares_a_place(visitor):
                self._waiting[session] = Tab(visitor, now)
                self._waiting = self._seen(self._waiting, now, _ASLEEP_AFTER)
                order = list(dict.fromkeys(tab.visitor for tab in self._waiting.values()))
                before = order.index(visitor)
                if self._taken() + before >= self.most:
                    self._inside = self._seen(self._inside, now, self._idle_after)
                if self._taken() + before >= self.most:
                    return before
            self._waiting.pop(session, None)
            self._inside[session] = Tab(visitor, now)
            return None

    @property
    def waiting(self) -> int:
        """The number of visitors who wait."""
        with self._lock:
            return len({tab.visitor for tab in self._seen(self._waiting, self._clock(), _ASLEEP_AFTER).values()})

    def _seen(self, tabs: Mapping[str, Tab], now: float, within: float) -> dict[str, Tab]:
        """Return the connected ones of some tabs that were seen within so many seconds."""
        return {session: tab for session, tab in tabs.items() if now - tab.seen <= within and self._is_live(session)}

    def _taken(self) -> int:
        """Return how many places are taken."""
        return sum(math.ceil(tabs / _TABS) for tabs in Counter(tab.visitor for tab in self._inside.values()).values())

    def _shares_a_place(self, visitor: str) -> bool:
        """Return whether one more tab of a visitor takes no place of its own."""
        return sum(tab.visitor == visitor for tab in self._inside.values()) % _TABS > 0


@st.cache_resource(show_spinner=False)
def gate() -> Gate:
    """Return the gate of this process."""
    limits = settings()
    made = Gate(
        limits.max_sessions, lambda session: runtime.get_instance().is_active_session(session), 60 * limits.idle_minutes
    )
    watch_gate(lambda: made.waiting)
    return made


def let_in() -> bool:
    """Return True if this visitor has a place, else draw the waiting page."""
    if _visitors_ahead() is None:
        return True
    style(large=False)
    headline("Every place is taken")
    _draw_waiting()
    return False


@st.fragment(run_every=_ASK_EVERY)
def _draw_waiting() -> None:
    ahead = _visitors_ahead()
    if ahead is None:
        st.rerun()
    before = "You are next." if ahead == 0 else f"{ahead} {'visitor is' if ahead == 1 else 'visitors are'} before you."
    notice(
        f"There is room for {gate().most} here at once, so that it stays quick for everybody. {before} Leave this page "
        "open: it lets you in, to the very view you asked for, as soon as somebody closes theirs."
    )


def _visitors_ahead() -> int | None:
    context = get_script_run_ctx()
    return None if context is None else gate().ahead(context.session_id, visitor())
