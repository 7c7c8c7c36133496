"""Progress of an analysis, told in units of the engine's work."""

from collections.abc import Callable

from ioi_core.results import Progress


def advancing(progress: Progress | None, total: int) -> Callable[[int], None] | None:
    """Adds up the engine's work units for `progress`."""
    if progress is None:
        return None
    done = 0

    def advance(units: int) -> None:
        nonlocal done
        done += units
        progress(done, max(total, done, 1))

    return advance


Advance = Callable[[int], None]
"""Told after each layer of each recorded run or walk: an exception raised in it cancels."""
