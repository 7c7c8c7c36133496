"""`python -m benchmarks.live_class`: a live class of 200 phones on one server, two votes and a reveal.

Starts the app on a free port of 127.0.0.1 with an empty cache, and a class in its folder. Every phone joins, holds its
request as the page does, answers both votes within some seconds, and notes when it has seen each phase. Clients share
the machine with the server. Exit status 1 if a vote is lost or counted twice, or if a phase is seen too late.
"""

import argparse
import asyncio
import json
import random
import resource
import signal
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.classroom.store import ClassStore, Started
from benchmarks.load import serving
from tests.app.classroom.lesson import LESSON

MOST_STUDENTS = 1000
LIMITS = {200: (2.0, 5.0), MOST_STUDENTS: (5.0, 15.0)}
"""Up to so many students: seconds within which 95 % see a phase change, and the last one."""

STEP = 2
"""A cell of a grid; the steps before it are skipped through."""


class Connection:
    """One connection that stays open, as a browser's does; HTTP by hand, since clients share the server's cores."""

    def __init__(self, port: int, code: str):
        self._port, self._path = port, f"/class/api/{code}/"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str, key: str = "", sent: Any = None) -> Any:
        """Return the answer's JSON. Raises AssertionError where it is refused."""
        body = b"" if sent is None else json.dumps(sent).encode()
        head = f"{'POST' if sent is not None else 'GET'} {self._path}{path} HTTP/1.1\r\nHost: localhost\r\n"
        head += f"X-Class-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        for _ in range(2):  # a connection that has waited for long may have been closed
            try:
                return await self._exchange(head.encode() + body)
            except (ConnectionError, asyncio.IncompleteReadError):
                self._streams = None
        raise ConnectionError("closed twice")

    async def _exchange(self, request: bytes) -> Any:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        body = await reader.readexactly(length)
        assert head.split()[1] == "200", (head.split()[1], body[:200])
        return json.loads(body)


@dataclass
class Seen:
    """When each phase was pressed and seen, and how long votes took."""

    pressed: dict[int, float] = field(default_factory=dict)
    seconds: dict[int, list[float]] = field(default_factory=dict)
    votes: list[float] = field(default_factory=list)


async def student(port: int, code: str, n: int, seen: Seen, chance: random.Random, within: float) -> None:
    """Join, see every phase, answer both votes of the step."""
    phone, voting = Connection(port, code), Connection(port, code)
    key = (await phone.ask("join", sent={}))["student"]
    version: Any = ""
    while True:
        told = await phone.ask(f"state?after={version}", key)
        if told.get("again"):
            await asyncio.sleep(told["again"])
        if "phase" not in told:
            continue
        version = told["version"]
        if version in seen.pressed:
            seen.seconds.setdefault(version, []).append(time.monotonic() - seen.pressed[version])
        if told["phase"] == "reveal" and told["step"] == STEP:
            return
        if told["phase"] == "open" and told["step"] == STEP:
            await asyncio.sleep(chance.uniform(0, within))
            begun = time.monotonic()
            await voting.ask("vote", key, {"step": STEP, "vote": told["vote"], "answer": [n % 6, n // 6 % 5]})
            seen.votes.append(time.monotonic() - begun)


async def lesson(port: int, started: Started, options: argparse.Namespace) -> tuple[Seen, dict[str, Any]]:
    """Let the class come; return what was seen and the projector's last state."""
    seen, chance = Seen(), random.Random(options.seed)
    teacher, screen = Connection(port, started.code), Connection(port, started.code)
    coming = [student(port, started.code, n, seen, chance, options.within) for n in range(options.students)]
    phones = [asyncio.create_task(phone) for phone in coming]

    async def counted(name: str) -> None:
        while (now := await teacher.ask("teacher", started.teacher))[name] < options.students:
            for phone in phones:
                if phone.done():
                    phone.result()
            await asyncio.sleep(0.3)
        assert now[name] == options.students, now[name]

    async def press(action: str = "next", pause: float = 0.0) -> None:
        version = (await teacher.ask("teacher", started.teacher))["version"]
        seen.pressed[version + 1] = time.monotonic()
        await teacher.ask("move", started.teacher, {"version": version, "action": action})
        await asyncio.sleep(pause)

    await counted("joined")
    await press()
    for _ in range(STEP):
        await press(pause=1)
        await press("reveal", pause=1)
        await press(pause=1)
    await counted("answered")
    for _ in range(3):
        await press(pause=2)
    await counted("answered")
    await press(pause=2)
    await press()
    await asyncio.wait_for(asyncio.gather(*phones), 60)
    return seen, await screen.ask("screen", started.screen)


def report(seen: Seen, last: dict[str, Any], students: int) -> int:
    """Print the figures; return how many of them are not as they should be."""
    most = next(limits for count, limits in LIMITS.items() if students <= count)
    wrong = 0
    print(f"{students} students; seconds until a phase is seen:")
    print(f"{'press':>6} {'seen by':>8} {'p50':>7} {'p95':>7} {'last':>7}")
    for version, seconds in sorted(seen.seconds.items()):
        cuts = statistics.quantiles(seconds, n=20, method="inclusive")
        print(f"{version - 1:6} {len(seconds):8} {cuts[9]:7.2f} {cuts[18]:7.2f} {max(seconds):7.2f}")
        wrong += cuts[18] > most[0] or max(seconds) > most[1]
    cuts = statistics.quantiles(seen.votes, n=20, method="inclusive")
    print(f"a vote is taken after {cuts[9]:.2f} s at p50, {cuts[18]:.2f} at p95, {max(seen.votes):.2f} at most")
    counted = [last["answered"], sum(count for *_, count in last["reveal"]["class"]), *last["reveal"]["shares"]["of"]]
    print(f"votes sent {len(seen.votes)}, counted {counted[2]} + {counted[3]}, shown at the reveal {counted[1]}")
    return wrong + (counted != [students] * 4) + (len(seen.votes) != 2 * students)


def main(arguments: list[str] | None = None) -> int:
    """Print what was seen; exit status 1 if something was not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_class", description=__doc__)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--within", type=float, default=3.0, help="seconds within which all answer")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not 2 <= options.students <= MOST_STUDENTS:
        parser.error(f"from 2 to {MOST_STUDENTS} students are allowed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))  # the server ends with it
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * options.students + 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioi-class-")))
        server = stack.enter_context(serving(folder, warm=False))
        while "warm after" not in (folder / "log").read_text():  # no class begins as the server starts
            time.sleep(0.5)
        started = ClassStore(folder / "cache").start(LESSON)
        seen, last = asyncio.run(lesson(server.port, started, options))
    return 1 if report(seen, last, options.students) else 0


if __name__ == "__main__":
    sys.exit(main())
