"""Workers, replicas and the scheduler end at any moment: nothing that was shown is lost, and all goes on by itself."""

import os
import signal
from pathlib import Path

import numpy as np

from cache.cluster.link import GONE, NO_WORKER
from cache.computations import Computations
from tests.cache.cluster.processes import Processes, computations, model, notes, processes
from tests.cache.stand_ins import finish, until


def test_a_replica_that_is_killed_takes_its_computations_along(cluster: Processes, kind: str, tmp_path: Path) -> None:
    cluster.worker(kind)
    replica = cluster.replica(kind)
    replica.ask(1, "count", folder=str(tmp_path), seconds=60.0)
    until(lambda: notes(tmp_path))
    cluster.kill(replica.process)
    until(lambda: notes(tmp_path) == ["begin 0.0", "StoppedError 0.0"])


def test_a_worker_that_is_killed_is_replaced_and_finished_parts_are_not_computed_again(
    cluster, kind, replica, tmp_path
) -> None:
    asked = replica()
    workers = [cluster.worker(kind), cluster.worker(kind)]
    job = asked.request("in_parts", model(kind), folder=str(tmp_path), n=8, seconds=0.2)
    until(lambda: job.wait(0.01) or len(notes(tmp_path)) >= 3)
    process_id = int(notes(tmp_path)[0].split()[-1])
    cluster.kill(next(worker for worker in workers if worker.pid == process_id))
    finish(job)
    assert np.array_equal(job.result(), np.arange(8) / 3)
    computed = [line.rpartition(" ")[0] for line in notes(tmp_path)]
    assert {line.split()[-1] for line in notes(tmp_path)} == {str(worker.pid) for worker in workers}
    assert sorted(set(computed)) == [f"part {n}" for n in range(8)]
    assert len(computed) <= 9  # the one that was being computed, at most


def test_a_worker_that_is_stopped_finishes_or_hands_back(cluster, kind, replica, tmp_path) -> None:
    asked = replica()
    first = cluster.worker(kind, grace=20.0, answering=0.5)  # as on a busy machine
    short = asked.request("count", model(kind), folder=str(tmp_path), seconds=1.0)
    until(lambda: short.wait(0.01) or notes(tmp_path))
    os.kill(first.pid, signal.SIGTERM)
    finish(short)
    first.join(30)
    assert first.exitcode == 0
    assert notes(tmp_path) == ["begin 0.0", "end 0.0"]
    second = cluster.worker(kind, grace=0.2)
    long = asked.request("count", model(kind), folder=str(tmp_path), x=1.0, seconds=3.0)
    until(lambda: long.wait(0.01) or "begin 1.0" in notes(tmp_path))
    cluster.worker(kind)
    os.kill(second.pid, signal.SIGTERM)
    until(lambda: long.wait(0.01) or "Reschedule 1.0" in notes(tmp_path))
    finish(long)
    second.join(30)
    assert second.exitcode == 0
    of_long = [line for line in notes(tmp_path) if line.endswith("1.0")]
    assert of_long == ["begin 1.0", "Reschedule 1.0", "begin 1.0", "end 1.0"]


def test_while_the_scheduler_is_gone_pages_say_so_and_go_on_by_themselves(tmp_path: Path) -> None:
    with processes() as these:
        asked = computations(these.cluster)
        assert_gone(asked)  # from the start
        scheduler = these.scheduler()
        these.worker()
        kept = {"folder": str(tmp_path), "x": 1.0}
        finish(asked.request("count", model(), **kept))
        assert asked.warning is None
        job = asked.request("count", model(), folder=str(tmp_path), x=2.0, seconds=1.0)
        until(lambda: job.wait(0.01) or "begin 2.0" in notes(tmp_path))
        these.kill(scheduler)
        until(lambda: job.wait(0.01) or asked.warning == job.note == GONE)
        assert asked.request("count", model(), **kept).ended
        until(lambda: job.wait(0.01) or "StoppedError 2.0" in notes(tmp_path))
        these.scheduler()
        finish(job)
        assert np.array_equal(job.result(), [2.0, 3.0])
        assert asked.warning is None
        assert asked.stop(20)


def assert_gone(asked: Computations) -> None:
    until(lambda: asked.warning == GONE)


def test_a_replica_says_whether_anybody_is_there_to_compute(cluster, kind, replica) -> None:
    """What the health check asks, also while all that pages ask for is kept."""
    asked = replica()
    until(lambda: asked.missing(model(kind)) == NO_WORKER)
    worker = cluster.worker(kind)
    until(lambda: asked.missing(model(kind)) == "")
    cluster.kill(worker)
    until(lambda: asked.missing(model(kind)) == NO_WORKER)
