"""File descriptors: what visitors take of them, and the limit that the system sets.

A session takes four as long as its tab is open (its connection, and the event loop that Streamlit makes for it), inside
or waiting at the gate, besides what the server itself has open. `python -m benchmarks.load` prints the figure. A phone
in a live class takes one while it waits for the next phase.
"""

import resource

A_SESSION = 5
"""Descriptors to plan for a session; 4.1 were measured."""

_THE_SERVER = 150  # of its own, with every model, worker and file of the cache

_PHONES = 1500  # room to ask for beside sessions; where there is less, some ask every few seconds and wait for nothing


def phones() -> int:
    """Return how many phones of classes may hold a connection open, so that most of the limit is left to sessions."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10**6 if soft == resource.RLIM_INFINITY else soft // 6


def needed(sessions: int) -> int:
    """Return how many descriptors a server with so many sessions needs."""
    return _THE_SERVER + A_SESSION * sessions


def room() -> int:
    """Return how many sessions fit below the limit of this process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10**6 if soft == resource.RLIM_INFINITY else max(0, soft - _THE_SERVER) // A_SESSION


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
