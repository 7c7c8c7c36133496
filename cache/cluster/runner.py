"""What a worker does with a call: check it, answer from what is kept, else compute it, and say how far it is.

One runner lives as long as its process, while Dask's own worker object is made anew whenever the scheduler comes back.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cache.analyses import ANALYSES, Analysis
from cache.cluster.answers import STOPPED, answer, failure
from cache.cluster.call import Call, ClusterError, release
from cache.cluster.residents import Residents
from cache.cluster.shelf import ShelvedStore
from cache.cluster.task import PROGRESS, Answer
from cache.parts import Parts
from cache.records import Record
from cache.store.memory import Store
from ioi_core.errors import IOIError
from ioi_core.results import Progress

if TYPE_CHECKING:
    from distributed import Worker

_log = logging.getLogger(__name__)


class StoppedError(Exception):
    """Nobody waits for this run any more."""


@dataclass
class Run:
    """A computation that is under way.

    Attributes:
        task_key: of Dask's task.
        round: in which it is served.
        worker: the process that runs it, a name that no other has.
        done, total: of its progress.
    """

    task_key: str
    round: int
    worker: str
    done: int = 0
    total: int = 0


class Runner:
    """Computes one call at a time.

    Attributes:
        now: what runs; None while it is idle.
        hand_back: set when what runs is to be given back to the scheduler at its next step.
    """

    def __init__(
        self,
        models: Residents,
        store: Store,
        *,
        name: str,
        analyses: Mapping[str, Analysis] = ANALYSES,
        observe: Callable[[Record], None] | None = None,
    ):
        self.models = models
        self.now: Run | None = None
        self.hand_back = threading.Event()
        self._store = store
        self._name = name
        self._analyses = analyses
        self._observe = observe
        self._one_at_a_time = threading.Lock()

    def run(self, plain: dict[str, object], round_: int, worker: "Worker") -> Answer:
        """Answer one call, in the thread of `worker` that computes.

        Raises:
            Reschedule: this worker ends and the call is another one's.
        """
        from distributed import Reschedule

        started = time.monotonic()
        analysis, model, outcome, place, error = str(plain.get("analysis"))[:60], "", "done", "miss", ""
        with self._one_at_a_time:
            try:
                call = Call.from_plain(plain)
                entry = self._registered(call)
                parameters = call.read_parameters()
                analysis, model = call.analysis, call.model
                place = self._store.place(call.key) or "memory"
                if (kept := self._store.get(call.key)) is not None:
                    return answer(call.key, kept)
                place = "miss"
                self.now = Run(worker.get_current_task(), round_, self._name)
                return answer(call.key, self._compute(call, entry, parameters, worker, self.now))
            except StoppedError:
                outcome = "cancelled"
                return STOPPED
            except Reschedule:
                outcome = "cancelled"
                raise
            except Exception as failed:
                outcome, error = "failed", type(failed).__name__
                if not isinstance(failed, IOIError):  # its words may quote a prompt
                    frames = [f"{one.filename}:{one.lineno}" for one in traceback.extract_tb(failed.__traceback__)]
                    _log.error("%s failed (%s): %s", analysis, error, " ".join(frames[-8:]))
                return failure(failed)
            finally:
                self.now = None
                if self._observe is not None:
                    seconds = time.monotonic() - started
                    self._observe(Record(analysis, model, place, outcome, 0.0, seconds, error))

    def say(self, worker: "Worker") -> None:
        """Tell all replicas how far the running computation is; called twice a second and when one begins."""
        if (now := self.now) is not None:
            message = {
                "key": now.task_key,
                "round": now.round,
                "worker": now.worker,
                "done": now.done,
                "total": now.total,
            }
            worker.log_event(PROGRESS, message)

    def _registered(self, call: Call) -> Analysis:
        """Return the analysis that is asked for.

        Raises:
            ClusterError: it is not registered, or not in this version.
        """
        entry = self._analyses.get(call.analysis)
        if entry is None:
            raise ClusterError("A worker of the cluster was asked for an analysis that it does not know.")
        if (call.release, call.version) != (release(), entry.version):
            raise ClusterError(
                f"A worker of the cluster runs another version of this program than this server ({release()}, not "
                f"{call.release}): whoever runs them has to install the same on both."
            )
        return entry

    def _compute(
        self, call: Call, entry: Analysis, parameters: dict[str, object], worker: "Worker", now: Run
    ) -> object:
        self.say(worker)
        model = self.models.get(call.model, call.fingerprint)
        if model.numerics != call.numerics:
            raise ClusterError(f"A worker of the cluster computes in {model.numerics}, not in {call.numerics}.")
        progress = self._progress(now, worker)
        if not entry.resumable:
            result = entry.function(model, **parameters, progress=progress)
            self._keep(call.key, result)
            return result
        shelved = ShelvedStore(self._store, call.key, worker)
        parts = Parts(shelved, call.key)
        result = entry.function(model, **parameters, parts=parts, progress=progress)
        self._keep(call.key, result)
        parts.clear()
        shelved.drop()
        return result

    def _keep(self, key: str, result: object) -> None:
        try:
            self._store.put(key, result)
        except Exception:  # as in `Computations`: a store that fails costs nobody the result
            _log.exception("a result could not be kept")

    def _progress(self, now: Run, worker: "Worker") -> Progress:
        """Return the callback of a run, which ends it where nobody waits any more or this worker ends."""
        from distributed import Reschedule
        from distributed.core import Status

        def progress(done: int, total: int) -> None:
            now.done, now.total = done, total
            task = worker.state.tasks.get(now.task_key)
            if task is None or task.state not in ("executing", "long-running"):
                raise StoppedError
            if worker.status in (Status.closing, Status.closed, Status.failed):
                raise StoppedError
            if self.hand_back.is_set():
                raise Reschedule

        return progress
