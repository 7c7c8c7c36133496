"""Blocks on the workers of a Dask cluster; `distributed` is imported here alone, and only when a scheduler is given."""

import os
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from ioi_core.errors import IOIError
from ioi_core.inputs import shown
from ioi_core.sweeps.certificates import Tls
from ioi_core.sweeps.work import Job, computed_here

_CONNECT = 20  # seconds
_LOOK_AGAIN = 5.0  # seconds
_OURS = "ioi "  # how the resources of this package's workers begin
_AHEAD = 2  # jobs sent for each thread of a worker, so that none waits for its next one


def on_cluster(jobs: Iterator[Job], scheduler: str, numerics: str) -> Generator[tuple[Job, bytes], None, None]:
    """Yield finished jobs as they come; no more are sent than the workers need not to wait.

    A worker that dies has its jobs done by another, and those that join later get their share. The certificates of a
    tls:// address are those of the settings IOI_SCHEDULER_TLS_CA, _CERT and _KEY, else those that Dask is configured
    with.

    Args:
        numerics: that workers must compute in, as in `Model.numerics`.
    Raises:
        SettingsError: certificates that cannot be used.
        IOIError: no `distributed` here, no scheduler or worker there, or what a worker said of a job.
    """
    try:
        import distributed
    except ImportError as error:
        raise IOIError("a scheduler needs the package distributed: pip install -r requirements-cluster.txt") from error
    tls = Tls.of(os.environ) if scheduler.startswith("tls://") else None
    try:
        client: Any = distributed.Client(
            scheduler, timeout=_CONNECT, set_as_default=False, security=tls and tls.security()
        )
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise IOIError(f"no scheduler answers at {shown(scheduler)} within {_CONNECT} s: start it first") from error
    with client:

        def offered() -> tuple[str | None, int]:
            return _offered(client.scheduler_info()["workers"].values(), scheduler, numerics)

        (resource, at_once), looked = offered(), time.monotonic()
        sent: dict[str, Job] = {}

        def send(number: int) -> list[Any]:
            new = []
            for job in islice(jobs, number):
                kind = replace(job.weights, device=job.weights.device.partition(":")[0])  # which one, the worker knows
                future = client.submit(
                    computed_here,
                    replace(job, weights=kind),
                    key=f"ioi-sweep-{job.key}",
                    pure=False,
                    resources=resource and {resource: 1},
                )
                sent[future.key] = job
                new.append(future)
            return new

        completed: Any = distributed.as_completed(send(_AHEAD * at_once), loop=client.loop)
        for future in completed:
            job = sent.pop(future.key)
            if future.status != "finished":
                raised = future.exception()
                said = raised if isinstance(raised, IOIError) else None
                raise said or IOIError(f"a worker failed at block {job.index + 1}: {raised}; finished blocks are kept")
            yield job, future.result()
            if time.monotonic() - looked > _LOOK_AGAIN:
                with suppress(IOIError):  # none just now: some may come back
                    at_once = offered()[1]
                looked = time.monotonic()
            completed.update(send(max(1, _AHEAD * at_once - len(sent))))


def _offered(workers: Iterable[Mapping[str, Any]], scheduler: str, numerics: str) -> tuple[str | None, int]:
    """Return the resource to ask for, and how many jobs run at once.

    A worker of this package offers one that names its numerics and release; Dask's own offers none.
    """
    every = list(workers)
    if not every:
        raise IOIError(f"the scheduler at {shown(scheduler)} has no workers: start some and begin again")
    ours = {name for worker in every for name in worker["resources"] if name.startswith(_OURS)}
    if not ours:
        return None, sum(int(worker["nthreads"]) for worker in every)
    right = sorted(name for name in ours if name.startswith(f"{_OURS}{numerics} "))
    if len(right) != 1:
        found = "of several releases" if right else f"for {', '.join(sorted(ours))} alone"
        raise IOIError(f"{numerics} is wanted of one release, and the workers at {shown(scheduler)} are {found}")
    return right[0], sum(right[0] in worker["resources"] for worker in every)
