"""Blocks on the workers of a Dask cluster; `distributed` is imported here alone, and only when a scheduler is given."""

from collections.abc import Generator, Iterator
from itertools import islice
from typing import Any

from ioi_core.errors import IOIError
from ioi_core.inputs import shown
from ioi_core.sweeps.work import Job, computed_here

_CONNECT = 20  # seconds
_AHEAD = 2  # jobs sent for each thread of a worker, so that none waits for its next one


def on_cluster(jobs: Iterator[Job], scheduler: str) -> Generator[tuple[Job, bytes], None, None]:
    """Yield finished jobs as they come; no more are sent than the workers need not to wait.

    A worker that dies has its jobs done by another. For tls:// addresses Dask's own settings name the certificates.

    Raises:
        IOIError: no `distributed` here, no scheduler or worker there, or what a worker said of a job.
    """
    try:
        import distributed
    except ImportError as error:
        raise IOIError("a scheduler needs the package distributed: pip install -r requirements-cluster.txt") from error
    try:
        client: Any = distributed.Client(scheduler, timeout=_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError, TypeError) as error:
        raise IOIError(f"no scheduler answers at {shown(scheduler)} within {_CONNECT} s: start it first") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise IOIError(f"the scheduler at {shown(scheduler)} has no workers: start python -m cache.worker there")
        sent: dict[str, Job] = {}

        def send(number: int) -> list[Any]:
            new = []
            for job in islice(jobs, number):
                future = client.submit(computed_here, job, key=f"ioi-sweep-{job.key}", pure=False)
                sent[future.key] = job
                new.append(future)
            return new

        completed: Any = distributed.as_completed(send(_AHEAD * threads), loop=client.loop)
        for future in completed:
            job = sent.pop(future.key)
            if future.status != "finished":
                raised = future.exception()
                said = raised if isinstance(raised, IOIError) else None
                raise said or IOIError(f"a worker failed at block {job.index + 1}: {raised}; finished blocks are kept")
            yield job, future.result()
            completed.update(send(1))
