"""Ask for an analysis, get a job: from the store if it is known, else one computation for everybody who asks.

It runs on this process's device, or on a cluster's workers where `elsewhere` is given (`cluster/`).
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cache.analyses import ANALYSES, Analysis
from cache.jobs import PATIENCE, Job, Place
from cache.keys import request_key
from cache.line import QueueFullError, Worker, new_place
from cache.parts import Parts
from cache.records import Record
from cache.store.memory import Store
from ioi_core.model.loading import PROCESSING
from ioi_core.model.weights import Model
from ioi_core.results import Progress

if TYPE_CHECKING:
    from cache.cluster.line import ClusterLine

_log = logging.getLogger(__name__)


class Computations:
    """Every computation of this process: one worker a device, single flight by key, results into the store."""

    def __init__(
        self,
        store: Store,
        *,
        max_waiting: int = 250,
        patience: float = PATIENCE,
        analyses: Mapping[str, Analysis] = ANALYSES,
        observe: Callable[[Record], None] | None = None,
        elsewhere: "ClusterLine | None" = None,
        device: str = "",
    ):
        """Compute nothing yet.

        Args:
            elsewhere: the line before the cluster that computes; None to compute here.
            device: type of the device that results are computed on, a part of their keys; "" for each model's own.
        """
        self._elsewhere, self._device = elsewhere, device
        self._store = store
        self._max_waiting = max_waiting
        self._patience = patience
        self._analyses = analyses
        self._observe = observe
        self._lock = threading.Lock()
        self._in_flight: dict[str, Job] = {}
        self._workers: dict[str, Worker] = {}

    @property
    def warning(self) -> str | None:
        """A sentence for visitors where results are not kept as they should be; None if all is well."""
        return (self._elsewhere and self._elsewhere.warning) or self._store.warning

    @property
    def waiting(self) -> int:
        """The number of places in line, one for each visitor's page that waits, on all devices."""
        return sum(line.waiting for line in self._lines())

    def is_kept(self, analysis: str, model: Model, **parameters: object) -> bool:
        """Return whether a result is kept, without computing or reading anything.

        This is for choosing what to draw meanwhile, and no promise: one that turns out to be damaged is computed again.
        """
        return self.key(analysis, model, parameters) in self._store

    def key(self, analysis: str, model: Model, parameters: Mapping[str, object]) -> str:
        """Return "analysis:digest": the digest alone is unique, the name tells `python -m cache` what an entry is."""
        version = self._analyses[analysis].version
        what = f"{model.fingerprint} {PROCESSING} {self._numerics(model)}"
        digest = request_key(analysis, version, what, parameters)
        return f"{analysis}:{digest}"

    def request(self, analysis: str, model: Model, *, place: Place | None = None, **parameters: object) -> Job:
        """Return a job for `analysis` of `model`: ended already if the result is kept, shared by all who ask meanwhile.

        Args:
            place: in line, of the page that asks (`new_place`); else one of its own.
        Raises:
            QueueFullError: too many visitors wait already.
            TypeError: a parameter that no key can be made of.
        """
        entry = self._analyses[analysis]
        key = self.key(analysis, model, parameters)
        if (kept := self._kept_result(key, analysis, model)) is not None:
            return kept
        with self._lock:
            job = self._in_flight.get(key)
            asking = frozenset({place or new_place("")})
            if job is not None and not job.ended and job.watch():
                job.places |= asking
                self._report(Record(analysis, model.name, "shared"))
                return job
            if (kept := self._kept_result(key, analysis, model)) is not None:  # its job ended meanwhile
                return kept
            job = self._job(key, entry, model, parameters)
            job.places = asking
            name = model.name  # not the model, which may leave memory while the job that has ended is known
            job.when_ended(lambda ended: self._report(Record.of_job(analysis, name, ended)))
            try:
                self._submit(job, key, analysis, model, parameters)
            except QueueFullError:
                self._report(Record(analysis, model.name, "miss", outcome="refused"))
                raise
            self._in_flight = {k: other for k, other in self._in_flight.items() if not other.ended} | {key: job}
            return job

    def missing(self, model: Model) -> str:
        """Return a sentence where a cluster is to compute and no worker is there for this model, else ""."""
        return self._elsewhere.missing(self._numerics(model)) if self._elsewhere is not None else ""

    def leave(self, place: Place) -> None:
        """Cancel what was asked for from this place alone: its page was left for another one."""
        with self._lock:
            jobs = [job for job in self._in_flight.values() if place in job.places]
        for job in jobs:
            if job.places == {place}:
                job.cancel()
            else:
                job.places -= {place}

    def stop(self, seconds: float) -> bool:
        """Cancel all computations for good; return whether the running ones ended within `seconds`."""
        lines = self._lines()
        for line in lines:
            line.stop()
        until = time.monotonic() + seconds
        return all([line.join(max(0.0, until - time.monotonic())) for line in lines])

    def _kept_result(self, key: str, analysis: str, model: Model) -> Job | None:
        """Return a job that has ended already, if the result is kept."""
        place = self._store.place(key)  # before `get`, which moves what it finds into memory
        if (kept := self._store.get(key)) is None:
            return None
        self._report(Record(analysis, model.name, place or "memory"))
        return Job.finished(kept)

    def _report(self, record: Record) -> None:
        if self._observe is not None:
            self._observe(record)

    def _job(self, key: str, entry: Analysis, model: Model, parameters: Mapping[str, object]) -> Job:
        def work(progress: Progress) -> object:
            parts = Parts(self._store, key)
            more = {"parts": parts} if entry.resumable else {}
            result = entry.function(model, **parameters, **more, progress=progress)
            self._keep(key, result, parts if entry.resumable else None)
            return result

        return Job(work, self._patience)

    def _keep(self, key: str, result: object, parts: Parts | None = None) -> None:
        """Keep a result before its job ends: whoever finds that ended finds the result."""
        try:
            self._store.put(key, result)
            if parts is not None:
                parts.clear()
        except Exception:  # a store that fails must not cost the visitor a result that is there
            _log.exception("a result could not be kept")

    def _submit(self, job: Job, key: str, analysis: str, model: Model, parameters: Mapping[str, object]) -> None:
        """Put a job in line, before this process's device or before the cluster."""
        if self._elsewhere is None:
            self._worker(str(model.device)).submit(job)
            return
        from cache.cluster.call import Call

        named = model.name, model.fingerprint, self._numerics(model)
        call = Call.of(key, analysis, self._analyses[analysis].version, named, parameters)
        self._elsewhere.submit(job, call, lambda result: self._keep(key, result))

    def _numerics(self, model: Model) -> str:
        """Return `Model.numerics` of the model on the device that computes."""
        return f"{model.numerics.rpartition(' ')[0]} {self._device}" if self._device else model.numerics

    def _lines(self) -> "list[Worker | ClusterLine]":
        return [*self._workers.values(), *([self._elsewhere] if self._elsewhere else [])]

    def _worker(self, device: str) -> Worker:
        if device not in self._workers:
            self._workers[device] = Worker(device, self._max_waiting)
        return self._workers[device]
