"""The cluster computes as one process does: once for all who ask, in turn, with progress, errors to everyone."""

import time
from pathlib import Path

import numpy as np
import pytest

from cache.cluster.answers import WorkerFailedError
from cache.cluster.link import NO_WORKER
from cache.jobs import JobCancelledError, JobState
from cache.line import new_place
from ioi_core.errors import PromptError
from tests.cache.cluster.processes import Processes, model, notes
from tests.cache.stand_ins import finish, until


def test_fifty_visitors_of_two_replicas_cause_one_computation(cluster: Processes, kind: str, tmp_path: Path) -> None:
    cluster.worker(kind)
    cluster.worker(kind)
    replicas = [cluster.replica(kind), cluster.replica(kind)]
    for replica in replicas:
        replica.ask(25, "count", folder=str(tmp_path), x=7.0, seconds=1.0)
    answers = [answer for replica in replicas for answer in replica.answers()]
    assert len(answers) == 50
    assert all(np.array_equal(answer, [7.0, 8.0]) for answer in answers)
    assert notes(tmp_path) == ["begin 7.0", "end 7.0"]


def test_a_replica_keeps_what_it_got_and_a_worker_answers_from_what_it_kept(cluster, kind, replica, tmp_path) -> None:
    first, second = replica(), replica()
    asked = {"folder": str(tmp_path), "x": 1.0}
    cluster.worker(kind, tmp_path / "kept")
    got = finish(first.request("count", model(kind), **asked)).result()
    assert first.is_kept("count", model(kind), **asked)
    assert first.request("count", model(kind), **asked).result() is got
    first.stop(20)  # so nobody holds the result at its worker
    assert not second.is_kept("count", model(kind), **asked)
    assert np.array_equal(finish(second.request("count", model(kind), **asked)).result(), got)
    assert notes(tmp_path) == ["begin 1.0", "end 1.0"]


def test_progress_and_the_places_before_one_are_told_across_replicas(cluster, kind, replica, tmp_path) -> None:
    here, there = replica(), replica()
    asked = {"folder": str(tmp_path), "seconds": 2.0}
    early = here.request("count", model(kind), place=new_place("early"), **asked)
    until(lambda: early.wait(0.01) or early.note == NO_WORKER)
    cluster.worker(kind)
    until(lambda: early.wait(0.01) or early.done > 2)
    assert early.state is JobState.RUNNING
    assert early.total == 40
    assert early.note == ""
    assert early.seconds_left > 0
    late = {visitor: here.request("count", model(kind), place=new_place(visitor), x=float(n), **asked)
            for n, visitor in enumerate("ab", 1)}  # fmt: skip
    time.sleep(0.05)
    last = there.request("count", model(kind), place=new_place("c"), x=3.0, **asked)
    until(lambda: [job.wait(0.01) for job in (early, *late.values(), last)] and last.ahead == 2)
    assert [job.ahead for job in late.values()] == [0, 1]
    assert last.state is JobState.QUEUED
    joined = there.request("count", model(kind), place=new_place("d"), **asked)  # what runs for the other replica
    until(lambda: joined.wait(0.01) or joined.done > 0)
    for job in (early, joined):
        finish(job)
    assert notes(tmp_path).count("begin 0.0") == 1


def test_who_opens_many_pages_does_not_hold_up_a_visitor_of_another_replica(cluster, kind, replica, tmp_path) -> None:
    here, there = replica(), replica()
    asked = {"folder": str(tmp_path), "seconds": 0.3}
    cluster.worker(kind)
    jobs = [here.request("count", model(kind), place=new_place("many"), x=float(n), **asked) for n in range(6)]
    until(lambda: [job.wait(0.01) for job in jobs] and notes(tmp_path))
    jobs.append(there.request("count", model(kind), place=new_place("one"), x=99.0, **asked))
    until(lambda: all([job.wait(0.01) for job in jobs]))
    begun = [line for line in notes(tmp_path) if line.startswith("begin")]
    assert begun.index("begin 99.0") <= 2
    assert begun == sorted(begun[:1]) + [line for line in begun[1:] if line == "begin 99.0" or line > begun[0]]
    again = there.request("count", model(kind), place=new_place("one"), x=100.0, **asked)  # rounds went on there too
    more = [here.request("count", model(kind), place=new_place("many"), x=200.0 + n, **asked) for n in range(3)]
    until(lambda: all([job.wait(0.01) for job in (again, *more)]))
    begun = [line for line in notes(tmp_path) if line.startswith("begin")]
    assert begun.index("begin 100.0") <= begun.index("begin 201.0")


def test_errors_reach_everyone_and_are_not_kept(cluster, kind, replica, tmp_path) -> None:
    here, there = replica(), replica()
    asked = {"folder": str(tmp_path)}
    jobs = [one.request("fails", model(kind), **asked) for one in (here, there)]
    cluster.worker(kind)
    for job in jobs:
        assert finish(job).state is JobState.FAILED
        with pytest.raises(PromptError, match="Write another prompt"):
            job.result()
    assert notes(tmp_path) == ["begin"]
    again = finish(here.request("fails", model(kind), **asked))
    assert isinstance(again.error, PromptError)
    assert notes(tmp_path) == ["begin"] * 2
    unexpected = finish(here.request("fails", model(kind), unexpected=True, **asked)).error
    assert isinstance(unexpected, WorkerFailedError)
    assert str(unexpected) == "ValueError"  # its words may be a visitor's


def test_what_nobody_watches_any_more_is_stopped_within_a_step(cluster, kind, replica, tmp_path) -> None:
    here, there = replica(patience=3), replica()
    asked = {"folder": str(tmp_path), "seconds": 90.0}  # longer than the test waits for anything
    cluster.worker(kind)
    cluster.worker(kind)
    left, shared = (here.request("count", model(kind), x=x, **asked) for x in (1.0, 2.0))
    until(lambda: [left.watch(), shared.watch()] and len(notes(tmp_path)) == 2)
    also = there.request("count", model(kind), x=2.0, **asked)
    until(lambda: also.wait(0.01) or also.done > 0)
    until(lambda: also.watch() and "StoppedError 1.0" in notes(tmp_path))
    assert isinstance(left.error, JobCancelledError)
    assert isinstance(shared.error, JobCancelledError)
    done = also.done
    until(lambda: also.watch() and also.done > done + 20)  # one replica has left, the other one waits still
    assert notes(tmp_path).count("StoppedError 2.0") == 0
    fresh = here.request("count", model(kind), x=1.0, **asked)  # is not handed what was stopped
    until(lambda: [also.watch(), fresh.watch()] and notes(tmp_path).count("begin 1.0") == 2)
