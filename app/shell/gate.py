"""A limit on visitors at once: the next one waits on a friendly page, and is let in when a place is free.

A session has its place while Streamlit calls it active, that is while its tab is connected: a closed tab gives it back,
a reload takes a new one. A waiting session asks every two seconds, and keeps its turn only while it does: a tab that
sleeps in the background holds nobody up. A run without a browser, as a health check's, needs no place.
"""

import threading
import time
from collections.abc import Callable

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.drawing.look import notice, style
from app.hosting.services import settings
from app.shell.title import headline

_ASK_EVERY = 2.0
_ASLEEP_AFTER = 10.0  # seconds without asking after which a session loses its turn


class Gate:
    """`most` places, given in the order in which sessions came.

    Args:
        is_live: True while a session is connected.
        clock: monotonic seconds.
    """

    def __init__(self, most: int, is_live: Callable[[str], bool], clock: Callable[[], float] = time.monotonic):
        self.most = most
        self._is_live = is_live
        self._clock = clock
        self._lock = threading.Lock()
        self._inside: set[str] = set()
        self._waiting: dict[str, float] = {}  # in order of arrival; when each asked last

    def ahead(self, session: str) -> int | None:
        """Return None if `session` may come in, else how many go before it."""
        with self._lock:
            if session in self._inside or not self._is_live(session):
                return None
            self._inside = set(filter(self._is_live, self._inside))
            now = self._clock()
            self._waiting[session] = now
            self._waiting = {
                waiting: asked
                for waiting, asked in self._waiting.items()
                if now - asked <= _ASLEEP_AFTER and self._is_live(waiting)
            }
            before = list(self._waiting).index(session)
            if len(self._inside) + before >= self.most:
                return before
            del self._waiting[session]
            self._inside.add(session)
            return None


@st.cache_resource(show_spinner=False)
def gate() -> Gate:
    """Return the gate of this process."""
    return Gate(settings().max_sessions, lambda session: runtime.get_instance().is_active_session(session))


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
    return None if context is None else gate().ahead(context.session_id)
