"""A page's one call for its numbers: ask, wait with progress shown, return the results.

The script thread only waits; the worker computes. Meanwhile Streamlit leaves the last figures in place, greyed, and a
box that floats over the page shows the progress, so nothing jumps. Each `watch` of a job is its heartbeat: a closed tab
or a changed control ends this script run at its next Streamlit call, the heartbeat stops, and the job is cancelled.
"""

import time
import uuid
from collections.abc import Sequence
from typing import TypeVar, cast, overload

import streamlit as st

from app.hosting.services import computations, settings
from app.hosting.visitors import place
from app.questions.ask import Request
from app.questions.limits import check_cells
from cache.jobs import Job, JobCancelledError, JobState
from cache.line import QueueFullError
from ioi_core import Model

_SECONDS_WITHOUT_PROGRESS = 0.5
_POLL_SECONDS = 0.25
_SECONDS_BETWEEN_TRIES = 2.0

R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


def is_known(model: Model, request: Request[object]) -> bool:
    """True if the result is kept already, so `compute` returns it at once."""
    return computations().is_kept(request.analysis, model, **request.parameters)


@overload
def compute(model: Model, a: Request[A], /) -> A: ...
@overload
def compute(model: Model, a: Request[A], b: Request[B], /) -> tuple[A, B]: ...
@overload
def compute(model: Model, a: Request[A], b: Request[B], c: Request[C], /) -> tuple[A, B, C]: ...
@overload
def compute(model: Model, a: Request[A], b: Request[B], c: Request[C], d: Request[D], /) -> tuple[A, B, C, D]: ...
@overload
def compute(
    model: Model, a: Request[A], b: Request[B], c: Request[C], d: Request[D], e: Request[E], /
) -> tuple[A, B, C, D, E]: ...
@overload
def compute(
    model: Model, a: Request[A], b: Request[B], c: Request[C], d: Request[D], e: Request[E], f: Request[F], /
) -> tuple[A, B, C, D, E, F]: ...
def compute(model: Model, *requests: Request[object]) -> object:
    """Return the result of one request, or those of several as a tuple; show progress while they are waited for.

    A page that finds the line full asks again until there is room.

    Raises:
        IOIError: an analysis failed, or too much is asked for.
    """
    results = compute_all(model, requests)
    return results[0] if len(requests) == 1 else tuple(results)


def compute_all(model: Model, requests: Sequence[Request[R]]) -> list[R]:
    """Return the results of any number of requests, in their order; else as `compute`."""
    for request in requests:
        check_cells(model, request, settings())
    jobs = [_submit(model, request) for request in requests]
    box, bar = st.empty(), None
    started = time.monotonic()
    while waiting := [n for n, job in enumerate(jobs) if not job.ended]:
        for n in waiting:
            if not jobs[n].watch():  # cancelled just before: ask again
                jobs[n] = _submit(model, requests[n])
        if time.monotonic() - started > _SECONDS_WITHOUT_PROGRESS:
            bar = bar or box.container(key=f"computing-{uuid.uuid4().hex}").empty()  # a page may wait twice in a run
            bar.progress(*_progress(jobs))
        jobs[waiting[0]].wait(_POLL_SECONDS)
    if bar is not None:
        box.empty()
    return [_result(model, request, job) for request, job in zip(requests, jobs, strict=True)]


def _submit(model: Model, request: Request[object]) -> Job:
    """Put a request in line; while there is no room, say so and ask again."""
    box, told = None, None
    while True:
        try:
            job = computations().request(request.analysis, model, place=place(), **request.parameters)
        except QueueFullError as error:
            if box is None or told is None:
                box = st.empty()
                with box.container(key=f"computing-{uuid.uuid4().hex}"):
                    told = st.empty()
                    st.button("Ask again now", key=f"again-{uuid.uuid4().hex}")  # any button runs the page again
            told.write(
                f"{error}. This page asks again every few seconds, by itself."
            )  # also ends the run of a closed tab
            time.sleep(_SECONDS_BETWEEN_TRIES)
        else:
            if box is not None:
                box.empty()
            return job


def _result(model: Model, request: Request[R], job: Job) -> R:
    while isinstance(job.error, JobCancelledError):
        job = _submit(model, request)
        job.wait_for_end()
    return cast(R, job.result())


def _progress(jobs: Sequence[Job]) -> tuple[float, str]:
    """Return the share of all jobs that is done, and a sentence about the first that is not."""
    parts = [1.0 if job.ended else job.done / job.total if job.total else 0.0 for job in jobs]
    current = next((job for job in jobs if not job.ended), None)
    if current is None:
        text = "Done"
    elif current.note:
        text = current.note
    elif current.state is JobState.QUEUED:
        ahead = f"{current.ahead} visitor{' is' if current.ahead == 1 else 's are'} before you"
        text = f"Waiting in line: {ahead if current.ahead else 'you are next'}"
    elif current.seconds_left is None or current.seconds_elapsed < 1:
        text = "Computing" if current.seconds_elapsed < 1 else f"Computing for {current.seconds_elapsed:.0f} s"
    else:
        text = f"Computing, about {max(1, round(current.seconds_left))} s left"
    return min(1.0, sum(parts) / len(parts)), text
