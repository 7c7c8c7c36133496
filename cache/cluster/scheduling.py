"""The scheduler's process: Dask's own scheduler on one address, without web pages, with the shelf of parts."""

import asyncio
import logging
import signal
import time
from typing import Any

from distributed import Scheduler

from cache.cluster.address import Cluster, configure_dask
from cache.cluster.shelf import Shelf

_BLOCKED = ("run_function", "feed", "broadcast", "register_worker_plugin", "register_nanny_plugin", "restart")
"""What no replica or worker asks for. It only narrows what a client can do: a task that it submits is code as well."""

_SHARE_EVERY = 0.5  # seconds
_STUCK_AFTER = 20.0  # seconds without anything running on a worker that has work

_log = logging.getLogger(__name__)


class QuietScheduler(Scheduler):  # type: ignore[misc]  # Dask is Any to mypy here
    """Dask's scheduler without the web server that it starts even where there is no dashboard."""

    def start_http_server(self, *_args: Any, **_options: Any) -> None:
        """Start none."""

    async def remove_worker(self, address: str, *, expected: bool = False, **how: Any) -> Any:
        """Remove a worker; of its work only what ran is held responsible for its end, not all that waited there."""
        worker = self.workers.get(address)
        if worker is not None and not expected and worker.processing:
            first = min(worker.processing, key=lambda task: task.priority)
            for task in worker.processing:
                task.suspicious -= task is not first and task not in worker.executing
        return await super().remove_worker(address, expected=expected, **how)

    async def unknown(self, client: str, keys: list[str]) -> list[str]:
        """Return which of the keys that a client waits for are none that it will hear of."""
        asked = ((key, self.tasks.get(key)) for key in keys)
        return [key for key, task in asked if task is None or not _is_under_way(task, client)]


async def schedule(cluster: Cluster, *, stopping: asyncio.Event | None = None) -> None:
    """Serve at the address of `cluster` until SIGTERM or SIGINT comes, or `stopping` is set.

    Raises:
        OSError: the address is taken or not this machine's.
    """
    configure_dask()
    stop = stopping or asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    scheduler = QuietScheduler(
        host=cluster.host,
        port=cluster.port,
        protocol=cluster.protocol,
        security=cluster.security(),
        dashboard=False,
        blocked_handlers=list(_BLOCKED),
    )
    Shelf().register(scheduler)
    scheduler.handlers["ioi_unknown"] = scheduler.unknown
    async with scheduler:
        _log.info("the scheduler listens at %s", scheduler.address)
        looking = asyncio.create_task(_look_after(scheduler))
        ended = asyncio.create_task(scheduler.finished())
        await asyncio.wait({ended, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        looking.cancel()


async def _look_after(scheduler: QuietScheduler) -> None:
    """See to it, for good, that all workers have work and do it."""
    stuck = Stuck(scheduler)
    while True:
        await asyncio.sleep(_SHARE_EVERY)
        try:
            _share_out(scheduler)
            await stuck.look()
        except Exception:
            _log.exception("looking after the workers failed")


def _share_out(scheduler: QuietScheduler) -> None:
    """Give each idle worker what waits behind another one.

    Dask moves tasks by how long it expects them to take, from others of their name: it leaves a long one that it takes
    for a short one waiting beside idle workers, such as all those that came before the first worker.
    """
    for thief in [worker for worker in scheduler.running if not worker.processing]:
        waiting = [
            (task.priority, task, worker)
            for worker in scheduler.running
            if len(worker.processing) > 1
            for task in worker.processing
            if task not in worker.executing and _can_run(thief, task)
        ]
        if waiting:
            _, task, victim = min(waiting, key=lambda one: one[0])
            scheduler.extensions["stealing"].move_task_request(task, victim, thief)


class Stuck:
    """Finds workers that have work and, though they answer, do none of it.

    Dask's scheduler and worker can come to differ in what the worker has (dask/distributed issues 3761, 5370, 8787).
    Such a worker is taken out; its process joins again as a new one, and its work goes elsewhere.
    """

    def __init__(self, scheduler: QuietScheduler):
        self._scheduler = scheduler
        self._seen: dict[str, tuple[float, frozenset[str]]] = {}  # address -> since when, and with what work

    async def look(self) -> None:
        """Take out those that have done nothing for too long."""
        now, before, self._seen = time.monotonic(), self._seen, {}
        for worker in [*self._scheduler.running]:
            work = frozenset(task.key for task in worker.processing)
            if not work or worker.executing:
                continue
            since, earlier = before.get(worker.address, (now, work))
            self._seen[worker.address] = since if earlier <= work else now, work
            if earlier <= work and now - since > _STUCK_AFTER:
                _log.error("worker %s has %d tasks and does none: it begins anew", worker.name, len(work))
                await self._scheduler.remove_worker(worker.address, expected=True, stimulus_id=f"ioi-stuck-{now}")


def _is_under_way(task: Any, client: str) -> bool:
    """Return whether a client is told of a task that has not ended yet."""
    return task.state in ("waiting", "no-worker", "queued", "processing") and any(
        one.client_key == client for one in task.who_wants or ()
    )


def _can_run(worker: Any, task: Any) -> bool:
    """Return whether a worker has the resources that a task asks for."""
    return all(worker.resources.get(name, 0) >= amount for name, amount in (task.resource_restrictions or {}).items())
