"""The line before a cluster, as one replica of the app sees it: the same rounds, progress and cancelling as before a
device of its own (`cache/line.py`).

Every job goes to the scheduler at once, with its round as its priority. Two replicas that ask for the same thing name
the same task, so it runs once and both get the result. The round that is served now travels with the workers' progress,
and the places that wait with the replicas' own messages, so all replicas count alike.
"""

import asyncio
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError as FutureCancelledError
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Future, KilledWorker
from distributed.client import ClosedClientError

from cache.cluster.address import Cluster
from cache.cluster.answers import STOPPED, read
from cache.cluster.call import Call, ClusterError, resource
from cache.cluster.link import GONE, Link, Waiting
from cache.cluster.task import Answer, compute
from cache.jobs import Job, JobCancelledError, JobState, Place
from cache.line import Turns, waiting_places

_LOOK_EVERY = 0.1  # seconds between looks at who still waits
_HOLD = 10.0  # seconds that a result stays on its worker, for replicas that ask a moment later; if that worker ends
# meanwhile, Dask computes it once more
_PATIENT = 1.0  # seconds without a scheduler before visitors are told
_ABOVE_SWEEPS = 10**9  # tasks that nobody waits for at a page have priority 0
_MOST_DEATHS = 6  # workers that may end while they run a computation
_LONGEST_PAUSE = 5.0  # seconds before it is asked for again
_MOST_LOSSES = 20

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Asked:
    """A job that was given to the cluster.

    Attributes:
        keep: called with the result before the job ends.
        round: in which it is served.
        since: when it was asked for, in seconds since the epoch: other replicas' places are compared with it.
        ran: the workers that are known to have run it.
        losses: how often it was stopped, or its workers ended, while it was waited for.
    """

    job: Job
    call: Call
    keep: Callable[[object], None]
    round: int
    since: float = field(default_factory=time.time)
    ran: set[str] = field(default_factory=set)
    losses: int = 0
    following: "asyncio.Task[None] | None" = None

    @property
    def resource(self) -> str:
        """Return what the workers have that can compute it."""
        return resource(self.call.numerics, self.call.release)


