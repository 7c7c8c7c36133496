"""Jobs that wait for one device or run on it: a bounded line, one thread, progress, and cancelling.

A job is kept alive by those who watch it: `watch()` is a heartbeat, and a job that nobody has watched for
`PATIENCE` seconds is cancelled: while it waits, or in the middle of the analysis through its progress callback.
This file knows nothing of keys and results; single flight is in `computations.py`.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from enum import StrEnum

from ioi_core.errors import IOIError
from ioi_core.results import Progress

PATIENCE = 5.0
"""Seconds without a watcher after which a job is cancelled; watchers look at least twice a second."""

_log = logging.getLogger(__name__)

Work = Callable[[Progress], object]


class QueueFullError(IOIError):
    """The line of waiting computations is full."""


class UnexpectedEndError(IOIError):
    """A computation was ended by something that is no ordinary `Exception`."""


class JobCancelledError(IOIError):
    """A computation was cancelled because nobody waited for it any more."""


class JobState(StrEnum):
    """The states of a job, in the order in which they can follow."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job:
    """One computation: its state, its progress, and in the end its result or its error."""

    def __init__(self, work: Work, patience: float = PATIENCE):
        self.state = JobState.QUEUED
        self.done, self.total = 0, 0
        self.ahead = 0  # the number of jobs that go first, the running one included
        self.visitors: frozenset[str] = frozenset()  # who asked for it; replaced, never changed: other threads read it
        self._work = work
        self._patience = patience
        self._lock = threading.Lock()
        self._future: Future[object] = Future()
        self._asked = self._watched = time.monotonic()
        self._started: float | None = None

    @classmethod
    def finished(cls, result: object) -> "Job":
        """Return a job that has ended with `result`."""
        job = cls(lambda progress: result)
        job.run()
        return job

    @property
    def ended(self) -> bool:
        """Return whether there is a result or an error."""
        return self._future.done()

    @property
    def seconds_elapsed(self) -> float:
        """Seconds since it began to run; 0 while it waits in line."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    @property
    def seconds_queued(self) -> float:
        """Seconds from the request until it began to run, or until now."""
        return (time.monotonic() if self._started is None else self._started) - self._asked

    def when_ended(self, call: Callable[["Job"], None]) -> None:
        """Have `call` called once with this job, in the thread that ends it; it must be quick and take no locks."""
        self._future.add_done_callback(lambda _: call(self))

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the pace so far; None before the first progress."""
        if self.state is not JobState.RUNNING or not 0 < self.done <= self.total:
            return None
        return self.seconds_elapsed * (self.total - self.done) / self.done

    def watch(self) -> bool:
        """Say that somebody still wants this job; False if it is cancelled already and must be requested again."""
        with self._lock:
            self._watched = time.monotonic()
            return self.state is not JobState.CANCELLED

    def wait(self, seconds: float) -> bool:
        """Watch, wait up to `seconds` (less than the patience) for the end, and return whether it has ended."""
        self.watch()
        try:
            self._future.exception(timeout=seconds)
        except TimeoutError:
            return False
        return True

    @property
    def error(self) -> BaseException | None:
        """The exception that the ended job failed with, or None."""
        return self._future.exception(timeout=0)

    def result(self) -> object:
        """Return the result of the ended job, or raise its error."""
        return self._future.result(timeout=0)

    def run(self) -> None:
        """Run the work in this thread and keep its result or error."""
        if self.cancel_if_abandoned():
            return
        self._started = time.monotonic()
        self.state = JobState.RUNNING
        work, self._work = self._work, _nothing  # a job that has ended must not hold its model in memory
        try:
            result = work(self._report)
        except Exception as error:
            self.fail(error)
        except BaseException:  # a panic in the Rust code of tokenizers is one: the thread must outlive it
            _log.exception("a computation ended unexpectedly")
            self.fail(UnexpectedEndError("The computation ended unexpectedly. Please try again."))
        else:
            self.state = JobState.DONE
            self._future.set_result(result)

    def fail(self, error: Exception) -> None:
        """End the job with `error`, unless it has ended."""
        with self._lock:
            if not self._future.done():
                cancelled = isinstance(error, JobCancelledError)
                self.state = JobState.CANCELLED if cancelled else JobState.FAILED
                self._future.set_exception(error)

    def cancel_if_abandoned(self) -> bool:
        """Cancel the job if nobody has watched it lately; return whether it is cancelled."""
        with self._lock:
            if self.state is JobState.CANCELLED:
                return True
            if self._future.done() or time.monotonic() - self._watched <= self._patience:
                return False
            self.state = JobState.CANCELLED  # from here on watch() is False, so nobody joins it
        if self._started is None:
            self._future.set_exception(_abandoned())
        return True

    def _report(self, done: int, total: int) -> None:
        """Note the progress of the analysis whose callback this is; cancel it by raising."""
        self.done, self.total = done, total
        if self.cancel_if_abandoned():
            raise _abandoned()


