"""The scheduler's process: Dask's own scheduler on one address, without web pages, with the shelf of parts."""

import asyncio
import logging
import signal
from typing import Any

from distributed import Scheduler

from cache.cluster.address import Cluster, configure_dask
from cache.cluster.shelf import Shelf

_BLOCKED = ("run_function", "feed", "broadcast", "register_worker_plugin", "register_nanny_plugin", "restart")
"""What no replica or worker asks for. It only narrows what a client can do: a task that it submits is code as well."""

_SHARE_EVERY = 0.5  # seconds

_log = logging.getLogger(__name__)


class QuietScheduler(Scheduler):  # type: ignore[misc]  # Dask is Any to mypy here
    """Dask's scheduler without the web server that it starts even where there is no dashboard."""

    def start_http_server(self, *_args: Any, **_options: Any) -> None:
        """Start none."""


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
    async with scheduler:
        _log.info("the scheduler listens at %s", scheduler.address)
        sharing = asyncio.create_task(_share_out(scheduler))
        ended = asyncio.create_task(scheduler.finished())
        await asyncio.wait({ended, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
        sharing.cancel()


async def _share_out(scheduler: QuietScheduler) -> None:
    """Give each idle worker what waits behind another one, for good.

    Dask moves tasks by how long it expects them to take, from others of their name: it leaves a long one that it takes
    for a short one waiting beside idle workers, such as all those that came before the first worker.
    """
    stealing = scheduler.extensions["stealing"]
    while True:
        await asyncio.sleep(_SHARE_EVERY)
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
                stealing.move_task_request(task, victim, thief)


def _can_run(worker: Any, task: Any) -> bool:
    """Return whether a worker has the resources that a task asks for."""
    return all(worker.resources.get(name, 0) >= amount for name, amount in (task.resource_restrictions or {}).items())
