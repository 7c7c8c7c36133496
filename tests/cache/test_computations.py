"""Computations: exactly one for all who ask, cancelled when nobody waits, errors to everyone and never kept."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from cache import jobs
from cache.analyses import Analysis
from cache.computations import Computations
from cache.jobs import JobCancelledError, JobState, UnexpectedEndError
from cache.line import QueueFullError, new_place
from cache.store.memory import MemoryStore
from ioi_core.errors import PromptError
from tests.cache.stand_ins import MODEL, Clock, Gate, finish, until


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that jobs have been left alone."""
    return Clock.of(jobs, monkeypatch)


def computations(function: Callable[..., object], **options) -> Computations:
    return Computations(MemoryStore(10**6), analyses={"it": Analysis(function, 1)}, **options)


def test_fifty_threads_that_ask_for_the_same_cause_one_computation():
    gate = Gate()
    asked = computations(gate)
    barrier = threading.Barrier(50)
    results: list[object] = []

    def ask() -> None:
        barrier.wait()
        results.append(finish(asked.request("it", MODEL, x=3)).result())

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    assert gate.entered.wait(60)
    gate.opened.set()
    for thread in threads:
        thread.join()
    assert gate.calls == [3]
    assert len(results) == 50
    assert len({id(result) for result in results}) == 1


def test_many_threads_asking_for_many_things_compute_each_once():
    calls: list[int] = []

    def square(model, *, x, progress):
        calls.append(x)
        return np.array([x * x])

    asked = computations(square)

    def ask(seed: int) -> None:
        for x in np.random.default_rng(seed).permutation(20).tolist():
            assert finish(asked.request("it", MODEL, x=x)).result() == x * x

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(calls) == list(range(20))


def test_a_kept_result_is_a_finished_job_at_once():
    asked = computations(lambda model, *, progress: np.array([1]))
    first = finish(asked.request("it", MODEL)).result()
    again = asked.request("it", MODEL)
    assert again.state is JobState.DONE
    assert again.result() is first


def test_asking_whether_a_result_is_kept_computes_nothing():
    gate = Gate()
    gate.opened.set()
    asked = computations(gate)
    assert not asked.is_kept("it", MODEL, x=1)
    assert gate.calls == []
    finish(asked.request("it", MODEL, x=1))
    assert asked.is_kept("it", MODEL, x=1)
    assert not asked.is_kept("it", MODEL, x=2)
    assert gate.calls == [1]


def test_another_model_or_parameter_is_computed_anew():
    gate = Gate()
    gate.opened.set()
    asked = computations(gate)
    other = SimpleNamespace(**vars(MODEL) | {"fingerprint": "g"})
    rounded = SimpleNamespace(**vars(MODEL) | {"numerics": "bfloat16"})
    for model, x in [(MODEL, 1), (MODEL, 2), (other, 1), (rounded, 1), (MODEL, 1)]:
        finish(asked.request("it", model, x=x))
    assert gate.calls == [1, 2, 1, 1]


def test_a_result_that_was_dropped_is_computed_again():
    gate = Gate()
    gate.opened.set()
    asked = Computations(MemoryStore(1), analyses={"it": Analysis(gate, 1)})
    finish(asked.request("it", MODEL))
    finish(asked.request("it", MODEL))
    assert gate.calls == [0, 0]


def test_a_running_job_that_nobody_watches_is_cancelled_and_can_be_asked_for_again(clock):
    gate = Gate()
    asked = computations(gate, patience=0.1)
    job = asked.request("it", MODEL)
    assert gate.entered.wait(60)
    clock.seconds += 0.11
    until(lambda: gate.cancelled == 1)
    assert job.state is JobState.CANCELLED
    with pytest.raises(JobCancelledError):
        job.result()
    gate.opened.set()
    assert finish(asked.request("it", MODEL, x=0)).state is JobState.DONE


def test_one_watcher_among_many_keeps_a_job_alive(clock):
    gate = Gate()
    asked = computations(gate, patience=0.2)
    jobs = [asked.request("it", MODEL) for _ in range(5)]
    for _ in range(20):
        clock.seconds += 0.15
        jobs[0].watch()
        seen = jobs[0].done
        until(lambda seen=seen: jobs[0].done > seen + 1)  # it has looked at its watchers since
    assert gate.cancelled == 0
    gate.opened.set()
    assert finish(jobs[4]).state is JobState.DONE


