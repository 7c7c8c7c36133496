"""The line before one device: bounded, served in turn, one place for each visitor's page; one thread runs the jobs."""

import itertools
import threading
from collections.abc import Collection

from cache.jobs import Job, Place
from ioi_core.errors import IOIError

_numbers = itertools.count()
_MOST_KNOWN = 4096  # places whose round is remembered: a page asks again and again


class QueueFullError(IOIError):
    """The line of waiting visitors is full."""


def new_place(visitor: str) -> Place:
    """Return a place at the end of all lines, for a page of a visitor that begins now."""
    return Place(next(_numbers), visitor)


class Turns:
    """The order in which jobs that wait are served, and how many may wait.

    Places are served as they came, each with all its jobs, so that a page is complete before the next one begins. But
    in rounds, with one place of each visitor in a round: who opens twenty pages does not hold up a class. A visitor
    served in this round stands in the next one.

    Attributes:
        round: the one that is served now; it never falls.
    """

    def __init__(self, max_waiting: int):
        self.round = 0
        self._max_waiting = max_waiting
        self._rounds: dict[Place, int] = {}

    def check_room(self, job: Job, line: Collection[Job]) -> None:
        """Refuse a job for which there is no room in `line`; the more jobs of a place that stands there always find it.

        Raises:
            QueueFullError: too many places wait already: of all visitors, or of this one.
        """
        waiting = waiting_places(line)
        if job.places & waiting:
            return
        share = max(1, self._max_waiting // 2)
        for visitor in {place.visitor for place in job.places}:
            if visitor and sum(place.visitor == visitor for place in waiting) >= share:
                raise QueueFullError(f"{share} of your pages are waiting already")
        if len(waiting) >= self._max_waiting:
            raise QueueFullError(f"Too many visitors are waiting already ({self._max_waiting})")

    def of(self, job: Job) -> tuple[int, Place]:
        """Return the job's turn: the round in which it is served, and the first of its places there."""
        return min((self._round_of(place), place) for place in job.places)

    def served(self, job: Job) -> None:
        """Say that a job's turn has come."""
        self.round = max(self.round, self.of(job)[0])

    def in_order(self, line: Collection[Job]) -> list[Job]:
        """Return a line in the order in which it will be served if nobody joins it."""
        return sorted(line, key=self.of)

    def _round_of(self, place: Place) -> int:
        """Return the round in which a place is served; a new one's is the first in which its visitor has none yet."""
        if place not in self._rounds:
            of_visitor = (number for other, number in self._rounds.items() if other.visitor == place.visitor != "")
            self._rounds[place] = max(self.round, max(of_visitor, default=-1) + 1)
            for known in list(self._rounds)[:-_MOST_KNOWN]:
                del self._rounds[known]
        return self._rounds[place]


def waiting_places(line: Collection[Job]) -> set[Place]:
    """Return the places of all jobs in a line."""
    return {place for job in line for place in job.places}


class Worker:
    """One thread that runs jobs in `Turns`, and a line of at most `max_waiting` places before it."""

    def __init__(self, name: str, max_waiting: int):
        self._turns = Turns(max_waiting)
        self._changed = threading.Condition()
        self._line: list[Job] = []  # as they came
        self._running: Job | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run_until_stopped, name=f"worker {name}", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Put `job` in the line.

        Raises:
            QueueFullError: there is no room for it (`Turns.check_room`).
        """
        with self._changed:
            self._drop_abandoned()
            self._turns.check_room(job, self._line)
            self._line.append(job)
            self._number_line()
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """The number of places in the line."""
        with self._changed:
            return len(waiting_places(self._line))

    def stop(self) -> None:
        """Cancel all jobs, and run no more."""
        with self._changed:
            self._stopped = True
            for job in (self._running, *self._line):
                if job is not None:
                    job.cancel()
            self._line.clear()
            self._changed.notify()

    def join(self, seconds: float) -> bool:
        """Wait for the thread of a stopped worker to end; return whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run_until_stopped(self) -> None:
        while self._run_next():
            continue

    def _run_next(self) -> bool:
        with self._changed:
            while not self._line and not self._stopped:
                self._changed.wait()
            if self._stopped:
                return False
            self._running = self._turns.in_order(self._line)[0]
            self._turns.served(self._running)
            self._line.remove(self._running)
            self._number_line()
        self._running.run()
        with self._changed:
            self._running = None
            self._number_line()
        return True

    def _drop_abandoned(self) -> None:
        """Take abandoned jobs out of the line."""
        self._line = [job for job in self._line if not job.cancel_if_abandoned()]

    def _number_line(self) -> None:
        """Set how many places go before each job."""
        first: dict[Place, int] = {}  # how many go before each
        for job in ([] if self._running is None else [self._running]) + self._turns.in_order(self._line):
            job.ahead = min((first[place] for place in job.places if place in first), default=len(first))
            first |= dict.fromkeys(job.places - first.keys(), job.ahead)
