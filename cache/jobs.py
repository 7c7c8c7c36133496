"""Jobs that wait for a device or run on it: progress, cancelling, and in the end a result or an error.

A job is kept alive by those who watch it: `watch()` is a heartbeat, and a job that nobody has watched for
`PATIENCE` seconds is cancelled: while it waits, or in the middle of the analysis through its progress callback.
This file knows nothing of keys and results; single flight is in `computations.py`, the line in `line.py`.
A job that runs on another machine is told how it goes there (`cluster/`): `begin`, `report`, `finish`, `fail`.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum

from ioi_core.errors import IOIError
from ioi_core.results import Progress

PATIENCE = 5.0
"""Seconds without a watcher after which a job is cancelled; watchers look at least twice a second."""

_LOOK_EVERY = 0.25  # seconds

_log = logging.getLogger(__name__)

Work = Callable[[Progress], object]


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


@dataclass(frozen=True, order=True)
class Place:
    """A place in line: one page of one visitor, however many jobs it asks for.

    Attributes:
        number: drawn when the page began; the lower goes first.
        visitor: who it is.
    """

    number: int
    visitor: str


class Job:
    """One computation: its state, its progress, and in the end its result or its error."""

    def __init__(self, work: Work, patience: float = PATIENCE):
        self.state = JobState.QUEUED
        self.done, self.total = 0, 0
        self.ahead = 0  # the number of places that are served first
        self.note = ""  # why it does not go on, in a sentence for those who wait; "" while all is well
        self.places: frozenset[Place] = frozenset()  # who asked for it; replaced, never changed: other threads read it
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

    def wait_for_end(self) -> None:
        """Watch until it has ended."""
        while not self.wait(_LOOK_EVERY):
            continue

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
        self.begin()
        work, self._work = self._work, _nothing  # a job that has ended must not hold its model in memory
        try:
            result = work(self.report)
        except Exception as error:
            self.fail(error)
        except BaseException:  # a panic in the Rust code of tokenizers is one: the thread must outlive it
            _log.exception("a computation ended unexpectedly")
            self.fail(UnexpectedEndError("The computation ended unexpectedly. Please try again."))
        else:
            self.finish(result)

    def begin(self) -> None:
        """Say that it runs from now on, if it waited until now."""
        with self._lock:
            if self.state is JobState.QUEUED:
                self._started = time.monotonic()
                self.state = JobState.RUNNING

    def finish(self, result: object) -> None:
        """End the job with `result`, unless it has ended."""
        with self._lock:
            if not self._future.done():
                self.state = JobState.DONE
                self._future.set_result(result)

    def fail(self, error: Exception) -> None:
        """End the job with `error`, unless it has ended."""
        with self._lock:
            if not self._future.done():
                cancelled = isinstance(error, JobCancelledError)
                self.state = JobState.CANCELLED if cancelled else JobState.FAILED
                self._future.set_exception(error)

    def cancel(self) -> None:
        """Cancel the job, whoever watches it, unless it has ended."""
        self._cancel(abandoned=False)

    def cancel_if_abandoned(self) -> bool:
        """Cancel the job if nobody has watched it lately; return whether it is cancelled."""
        return self._cancel(abandoned=True)

    def _cancel(self, *, abandoned: bool) -> bool:
        with self._lock:
            if self.state is JobState.CANCELLED:
                return True
            if self._future.done() or (abandoned and time.monotonic() - self._watched <= self._patience):
                return False
            self.state = JobState.CANCELLED  # from here on watch() is False, so nobody joins it
            if self._started is None:
                self._future.set_exception(_abandoned())
        return True

    def report(self, done: int, total: int) -> None:
        """Note the progress of the analysis whose callback this is; cancel it by raising.

        Raises:
            JobCancelledError: nobody waits for it any more.
        """
        self.done, self.total = done, total
        if self.cancel_if_abandoned():
            raise _abandoned()


def _nothing(_progress: Progress) -> None:
    """Work that is done."""


def _abandoned() -> JobCancelledError:
    return JobCancelledError("This computation was stopped because nobody waited for it any more. Ask for it again.")