def test_a_waiting_job_that_nobody_watches_leaves_the_line(clock):
    gate = Gate()
    asked = computations(gate, patience=0.2, max_waiting=1)
    running = asked.request("it", MODEL, x=0)
    assert gate.entered.wait(60)
    left_behind = asked.request("it", MODEL, x=1)
    with pytest.raises(QueueFullError, match="Too many visitors"):
        asked.request("it", MODEL, x=2)
    for _ in range(2):
        clock.seconds += 0.15
        running.watch()
    wanted = asked.request("it", MODEL, x=2)
    assert left_behind.state is JobState.CANCELLED
    gate.opened.set()
    finish(wanted)
    assert gate.calls == [0, 2]


def test_a_refused_request_can_be_repeated_later():
    gate = Gate()
    asked = computations(gate, max_waiting=1)
    jobs = [asked.request("it", MODEL, x=0)]
    assert gate.entered.wait(60)
    jobs.append(asked.request("it", MODEL, x=1))
    with pytest.raises(QueueFullError):
        asked.request("it", MODEL, x=2)
    gate.opened.set()
    for job in jobs:
        finish(job)
    assert finish(asked.request("it", MODEL, x=2)).state is JobState.DONE


def test_the_place_in_line_counts_the_running_job_and_moves_up():
    gate = Gate()
    asked = computations(gate)
    jobs = [asked.request("it", MODEL, x=0)]
    assert gate.entered.wait(60)
    jobs += [asked.request("it", MODEL, x=x) for x in (1, 2)]
    assert [job.ahead for job in jobs] == [0, 1, 2]
    gate.opened.set()
    for job in jobs:
        finish(job)
    assert gate.calls == [0, 1, 2]


def test_a_page_is_one_place_and_complete_before_the_next_begins():
    gate = Gate()
    asked = computations(gate)
    ann, bob, cyd = (new_place(visitor) for visitor in ("ann", "bob", "cyd"))
    jobs = [asked.request("it", MODEL, place=ann, x=0)]
    assert gate.entered.wait(60)
    jobs += [asked.request("it", MODEL, place=bob, x=x) for x in (10, 11)]
    jobs += [asked.request("it", MODEL, place=cyd, x=x) for x in (20, 21)]
    jobs += [asked.request("it", MODEL, place=ann, x=x) for x in (1, 2)]
    assert asked.waiting == 3
    assert [job.ahead for job in jobs] == [0, 1, 1, 2, 2, 0, 0], "visitors, not computations"
    gate.opened.set()
    for job in jobs:
        finish(job)
    assert gate.calls == [0, 1, 2, 10, 11, 20, 21]


def test_one_visitors_twenty_pages_do_not_starve_anothers_one():
    gate = Gate()
    asked = computations(gate)
    pages = [new_place("ann") for _ in range(20)]
    jobs = [asked.request("it", MODEL, place=page, x=x) for x, page in enumerate(pages)]
    assert gate.entered.wait(60)
    bob, cyd = new_place("bob"), new_place("cyd")
    late = [asked.request("it", MODEL, place=place, x=x) for place, x in ((bob, 100), (bob, 101), (cyd, 200))]
    assert [job.ahead for job in (*late, jobs[1])] == [1, 1, 2, 3]
    shared = asked.request("it", MODEL, place=new_place("dan"), x=19)  # ann's last: it is dan's first
    assert shared is jobs[19]
    gate.opened.set()
    for job in (*jobs, *late):
        finish(job)
    assert gate.calls[:6] == [0, 100, 101, 200, 19, 1], "everybody's first goes before anybody's second"
    anns = [x for x in gate.calls if x < 19]
    assert anns == sorted(anns), "one visitor's own pages stay in order"


