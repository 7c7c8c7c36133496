"""Every wait has an end: connections that cannot be closed, messages that do not come, workers that do nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from distributed.client import ClosedClientError
from distributed.core import Status

from cache.cluster import link, scheduling
from cache.cluster.address import Cluster, configure_dask
from cache.cluster.link import Link
from cache.cluster.scheduling import QuietScheduler, Stuck
from cache.cluster.serving import QuietWorker
from cache.cluster.task import compute
from tests.cache.cluster.processes import model, notes
from tests.cache.stand_ins import finish, until

_ANSWER = {"error": "ClusterError", "words": "A worker of the cluster is not one of this program."}


def lose_the_connection(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler fails to answer once, and Dask's client hangs when it is closed."""

    resources, failed = link._resources, []

    async def fail_once(client: Client) -> frozenset[str]:
        if not failed:
            failed.append(1)

            async def hang(*_: Any, **__: Any) -> None:
                client._handle_report_task.cancel()
                await asyncio.sleep(3600)

            monkeypatch.setattr(client, "_close", hang)
            raise TimeoutError
        return await resources(client)

    monkeypatch.setattr(link, "_ANSWERING", 1.0)
    monkeypatch.setattr(link, "_resources", fail_once)


def stop_listening(asked: Any, _: pytest.MonkeyPatch) -> None:
    """Dask's client ends its reading of the scheduler's messages and goes on as if nothing were the matter."""
    connection = asked._elsewhere._link
    asked._elsewhere._loop.call_soon_threadsafe(connection.client._handle_report_task.cancel)


def have_no_certificates(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are being replaced when the connection has to be made anew."""
    security, failed = Cluster.security, []

    def fail_once(cluster: Cluster) -> Any:
        if not failed:
            failed.append(1)
            raise FileNotFoundError("ca.pem")
        return security(cluster)

    monkeypatch.setattr(Cluster, "security", fail_once)
    stop_listening(asked, monkeypatch)


def close_the_client(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is closed when it is asked for something else, which nobody has seen yet."""
    connection, failed = asked._elsewhere._link, []
    submit = connection.client.submit

    def fail_once(*given: Any, **how: Any) -> Any:
        if not failed:
            failed.append(1)
            raise ClosedClientError
        return submit(*given, **how)

    monkeypatch.setattr(connection.client, "submit", fail_once)


@pytest.mark.parametrize("harm", [lose_the_connection, stop_listening, have_no_certificates, close_the_client])
def test_who_waits_is_answered_though_the_connection_fails_in_silence(
    cluster, kind, replica, tmp_path: Path, monkeypatch, harm: Callable[..., None]
) -> None:
    cluster.worker(kind)
    asked = replica()
    job = asked.request("count", model(kind), folder=str(tmp_path), seconds=1.0)
    until(lambda: job.wait(0.01) or notes(tmp_path))
    harm(asked, monkeypatch)
    other = asked.request("count", model(kind), folder=str(tmp_path), x=1.0)
    until(lambda: all([each.wait(0.01) for each in (job, other)]))
    assert np.array_equal(finish(job).result(), [0.0, 1.0])
    assert np.array_equal(finish(other).result(), [1.0, 2.0])


def run(test: Callable[[QuietScheduler, Client], Coroutine[Any, Any, None]]) -> None:
    """Run a test with a scheduler and a client in this process."""

    async def all_of_it() -> None:
        async with QuietScheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
            scheduler.handlers["ioi_unknown"] = scheduler.unknown
            async with Client(scheduler.address, asynchronous=True, set_as_default=False) as client:
                await test(scheduler, client)

    configure_dask()
    asyncio.run(asyncio.wait_for(all_of_it(), 120))


@asynccontextmanager
async def working(scheduler: QuietScheduler, folder: Path) -> AsyncIterator[QuietWorker]:
    worker = QuietWorker(
        scheduler.address, nthreads=1, resources={"device": 1}, memory_limit=0, local_directory=str(folder)
    )
    async with worker:
        yield worker


def submit(client: Client, key: str, priority: int = 0) -> Any:
    return client.submit(compute, {}, 0, key=key, resources={"device": 1}, priority=priority, fifo_timeout="0 ms")


async def soon(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def test_what_the_scheduler_has_forgotten_is_asked_for_again() -> None:
    async def test(scheduler: QuietScheduler, client: Client) -> None:
        connection = Link(Cluster(scheduler.address), "replica", list, print)
        future = submit(client, "lost")
        await soon(lambda: "lost" in scheduler.tasks)
        ask = connection._ask_again_for_what_is_lost
        await ask(client)
        await ask(client)
        assert future.status == "pending"  # nobody is there to compute it, and the scheduler knows of it
        del scheduler.tasks["lost"]
        await ask(client)
        assert future.status == "pending"  # a message may be under way
        await ask(client)
        assert future.status == "cancelled"

    run(test)


def test_a_worker_that_does_none_of_its_work_is_taken_out_and_another_one_does_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(scheduling, "_STUCK_AFTER", 0.3)

    async def test(scheduler: QuietScheduler, client: Client) -> None:
        stuck = Stuck(scheduler)
        async with working(scheduler, tmp_path / "a") as idle, working(scheduler, tmp_path / "b") as other:
            assert await submit(client, "done") == _ANSWER
            idle.state.available_resources["device"] = 0  # as if something ran that does not
            await other.close()
            future = submit(client, "stuck")
            # "done" may come there as well, until the scheduler hears that nobody wants it any more.
            await soon(lambda: any(task.key == "stuck" for task in scheduler.workers[idle.address].processing))
            async with working(scheduler, tmp_path / "c"):
                while idle.status is not Status.closed:
                    await stuck.look()
                    await asyncio.sleep(0.05)
                assert await future == _ANSWER
                assert scheduler.tasks["stuck"].suspicious == 0

    run(test)


def test_work_that_only_waited_at_workers_that_ended_is_not_held_responsible(tmp_path: Path) -> None:
    async def test(scheduler: QuietScheduler, client: Client) -> None:
        async with working(scheduler, tmp_path) as worker:
            worker.state.available_resources["device"] = 0
            futures = [submit(client, f"task {n}", -n) for n in range(3)]
            await soon(lambda: len(scheduler.workers[worker.address].processing) == 3)
            await scheduler.remove_worker(worker.address, stimulus_id="a test")
            assert [scheduler.tasks[future.key].suspicious for future in futures] == [1, 0, 0]

    run(test)