def _nothing(_progress: Progress) -> None:
    """Work that is done."""


def _abandoned() -> JobCancelledError:
    return JobCancelledError("This computation was stopped because nobody waited for it any more. Ask for it again.")


class Worker:
    """One thread that runs jobs, and a line of at most `max_queued` jobs before it.

    The line is fair between visitors: every visitor's first job goes before any visitor's second, and of first jobs the
    one whose visitor was served longest ago. No visitor may fill more than half of it. Jobs of none go by arrival.
    """

    def __init__(self, name: str, max_queued: int):
        self._max_queued = max_queued
        self._changed = threading.Condition()
        self._line: deque[Job] = deque()
        self._running: Job | None = None
        self._turn = 0
        self._served: dict[str, int] = {}  # visitor in line or being served -> the turn of their latest job
        threading.Thread(target=self._run_forever, name=f"worker {name}", daemon=True).start()

    def submit(self, job: Job) -> None:
        """Put `job` in the line.

        Raises:
            QueueFullError: too many jobs that are still watched wait already: of all visitors, or of this one.
        """
        with self._changed:
            self._drop_abandoned()
            share = max(1, self._max_queued // 2)
            if any(sum(visitor in other.visitors for other in self._line) >= share for visitor in job.visitors):
                raise QueueFullError(f"{share} of your computations are waiting already. Try again in a moment.")
            if len(self._line) >= self._max_queued:
                raise QueueFullError(
                    f"Too many computations are waiting already ({self._max_queued}). Try again in a moment."
                )
            self._line.append(job)
            self._number_line()
            self._changed.notify()

    @property
    def waiting(self) -> int:
        """The number of jobs in the line."""
        return len(self._line)

    def _run_forever(self) -> None:
        while True:
            self._run_next()

    def _run_next(self) -> None:
        with self._changed:
            while not self._line:
                self._changed.wait()
            self._running = self._in_order()[0]
            self._line.remove(self._running)
            self._turn += 1
            known = {visitor for job in (self._running, *self._line) for visitor in job.visitors}
            self._served |= dict.fromkeys(self._running.visitors, self._turn)
            self._served = {visitor: turn for visitor, turn in self._served.items() if visitor in known}
            self._number_line()
        self._running.run()
        with self._changed:
            self._running = None
            self._number_line()

    def _drop_abandoned(self) -> None:
        """Take abandoned jobs out of the line."""
        self._line = deque(job for job in self._line if not job.cancel_if_abandoned())

    def _in_order(self) -> list[Job]:
        """Return the line in the order in which it will be served if nobody joins it."""
        waiting: Counter[str] = Counter()
        turns = []
        for arrival, job in enumerate(self._line):
            visitors = job.visitors or {""}
            nth = min(waiting[visitor] for visitor in visitors)
            served = min(self._served.get(visitor, 0) for visitor in visitors)
            turns.append((nth if job.visitors else 0, served, arrival, job))
            waiting.update(visitors)
        return [job for *_, job in sorted(turns, key=lambda turn: turn[:3])]

    def _number_line(self) -> None:
        """Set each job's place in line."""
        for ahead, job in enumerate(self._in_order(), start=self._running is not None):
            job.ahead = ahead
        if self._running is not None:
            self._running.ahead = 0
