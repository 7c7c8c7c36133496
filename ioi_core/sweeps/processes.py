"""Worker processes on this machine: each is one Python that loads the model once and computes block after block.

Not `multiprocessing`: its processes import the caller's main script again, which notebooks and unguarded scripts do not
survive. A job goes down a worker's standard input, its bytes come back on standard output; a worker whose parent is
gone reads the end of its input and ends.
"""

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Queue
from typing import IO, Any

from ioi_core.errors import IOIError
from ioi_core.sweeps.work import Job, computed_here

_TRIES = 3
_LENGTH = struct.Struct(">Q")

Done = tuple[Job, bytes]


def in_processes(jobs: Iterator[Job], workers: int, threads: int) -> Generator[Done, None, None]:
    """Yield finished jobs as they come, in any order; jobs are taken from the iterator as workers get free.

    Args:
        workers: how many processes. threads: of each one.
    Raises:
        IOIError: what a worker said of a job, or workers die on a job again and again.
    """
    crew = _Crew(jobs, workers, threads)
    try:
        while crew.busy:
            item = crew.done.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                crew.busy -= 1
            else:
                yield item
    finally:
        crew.end()


class _Crew:
    """All workers, each with a thread here that gives it jobs and puts what comes back, or went wrong, into `done`."""

    def __init__(self, jobs: Iterator[Job], workers: int, threads: int) -> None:
        self.done: Queue[Done | BaseException | None] = Queue(2 * workers)
        self.busy = workers
        self._jobs, self._taking, self._stopped = jobs, threading.Lock(), threading.Event()
        self._members = [_Member(threads) for _ in range(workers)]
        self._servers = [threading.Thread(target=self._serve, args=(each,), daemon=True) for each in self._members]
        for server in self._servers:
            server.start()

    def end(self) -> None:
        """Stop at once; what is not done is left."""
        self._stopped.set()
        for member in self._members:
            member.end()
        while self.busy:  # a thread may wait for room in the queue
            self.busy -= self.done.get() is None
        for server in self._servers:
            server.join()

    def _serve(self, member: "_Member") -> None:
        try:
            while (job := self._next()) is not None:
                self.done.put((job, member.computed(job)))
        except BaseException as error:
            self.done.put(error)
        finally:
            member.end()
            self.done.put(None)

    def _next(self) -> Job | None:
        with self._taking:
            return None if self._stopped.is_set() else next(self._jobs, None)


class _Member:
    """A worker process, started when it is first needed and again when it died."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = False

    def computed(self, job: Job) -> bytes:
        """Return the bytes of a job."""
        for _ in range(_TRIES):
            process = self._running()
            if process is None or process.stdin is None or process.stdout is None:
                raise IOIError("the sweep was stopped")
            with suppress(OSError, EOFError, ValueError):  # it died, or was ended and its pipes closed
                _send(process.stdin, job)
                answer: bytes | IOIError = _receive(process.stdout)
                if isinstance(answer, IOIError):
                    raise answer
                return answer
            self._kill()
        raise IOIError(
            f"worker processes died {_TRIES} times at block {job.index + 1}, perhaps for want of memory: use fewer "
            "workers or smaller blocks. Finished blocks are kept"
        )

    def end(self) -> None:
        """End the process for good."""
        with self._lock:
            self._ended = True
        self._kill()

    def _running(self) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            if self._ended:
                return None
            if self._process is None:
                one = {name: str(self._threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "ioi_core.sweeps.processes"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                )
            return self._process

    def _kill(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


def _send(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """Return what the other end, a process of ours, sent."""
    size = pipe.read(_LENGTH.size)
    if len(size) < _LENGTH.size:
        raise EOFError
    data = pipe.read(*_LENGTH.unpack(size))
    if len(data) < _LENGTH.unpack(size)[0]:
        raise EOFError
    return pickle.loads(data)


def main() -> None:
    """Compute the jobs that come in until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends this process
    jobs, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not stand among the answers
    while True:
        try:
            job = _receive(jobs)
        except EOFError:
            return
        answer: bytes | IOIError
        try:
            answer = computed_here(job)
        except IOIError as error:
            answer = error
        except Exception as error:
            traceback.print_exc()
            answer = IOIError(f"a worker failed at block {job.index + 1} with {type(error).__name__}: {error}")
        try:
            _send(answers, answer)
        except BrokenPipeError:  # the parent is gone
            return


if __name__ == "__main__":
    main()