class ClusterLine:
    """One replica's line before a cluster, in a thread of its own."""

    def __init__(self, cluster: Cluster, max_waiting: int):
        self._turns = Turns(max_waiting)
        self._lock = threading.Lock()
        self._asked: list[Asked] = []
        self._link = Link(cluster, f"ioi-{uuid.uuid4().hex[:12]}", self._waiting, self._heard)
        self._held: dict[str, tuple[float, Future[Any]]] = {}
        self._gone_since: float | None = time.monotonic()
        self._loop = asyncio.new_event_loop()
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, name="cluster", daemon=True)
        self._thread.start()

    def submit(self, job: Job, call: Call, keep: Callable[[object], None]) -> None:
        """Ask the cluster for `call`; `job` is told how it goes.

        Args:
            keep: called with the result before the job ends.
        Raises:
            QueueFullError: there is no room for it (`Turns.check_room`).
        """
        with self._lock:
            line = self._line()
            self._turns.check_room(job, line)
            self._asked.append(asked := Asked(job, call, keep, self._turns.of(job)[0]))
            self._number()
        self._loop.call_soon_threadsafe(self._follow_soon, asked)

    @property
    def waiting(self) -> int:
        """The number of places that wait, of this replica."""
        with self._lock:
            return len(waiting_places(self._line()))

    @property
    def warning(self) -> str | None:
        """A sentence for visitors while the scheduler does not answer."""
        return GONE if self._is_gone() else None

    def missing(self, numerics: str) -> str:
        """Return a sentence where nobody is there who computes in this numerics, else ""."""
        return self._link.missing(resource(numerics))

    def stop(self) -> None:
        """Cancel all jobs, and leave the cluster."""
        with self._lock:
            self._stopped = True
            for asked in self._asked:
                asked.job.cancel()

    def join(self, seconds: float) -> bool:
        """Wait for the thread of a stopped line to end; return whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._look())

    async def _look(self) -> None:
        """Look after all jobs until the line is stopped."""
        keeping = asyncio.create_task(self._link.keep())
        while not self._stopped:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                self._drop_unwatched()
                self._say_what_is_wrong()
                self._release_held()
                with self._lock:
                    self._number()
            except Exception:
                _log.exception("looking after the cluster's jobs failed")
        self._drop_unwatched()
        keeping.cancel()
        await asyncio.wait({keeping}, timeout=2)

    def _follow_soon(self, asked: Asked) -> None:
        asked.following = self._loop.create_task(self._follow(asked))

    async def _follow(self, asked: Asked) -> None:
        """Ask the cluster, again after every loss, until the job has ended."""
        try:
            while not asked.job.ended:
                answered = await self._answer(asked)
                if answered is None:
                    # Longer each time and by chance: the scheduler forgets how a run ended only when no replica waits.
                    longest = min(2 * _LOOK_EVERY * 2**asked.losses, _LONGEST_PAUSE)
                    await asyncio.sleep(random.uniform(longest / 2, longest))
                    continue
                result = read(asked.call.key, answered)
                asked.keep(result)
                asked.job.begin()
                asked.job.finish(result)
        except Exception as error:
            asked.job.fail(error)
        finally:
            with self._lock:
                self._asked.remove(asked)
                self._number()

    async def _answer(self, asked: Asked) -> Answer | None:
        """Return what a worker answers; None where it has to be asked for again.

        Raises:
            ClusterError: workers end, one after the other, while they run it, or it is stopped again and again.
        """
        client = await self._link.ready()
        key = asked.call.task_key
        await self._forgotten(client, key)
        try:
            future = client.submit(
                compute, asked.call.as_plain(), asked.round, key=key, priority=_ABOVE_SWEEPS - asked.round,
                resources={asked.resource: 1}, fifo_timeout="0 ms",
            )  # fmt: skip
        except ClosedClientError:  # the link has not seen it yet
            return None
        try:
            answered: Answer = await self._link.result_of(future)
        except (FutureCancelledError, TimeoutError, OSError) as error:
            _log.info("%s is asked for again: %r", key[:60], error)
            return None
        except KilledWorker:
            asked.losses += 1
            if len(asked.ran) >= _MOST_DEATHS or asked.losses >= _MOST_LOSSES:
                raise ClusterError(
                    "This computation ended every machine that tried it: it needs more memory than they have. Ask for "
                    "less, such as fewer or shorter prompts."
                ) from None
            return None
        else:
            if "payload" in answered:
                self._held[key] = time.monotonic() + _HOLD, future
            if answered != STOPPED:
                return answered
            asked.losses += 1
            if asked.losses >= _MOST_LOSSES:
                raise ClusterError("The machines that compute stopped this again and again. Please ask for it again.")
            return None
        finally:
            if self._held.get(key, (0, None))[1] is not future:
                future.release()

    async def _forgotten(self, client: Client, key: str) -> None:
        """Wait until the client has let go of an earlier run: else it would hand out how that one ended."""
        until = time.monotonic() + _LONGEST_PAUSE
        while key in client.futures and key not in self._held and time.monotonic() < until:
            await asyncio.sleep(0.01)

    def _drop_unwatched(self) -> None:
        """Let go of jobs that nobody watches any more; the worker that runs one sees that at its next step."""
        for asked in tuple(self._asked):
            try:
                asked.job.report(asked.job.done, asked.job.total)
            except JobCancelledError as error:
                asked.job.fail(error)
                if asked.following is not None:
                    asked.following.cancel()

    def _release_held(self) -> None:
        now = time.monotonic()
        for key, (until, future) in tuple(self._held.items()):
            if now > until or future.client is not self._link.client:
                del self._held[key]
                future.release()

    def _heard(self, message: Mapping[str, Any]) -> None:
        """Take in how far a worker is."""
        with self._lock:
            self._turns.round = max(self._turns.round, message["round"])
            running = [asked for asked in self._asked if asked.call.task_key == message["key"]]
        for asked in running:
            asked.ran.add(message["worker"])
            asked.job.done, asked.job.total = message["done"], message["total"]
            asked.job.begin()

    def _line(self) -> list[Job]:
        return [asked.job for asked in self._asked if _waits(asked.job)]

    def _waiting(self) -> list[Waiting]:
        """Return what each place waits for, for the other replicas."""
        first: dict[Place, Waiting] = {}
        for asked in tuple(self._asked):
            if _waits(asked.job):
                for place in asked.job.places:
                    first.setdefault(place, (asked.resource, asked.round, asked.since))
        return sorted(first.values())

    def _number(self) -> None:
        """Set how many places go before each job that waits: of this replica and of all others."""
        others = self._link.others()
        asked = {one.job: one for one in self._asked}
        before: set[Place] = set()
        for job in self._turns.in_order(self._line()):
            wanted, turn = asked[job].resource, (asked[job].round, asked[job].since)
            elsewhere = sum(other == wanted and (round_, since) < turn for other, round_, since in others)
            job.ahead = len(before - job.places) + elsewhere
            before |= job.places

    def _say_what_is_wrong(self) -> None:
        """Give each job that cannot go on a sentence that says why."""
        if self._link.client is not None:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = time.monotonic()
        for asked in tuple(self._asked):
            note = ""
            if self._is_gone():
                note = GONE
            elif self._link.client is not None and _waits(asked.job):
                note = self._link.missing(asked.resource)
            asked.job.note = note

    def _is_gone(self) -> bool:
        since = self._gone_since  # looked at now and then, so it may be there again already
        return self._link.client is None and since is not None and time.monotonic() - since > _PATIENT


def _waits(job: Job) -> bool:
    return job.state is JobState.QUEUED
