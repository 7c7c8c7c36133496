"""`python -m benchmarks.kill_cache --kills 1000`: kill -9 writers of the disk cache at random points, look for damage.

Each round two processes open one folder and write results, half of them small (into the index), half large (into files
of their own), and say so after each one; both are killed at a random moment, which may be in the middle of opening.
A new process then reads everything. Wrong: a result that is not what was written under its key. Lost: a write that was
reported done and is not there any more. At the end `verify` looks at every payload and removes what interrupted writes
left behind.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cache.store.disk import DiskStore
from cache.store.maintenance import verify
from ioi_core import Result

KEYS = 40
WRITERS = 2
LONGEST = 0.06  # seconds until the kill; about 50 writes
ROOM = 200 * 2**20  # more than all keys need: what is gone was lost, not dropped to make room


@dataclass
class Tally:
    """What all rounds together came to."""

    kills: int = 0
    written: int = 0
    wrong: int = 0
    lost: int = 0
    readers_failed: int = 0
    warnings: int = 0


def result_of(number: int, version: int) -> Result:
    size = 20 if number % 2 else 10_000
    values = np.random.default_rng([number, version]).normal(size=size)
    axes = {"x": tuple(map(str, range(size)))}
    return Result(values=values, axes=axes, metric=f"{number} {version}", unit="u", n_prompts=1)


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Run `work(pipe)` in a child; its process id, and the end of the pipe to read from."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        work(writing)
        status = 0
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def write_until_killed(folder: Path, writer: int, round_: int, pipe: int) -> None:
    store = DiskStore(folder, ROOM)
    numbers = random.Random(f"{round_} {writer}")
    for step in range(1000):
        number = writer + WRITERS * numbers.randrange(KEYS // WRITERS)
        version = round_ * 1000 + step
        store.put(str(number), result_of(number, version))
        os.write(pipe, b"%d %d\n" % (number, version))


def read_all(folder: Path, pipe: int) -> None:
    """Tell the version found under each key, -1 if it is not what was written under that key."""
    store, found = DiskStore(folder, ROOM), {}
    for number in range(KEYS):
        kept = store.get(str(number))
        if kept is not None:
            assert isinstance(kept, Result)
            name, version = map(int, kept.metric.split())
            right = name == number and np.array_equal(kept.values, result_of(number, version).values)
            found[number] = version if right else -1
    with os.fdopen(pipe, "w") as out:
        json.dump({"found": found, "warning": store.warning}, out)


def kill_once(folder: Path, round_: int, reported: dict[int, int], tally: Tally, chance: random.Random) -> None:
    """One round: write, kill, read; `reported` holds the last version of each key that was reported written."""
    writers = [forked(lambda pipe, w=w: write_until_killed(folder, w, round_, pipe)) for w in range(WRITERS)]
    time.sleep(chance.uniform(0, LONGEST))
    for child, _ in writers:
        os.kill(child, signal.SIGKILL)
    for child, pipe in writers:
        os.waitpid(child, 0)
        with os.fdopen(pipe) as lines:
            for line in lines:
                number, version = map(int, line.split())
                reported[number] = version
                tally.written += 1
    tally.kills += 1
    reader, pipe = forked(lambda pipe: read_all(folder, pipe))
    with os.fdopen(pipe) as lines:
        answer = lines.read()
    _, status = os.waitpid(reader, 0)
    if status or not answer:
        tally.readers_failed += 1
        return
    seen = json.loads(answer)
    found = {int(number): version for number, version in seen["found"].items()}
    tally.wrong += sum(version == -1 for version in found.values())
    tally.lost += sum(found.get(number, -2) < version for number, version in reported.items())
    tally.warnings += seen["warning"] is not None


def main(arguments: list[str] | None = None) -> int:
    """Print the tally; exit status 1 if anything was wrong, lost or could not be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_cache", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    tally, reported, chance, started = Tally(), {}, random.Random(options.seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ioi-kill-") as name:
        folder = Path(name)
        while tally.kills < options.kills and time.monotonic() - started < options.seconds:
            kill_once(folder, tally.kills, reported, tally, chance)
        findings, again = verify(folder, ROOM), verify(folder, ROOM)
    print(
        f"{tally.kills:,} rounds, {WRITERS} processes killed in each, {tally.written:,} writes reported done, "
        f"{time.monotonic() - started:.0f} s\n"
        f"wrong {tally.wrong}, lost {tally.lost}, unreadable {tally.readers_failed}, warnings {tally.warnings}\n"
        f"verify: {findings.sound} sound, {findings.damaged} damaged, {findings.leftovers} leftover files removed, "
        f"index damaged: {findings.index_damaged}, not repaired: {len(findings.unrepaired)}; "
        f"again: {again.damaged} damaged, {again.leftovers} leftover"
    )
    wrong = tally.wrong + tally.lost + tally.readers_failed + tally.warnings + findings.damaged + again.leftovers
    return 1 if wrong or findings.index_damaged or findings.unrepaired else 0


if __name__ == "__main__":
    sys.exit(main())