def test_a_line_is_full_of_visitors_not_of_computations():
    gate = Gate()
    asked = computations(gate, max_waiting=6)
    jobs = [asked.request("it", MODEL, place=new_place("ann"), x=0)]
    assert gate.entered.wait(60)
    first, second, third = (new_place("ann") for _ in range(3))
    jobs += [asked.request("it", MODEL, place=place, x=x) for x, place in ((1, first), (2, second), (3, third))]
    jobs += [asked.request("it", MODEL, place=first, x=x) for x in range(30, 50)]
    assert asked.waiting == 3
    with pytest.raises(QueueFullError, match="3 of your pages"):
        asked.request("it", MODEL, place=new_place("ann"), x=4)
    jobs += [
        asked.request("it", MODEL, place=new_place(name), x=x) for name, x in (("bob", 10), ("cyd", 11), ("dan", 12))
    ]
    with pytest.raises(QueueFullError, match="Too many visitors"):
        asked.request("it", MODEL, place=new_place("eve"), x=20)
    gate.opened.set()
    for job in jobs:
        finish(job)


def test_what_a_page_alone_asked_for_ends_when_it_is_left():
    gate = Gate()
    asked = computations(gate)
    ann, bob = new_place("ann"), new_place("bob")
    running = asked.request("it", MODEL, place=ann, x=0)
    assert gate.entered.wait(60)
    alone, shared = (asked.request("it", MODEL, place=ann, x=x) for x in (1, 2))
    assert asked.request("it", MODEL, place=bob, x=2) is shared
    asked.leave(ann)
    assert (running.state, alone.state, shared.state) == (JobState.CANCELLED, JobState.CANCELLED, JobState.QUEUED)
    gate.opened.set()
    finish(shared)
    assert gate.calls == [0, 2]
    assert finish(asked.request("it", MODEL, place=new_place("ann"), x=0)).state is JobState.DONE


def test_stopping_cancels_what_runs_and_what_waits():
    gate = Gate()
    asked = computations(gate)
    running = asked.request("it", MODEL, x=0)
    assert gate.entered.wait(60)
    waiting = asked.request("it", MODEL, x=1)
    assert asked.stop(60.0)
    assert (running.state, waiting.state) == (JobState.CANCELLED, JobState.CANCELLED)
    assert gate.calls == [0]


def test_progress_elapsed_and_time_left(clock):
    step = threading.Semaphore(0)

    def slow(model, *, progress):
        step.acquire()
        clock.seconds += 0.5
        progress(1, 4)
        step.acquire()
        return 1

    job = computations(slow).request("it", MODEL)
    assert job.seconds_left is None
    step.release()
    while job.done == 0:
        job.wait(0.01)
    assert (job.done, job.total, job.state) == (1, 4, JobState.RUNNING)
    assert job.seconds_elapsed == 0.5
    assert job.seconds_left == 1.5
    step.release()
    finish(job)
    assert job.seconds_left is None


def test_an_error_reaches_every_waiter_and_is_not_kept():
    gate = Gate()
    calls: list[int] = []

    def fails_once(model, *, progress):
        calls.append(1)
        gate(model, progress=progress)
        if len(calls) == 1:
            raise PromptError("write another name")
        return 7

    asked = computations(fails_once)
    jobs = [asked.request("it", MODEL) for _ in range(10)]
    assert gate.entered.wait(60)
    gate.opened.set()
    for job in jobs:
        assert finish(job).state is JobState.FAILED
        with pytest.raises(PromptError, match="another name"):
            job.result()
    assert finish(asked.request("it", MODEL)).result() == 7


def test_a_store_that_fails_does_not_cost_the_result():
    class Broken:
        def get(self, key):
            return None

        def place(self, key):
            return None

        def put(self, key, result):
            raise OSError("disk full")

    asked = Computations(Broken(), analyses={"it": Analysis(lambda model, *, progress: 7, 1)})
    assert finish(asked.request("it", MODEL)).result() == 7


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt, BaseException])
def test_an_analysis_that_ends_by_no_ordinary_exception_tells_its_waiter_and_the_next_one_runs(ending):
    def ends(model, *, x, progress):
        if x == 0:
            raise ending
        return x

    asked = computations(ends)
    jobs = [asked.request("it", MODEL, x=x) for x in (0, 1)]
    with pytest.raises(UnexpectedEndError, match="try again"):
        finish(jobs[0]).result()
    assert finish(jobs[1]).result() == 1


def test_an_unkeyable_parameter_is_refused():
    with pytest.raises(TypeError, match="no key"):
        computations(Gate()).request("it", MODEL, x=object())
