"""A worker's process: Dask's worker with one thread that computes, connected again whenever the scheduler comes back.

SIGTERM: no new work is taken; what runs may end within the time of grace, and is handed back to the scheduler at its
next step after that; then the process ends.
"""

import asyncio
import logging
import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from distributed import Worker
from distributed.core import Status
from distributed.utils import get_ip
from distributed.worker_state_machine import ExecuteFailureEvent

from cache.cluster.address import Cluster, configure_dask
from cache.cluster.call import resource
from cache.cluster.runner import Runner

_SAY_EVERY = 0.5  # seconds
_TRY_AGAIN = 1.0  # seconds
_HANDING_BACK = 60.0  # seconds until the next step of what runs, at most
_FETCHING = 10.0  # seconds until an answer has been fetched, at most
TOO_LARGE = 3
"""Exit status of a worker that took more memory than it may."""

_BLOCKED = ("run", "run_coroutine", "plugin-add", "plugin-remove", "actor_execute", "actor_attribute")

_OURS = ("cache.cluster.task.", "ioi_core.")
"""Where functions that a worker runs come from."""

_log = logging.getLogger(__name__)


class QuietWorker(Worker):  # type: ignore[misc]  # Dask is Any to mypy here
    """Dask's worker without its web server.

    Attributes:
        ioi_runner: what computes; `task.compute` finds it here.
    """

    ioi_runner: Runner

    def start_http_server(self, *_args: Any, **_options: Any) -> None:
        """Start none."""

    async def execute(self, key: Any, *, stimulus_id: str) -> Any:
        """Run a task, if its function is one of this package.

        It keeps mistakes out, not an attacker: a function has been unpickled when it is looked at.
        """
        task = self.state.tasks[key]
        function = getattr(task.run_spec, "func", None)
        if not f"{getattr(function, '__module__', '')}.".startswith(_OURS):
            error = PermissionError("a worker of ioi-explorer runs this package's own functions alone")
            return ExecuteFailureEvent.from_exception(error, key=key, run_id=task.run_id, stimulus_id=stimulus_id)
        return await super().execute(key, stimulus_id=stimulus_id)


@dataclass(frozen=True)
class Serving:
    """How a worker serves.

    Attributes:
        cluster: whose scheduler gives it work.
        name: of this process, which no other has.
        numerics: of what it computes, as in `Model.numerics`.
        host: on which it listens for the scheduler and other workers; "" for the address that reaches the scheduler.
        port: on which it listens; 0 for any.
        grace: seconds that what runs has to end in when the process is to end.
        megabytes: memory of the whole process, beyond which it ends; 0 for no limit.
    """

    cluster: Cluster
    name: str
    numerics: str
    host: str = ""
    port: int = 0
    grace: float = 20.0
    megabytes: int = 0


async def serve(serving: Serving, runner: Runner) -> None:
    """Serve until SIGTERM or SIGINT comes and nothing runs any more."""
    configure_dask()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    with tempfile.TemporaryDirectory(prefix="ioi-worker-") as folder:
        while not stopping.is_set():
            worker = _worker(serving, folder)
            worker.ioi_runner = runner
            try:
                await worker
            except Exception as error:  # OSError, TimeoutError, CommClosedError, a certificate that does not fit
                _log.warning("no scheduler at %s: %r", serving.cluster.address, error)
                await worker.close(executor_wait=False)
                await _either(stopping.wait(), asyncio.sleep(_TRY_AGAIN))
                continue
            _log.info("worker %s of %s listens at %s", serving.name, serving.cluster.address, worker.address)
            telling = asyncio.create_task(_tell(serving, runner, worker))
            await _either(stopping.wait(), worker.finished())
            if stopping.is_set():
                await _hand_back(runner, worker, serving.grace)
            telling.cancel()
            await worker.close()


def _worker(serving: Serving, folder: str) -> QuietWorker:
    cluster = serving.cluster
    return QuietWorker(
        cluster.address,
        name=serving.name,
        nthreads=1,
        resources={resource(serving.numerics): 1},
        security=cluster.security(),
        protocol=cluster.protocol,
        host=serving.host or get_ip(cluster.host, cluster.port),
        port=serving.port,
        local_directory=folder,
        memory_limit=0,
        dashboard=False,
        blocked_handlers=list(_BLOCKED),
    )


async def _tell(serving: Serving, runner: Runner, worker: QuietWorker) -> None:
    """Tell replicas twice a second how far the running computation is, and look at this process's memory."""
    process = psutil.Process()
    while True:
        await asyncio.sleep(_SAY_EVERY)
        runner.say(worker)
        if serving.megabytes and (taken := process.memory_info().rss / 2**20) > serving.megabytes:
            _log.error("this worker takes %d MB, more than the %d it may: it ends", taken, serving.megabytes)
            logging.shutdown()
            os._exit(TOO_LARGE)  # the scheduler gives its work to another one; what started it starts it anew


async def _hand_back(runner: Runner, worker: QuietWorker, grace: float) -> None:
    """Take no new work, wait for what runs, hand it back if it takes longer, and leave the cluster."""

    def ended() -> bool:
        return runner.now is None and not worker.state.all_running_tasks

    worker.status = Status.paused
    await _until(ended, grace)
    runner.hand_back.set()
    await _until(ended, _HANDING_BACK)
    if worker.status is Status.paused:  # the scheduler is there
        await _until(lambda: not worker.data, _FETCHING)  # the answer of what has just ended is here alone
        with suppress(TimeoutError, OSError):  # what it holds cannot be moved, or the scheduler went meanwhile
            await asyncio.wait_for(worker.close_gracefully(), 10)


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so, or the time is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not done() and loop.time() < end:
        await asyncio.sleep(0.05)


async def _either(*waits: Any) -> None:
    """Wait until one of several ends."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
