"""A real scheduler, real workers and real replicas on loopback, forked from one process that has imported it all.

Analyses are light ones, which write down each of their runs in a file, so that runs in all processes can be counted.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from cache.analyses import Analysis
from cache.cluster.address import Cluster
from cache.cluster.line import ClusterLine
from cache.cluster.residents import Residents
from cache.cluster.runner import Runner
from cache.cluster.scheduling import schedule
from cache.cluster.serving import Serving, serve
from cache.computations import Computations
from cache.line import new_place
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore, Store
from cache.store.tiers import TieredStore
from ioi_core.errors import PromptError


def model(kind: str = "cpu", fingerprint: str = "f" * 12) -> Any:
    """A stand-in; workers of each kind of device are a cluster of their own."""
    return SimpleNamespace(
        name="m", fingerprint=fingerprint, numerics=f"torch.float32 {kind}", device=kind, megabytes=1.0
    )


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])


def note(folder: str, line: str) -> None:
    """Write a line that other processes may write beside; none without a folder."""
    if folder:
        with Path(folder, "runs").open("a") as file:
            file.write(f"{line}\n")


def notes(folder: Path) -> list[str]:
    file = folder / "runs"
    return file.read_text().splitlines() if file.exists() else []


def count(_model: Any, *, folder: str = "", x: float = 0.0, seconds: float = 0.0, progress: Callable) -> np.ndarray:
    """Say that it began; take `seconds`, with progress all the time; say how it ended."""
    note(folder, f"begin {x}")
    until, steps = time.monotonic() + seconds, max(1, round(seconds / 0.05))
    try:
        for step in range(steps):
            progress(step, steps)
            time.sleep(max(0.0, min(0.05, until - time.monotonic())))
    except BaseException as error:
        note(folder, f"{type(error).__name__} {x}")
        raise
    note(folder, f"end {x}")
    return np.array([x, x + 1])


def fails(_model: Any, *, folder: str, unexpected: bool = False, progress: Callable) -> np.ndarray:
    note(folder, "begin")
    time.sleep(0.3)
    raise ValueError("secret words") if unexpected else PromptError("Write another prompt.")


def in_parts(
    _model: Any, *, folder: str = "", x: float = 0.0, n: int, seconds: float, progress: Callable, parts: Any
) -> np.ndarray:
    """Be made of `n` parts of `seconds` each; say which were computed."""
    for number in range(n):
        progress(number, n)
        if f"part {number}" not in parts:
            time.sleep(seconds)
            progress(number, n)
            parts[f"part {number}"] = np.array([x + number / 3])
            note(folder, f"part {number} {os.getpid()}")
    return np.concatenate([parts[f"part {number}"] for number in range(n)])


ANALYSES = {
    "count": Analysis(count, 1),
    "fails": Analysis(fails, 1),
    "in_parts": Analysis(in_parts, 1, resumable=True),
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _logging(name: str) -> None:
    logging.basicConfig(level=os.environ.get("CLUSTER_TEST_LOG", "ERROR"), format=f"{name} %(name)s: %(message)s")
    logging.getLogger("distributed").setLevel(os.environ.get("CLUSTER_TEST_LOG", "CRITICAL"))


def scheduler_process(cluster: Cluster) -> None:
    _logging("scheduler")
    asyncio.run(schedule(cluster))


def store(folder: Path | None) -> Store:
    memory = MemoryStore(10**7)
    return memory if folder is None else TieredStore(memory, lambda: DiskStore(folder, 10**8))


def worker_process(
    cluster: Cluster, name: str, kind: str, folder: Path | None, answering: float, more: Mapping[str, Any]
) -> None:
    _logging(name)
    models = Residents(SimpleNamespace(type=kind))  # type: ignore[arg-type]
    models._keep(model(kind))
    kept = store(folder)
    runner = Runner(models, kept, name=name, analyses=ANALYSES, observe=lambda _: time.sleep(answering))
    asyncio.run(serve(Serving(cluster, name, f"torch.float32 {kind}", **more), runner))
    os._exit(0)


class Processes:
    """The processes of one cluster."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.all: list[Any] = []
        self.number = 0

    def start(self, target: Callable[..., None], *arguments: object) -> Any:
        process = _FORKS.Process(target=target, args=arguments, daemon=True)
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):  # which children would run: after a test of
            process.start()  # a page without a browser it is the app's own script
        self.all.append(process)
        return process

    def scheduler(self) -> Any:
        return self.start(scheduler_process, self.cluster)

    def worker(self, kind: str = "cpu", folder: Path | None = None, answering: float = 0.0, **more: object) -> Any:
        """Start a worker that takes so many seconds from what it has computed to its answer."""
        self.number += 1
        return self.start(worker_process, self.cluster, f"worker-{self.number}", kind, folder, answering, more)

    def replica(self, kind: str = "cpu") -> "Replica":
        ours, theirs = self.pipe()
        return Replica(self.start(replica_process, self.cluster, kind, theirs), ours)

    def pipe(self) -> tuple[Connection, Connection]:
        return _FORKS.Pipe()

    def kill(self, process: Any) -> None:
        process.kill()
        process.join(20)

    def end(self) -> None:
        for process in self.all:
            process.kill()
        for process in self.all:
            process.join(20)


@contextmanager
def processes(cluster: Cluster | None = None) -> Iterator[Processes]:
    these = Processes(cluster or Cluster(f"tcp://127.0.0.1:{free_port()}"))
    try:
        yield these
    finally:
        these.end()


def computations(cluster: Cluster, kind: str = "cpu", **more: Any) -> Computations:
    """One replica's, in this process."""
    elsewhere = ClusterLine(cluster, 250)
    return Computations(MemoryStore(10**7), analyses=ANALYSES, elsewhere=elsewhere, device=kind, **more)


class Replica:
    """A replica in another process, with visitors of its own."""

    def __init__(self, process: Any, pipe: Connection):
        self.process, self.pipe = process, pipe

    def ask(self, visitors: int, analysis: str, **parameters: object) -> None:
        self.pipe.send((visitors, analysis, parameters))

    def answers(self, seconds: float = 60.0) -> list[Any]:
        assert self.pipe.poll(seconds), "the replica does not answer"
        return self.pipe.recv()


def replica_process(cluster: Cluster, kind: str, pipe: Connection) -> None:
    _logging("replica")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asked = computations(cluster, kind)
    while True:
        visitors, analysis, parameters = pipe.recv()
        answers: list[Any] = [None] * visitors

        def visit(number: int, analysis: str = analysis, parameters: Any = parameters, answers: Any = answers) -> None:
            job = asked.request(analysis, model(kind), place=new_place(f"{os.getpid()} {number}"), **parameters)
            job.wait_for_end()
            answers[number] = job.error if job.error is not None else job.result()

        threads = [threading.Thread(target=visit, args=(number,)) for number in range(visitors)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pipe.send(answers)


def certificates(folder: Path, authority: str, *names: str) -> None:
    """Make an authority and certificates that it signs, NAME.pem and NAME.key each, as docs/hosting.md says."""
    for name in (authority, *names):
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key"]
        if name != authority:
            command += ["-CA", f"{folder}/{authority}.pem", "-CAkey", f"{folder}/{authority}.key"]
        subprocess.run([*command, "-out", f"{folder}/{name}.pem"], check=True, capture_output=True)
