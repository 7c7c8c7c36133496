"""`python -m benchmarks.kill_cluster --kills 200 --full 20 --schedulers 20`: kill -9 at random under 50 visitors.

Two replicas in processes of their own, 25 visitors in each; a visitor asks for one view after the other, of which half
are asked for by others too, and compares what comes with what it must be. Three rounds:

- `--kills`: of workers that compute light analyses, one of them made of parts; forked, so that many can be killed;
- `--full`: of workers started as in production, `python -m cache.worker`, which patch the bundled model;
- `--schedulers`: of schedulers, with light analyses.

Wrong: a result that is not what it must be. Lost: a result that was shown and that its replica does not keep any more.
Failed: a visitor was shown an error. Stuck: a visitor that no result reached within two minutes of the last kill.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client

from benchmarks.kill_cluster.visitors import VISITORS, Asking, Counts, Light, Patched, replica_process
from tests.cache.cluster.processes import Processes, processes

WORKERS = 3
REPLICAS = 2
LONGEST = 1.0  # seconds between kills of forked workers


@dataclass
class Round:
    """What one round came to."""

    what: str
    kills: int
    seconds: float
    counts: Counts

    def __str__(self) -> str:
        c = self.counts
        return (
            f"{self.what}: {self.kills} killed, {self.seconds:.0f} s, {VISITORS * REPLICAS} visitors: {c.shown:,} "
            f"results shown, {c.computed:,} computed or fetched, {c.waited:.1f} s the longest wait; "
            f"wrong {c.wrong}, lost {c.lost}, failed {c.failed}, stuck {c.stuck}"
            + "".join(f"\n  {error}" for error in sorted({*c.errors}))
        )


def under_visitors(these: Processes, asking: Asking, what: str, kill: Callable[[], int]) -> Round:
    """Let visitors ask while `kill` kills, and count."""
    with tempfile.TemporaryDirectory(prefix="ioi-kill-") as folder:
        pipes = []
        for number in range(REPLICAS):
            ours, theirs = these.pipe()
            kept = Path(folder, f"replica {number}")
            these.start(replica_process, these.cluster, asking, kept, number, theirs)
            pipes.append(ours)
        for pipe in pipes:
            assert pipe.recv() == "asking"
        started = time.monotonic()
        kills = kill()
        seconds = time.monotonic() - started
        for pipe in pipes:
            pipe.send("enough")
        counts = Counts()
        for pipe in pipes:
            counts = counts + (pipe.recv() if pipe.poll(300) else Counts(stuck=VISITORS))
    return Round(what, kills, seconds, counts)


def kill_workers(times: int, chance: random.Random, until: float) -> Round:
    with processes() as these:
        these.scheduler()
        workers = [these.worker() for _ in range(WORKERS)]

        def kill() -> int:
            for n in range(times):
                if time.monotonic() > until:
                    return n
                time.sleep(chance.uniform(0, LONGEST))
                number = chance.randrange(WORKERS)
                these.kill(workers[number])
                workers[number] = these.worker()
            return times

        return under_visitors(these, Light(), "light workers", kill)


def kill_schedulers(times: int, chance: random.Random, until: float) -> Round:
    with processes() as these:
        scheduler = [these.scheduler()]
        for _ in range(WORKERS):
            these.worker()

        def kill() -> int:
            for n in range(times):
                if time.monotonic() > until:
                    return n
                time.sleep(chance.uniform(1, 6))
                these.kill(scheduler.pop())
                time.sleep(chance.uniform(0, 2))
                scheduler.append(these.scheduler())
            return times

        return under_visitors(these, Light(), "schedulers", kill)


def kill_full_workers(times: int, chance: random.Random, until: float) -> Round:
    """Workers as in production; the next kill comes when two of them are there again."""
    with processes() as these, tempfile.TemporaryDirectory(prefix="ioi-workers-") as folder:
        these.scheduler()
        workers = [full_worker(these, folder) for _ in range(WORKERS)]

        def kill() -> int:
            for n in range(times):
                if time.monotonic() > until:
                    return n
                until_there(these, WORKERS - 1, until)
                time.sleep(chance.uniform(0, 3))
                number = chance.randrange(WORKERS)
                workers[number].kill()
                workers[number].wait()
                workers[number] = full_worker(these, folder)
            return times

        try:
            return under_visitors(these, Patched(), "full workers", kill)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


def until_there(these: Processes, workers: int, until: float) -> None:
    """Wait until so many workers are there."""
    with Client(these.cluster.address, set_as_default=False, timeout=60) as client:
        while len(client.scheduler_info()["workers"]) < workers and time.monotonic() < until:
            time.sleep(0.1)


def full_worker(these: Processes, folder: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "cache.worker", "--scheduler", these.cluster.address, "--threads", "1"]
    environment: dict[str, Any] = {"IOI_CACHE_DIR": f"{folder}/kept", "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*command, "--models", "ioi-demo"], env=environment, stderr=subprocess.DEVNULL)


def main(arguments: list[str] | None = None) -> int:
    """Print each round; exit status 1 if anything was wrong, lost, failed or stuck."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_cluster", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--full", type=int, default=20)
    parser.add_argument("--schedulers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop each round after so many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    bad = 0
    rounds = (kill_workers, options.kills), (kill_schedulers, options.schedulers), (kill_full_workers, options.full)
    for kill, times in rounds:
        if times:
            done = kill(times, chance, time.monotonic() + options.seconds)
            print(done, flush=True)
            bad += done.counts.wrong + done.counts.lost + done.counts.failed + done.counts.stuck
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
