"""File descriptors: what visitors take of them, and the limit that the system sets.

A session takes four as long as its tab is open (its connection, and the event loop that Streamlit makes for it), inside
or waiting at the gate, and inside two more while its page runs: the index of kept results, and its journal.
`python -m benchmarks.load` prints what they take on average, `python -m benchmarks.rush` the most. A sixth of the limit
is for connections without a session: each request of a browser, a phone in a live class that waits for the next phase,
and whoever connects and asks for nothing.
"""

import resource

A_SESSION = 5
"""Descriptors to plan for a session, of which half are inside."""

_THE_SERVER = 150  # of its own, with every model, worker and file of the cache

_PHONES = 1500  # room to ask for beside sessions; where there is less, some ask every few seconds and wait for nothing
_SPARE = 32  # that no connection takes: files, and event loops of sessions that are just beginning


def limit() -> int:
    """Return how many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10**7 if soft == resource.RLIM_INFINITY else soft


def phones() -> int:
    """Return how many phones of classes may hold a connection open: not all connections without a session."""
    return limit() // 8


def passing() -> int:
    """Return how many connections without a session may be open."""
    return limit() // 6


def last() -> int:
    """Return the highest descriptor that a connection may have; the system gives the lowest that is free."""
    return limit() - _SPARE


def needed(sessions: int) -> int:
    """Return the lowest limit of a server with so many sessions."""
    without_passing = _THE_SERVER + A_SESSION * sessions
    return without_passing + (without_passing - 1) // 5


def room() -> int:
    """Return how many sessions fit below the limit of this process."""
    return max(0, limit() - passing() - _THE_SERVER) // A_SESSION


def raise_limit(sessions: int) -> None:
    """Raise the limit of this process to what so many sessions need, as far as it is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = needed(sessions) + _PHONES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:  # allowed to root alone
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, OSError):
            wanted = hard
        else:
            return
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
