"""`python -m benchmarks.load`: many visitors at once, on a warm cache, on this machine alone.

Starts the app on a free port of 127.0.0.1, with a cache folder of its own that is warmed first, and lets visitors come
(`visitor.py`). Each opens four pages, the first page and three others in random order, and thinks 5 to 10 seconds
before each of them. One visitor has been everywhere before them: what that one got, heading and charts, is what every
other one has to get. All random choices follow from the seed; numbers of visitors and all waits are bounded.

Memory is the server's resident set: per session, while all are there; and over visitors that come and go.
"""

import argparse
import asyncio
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.visitor import HOST, PageError, Seen, Visitor

ROOT = Path(__file__).parent.parent
QUERY = "model=ioi-demo"
HEADINGS = {
    "": "IOI Explorer",
    "prompt": "What does the model think comes next?",
    "logit_lens": "Where in the model does the answer appear?",
    "attention": "Where does each head look?",
    "activation_patching": "Which activations carry the answer?",
    "path_patching": "Which head acts on which?",
    "edges": "Which connections does the model need?",
    "circuit": "What happens if you break the circuit?",
    "heads": "What does head",
    "lessons": "Guess first, then look",
    "report": "Your report",
}
"""A page's path -> what its title begins with."""
WITHOUT_CHARTS = {"", "lessons", "report"}
"""Pages that draw nothing as they open: two lists, and a report of nothing yet."""

MOST_VISITORS, MOST_SECONDS = 2000, 600.0
PATIENCE = 60.0  # seconds until a page counts as never come
_MEGABYTE = 2**20


@dataclass
class Tally:
    """What the visitors saw."""

    expected: dict[str, Seen]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    async def open(self, visitor: Visitor, path: str) -> None:
        """Let `visitor` open a page, and note how long it took or what was wrong."""
        try:
            seen = await asyncio.wait_for(visitor.open(path), PATIENCE)
            self._compare(path, seen)
        except (PageError, TimeoutError) as error:
            self.errors[f"{path or 'first page'}: {error or 'did not come'}"] += 1
        else:
            self.seconds.setdefault(path, []).append(seen.seconds)

    def _compare(self, path: str, seen: Seen) -> None:
        wanted = self.expected[path]
        if seen.headings != wanted.headings:
            raise PageError(f"its headings are {seen.headings}")
        if seen.charts != wanted.charts:
            raise PageError(f"the charts {sorted(seen.charts)} came, {sorted(wanted.charts)} were due")

    def report(self) -> str:
        """Percentiles by page and over all, and the errors."""
        rows = [(path or "prompt", seconds) for path, seconds in sorted(self.seconds.items())]
        rows.append(("all", [one for _, seconds in rows for one in seconds]))
        lines = [f"{'page':20} {'views':>6} {'p50, s':>8} {'p95, s':>8} {'largest':>8}"]
        for name, seconds in rows:
            if seconds:
                cuts = statistics.quantiles(seconds, n=20, method="inclusive") if len(seconds) > 1 else seconds * 19
                lines.append(f"{name:20} {len(seconds):6} {cuts[9]:8.3f} {cuts[18]:8.3f} {max(seconds):8.3f}")
        lines.append(f"errors: {self.errors.total()}")
        return "\n".join(lines + [f"  {count} x {error}" for error, count in self.errors.most_common(10)])


@dataclass
class Server:
    """The app, running."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def megabytes(self) -> float:
        """Its resident set."""
        return psutil.Process(self.process.pid).memory_info().rss / _MEGABYTE

    @property
    def descriptors(self) -> int:
        """Files and connections that it has open."""
        return psutil.Process(self.process.pid).num_fds()

    @property
    def cpu_seconds(self) -> float:
        """Processor time that it has used, of all its threads."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system


@contextmanager
def serving(
    folder: Path, program: Sequence[str] = ("-m", "app"), *, warm: bool = True, **settings: str
) -> Iterator[Server]:
    """The app on a free port of this machine, its cache in `folder`, until the block ends.

    Args:
        settings: for its environment.
        program: what Python is to run, which is handed Streamlit's options.
        warm: with what pages ask for first in the cache.
    """
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("IOI_", "STREAMLIT_"))}
    environment |= {"HF_HUB_OFFLINE": "1", "IOI_CACHE_DIR": str(folder / "cache"), "OMP_WAIT_POLICY": "PASSIVE"}
    environment |= settings
    if warm:
        subprocess.run([sys.executable, "-m", "app.warm"], cwd=ROOT, env=environment, check=True, timeout=600)
    command = [sys.executable, *program, "--server.address", HOST, "--server.port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_healthy(process, port, folder / "log")
            yield Server(process, port)
        finally:
            process.terminate()
            process.wait(60)


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 120
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with direct.open(f"http://{HOST}:{port}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the app does not start:\n{log.read_text()}")


async def look_around(port: int) -> tuple[dict[str, Seen], float]:
    """What each page brings to the first visitor, who finds nothing in memory; the seconds of the very first page.

    Raises:
        PageError: a page fails, or is not the one that its title says.
    """
    visitor = await Visitor.arrive(port, QUERY)
    first = (await visitor.open("")).seconds
    found = {path: await visitor.open(path) for path in HEADINGS}
    await visitor.leave()
    for path, title in HEADINGS.items():
        drawn = bool(found[path].charts) or path in WITHOUT_CHARTS
        if not drawn or not any(heading.startswith(title) for heading in found[path].headings):
            raise PageError(f"{path or 'the first page'} has the headings {found[path].headings}")
    return found, first


async def visit(port: int, tally: Tally, chance: random.Random, arrive: float, think: tuple[float, float]) -> Visitor:
    """One visitor: four pages, with thought before each but the first."""
    await asyncio.sleep(chance.uniform(0, arrive))
    visitor = await Visitor.arrive(port, QUERY)
    for n, path in enumerate(["", *chance.sample([path for path in HEADINGS if path], 3)]):
        if n:
            await asyncio.sleep(chance.uniform(*think))
        await tally.open(visitor, path)
    return visitor


async def crowd(server: Server, options: argparse.Namespace) -> int:
    """Everybody there at once; how many errors."""
    expected, first = await look_around(server.port)
    tally, before, cpu, started = Tally(expected), server.megabytes, server.cpu_seconds, time.monotonic()
    files = server.descriptors
    chances = [random.Random(f"{options.seed} {n}") for n in range(options.sessions)]
    think = (options.think[0], options.think[1])
    visits = (visit(server.port, tally, chance, options.arrive, think) for chance in chances)
    visitors = await asyncio.wait_for(asyncio.gather(*visits), MOST_SECONDS)
    seconds, cpu, after = time.monotonic() - started, server.cpu_seconds - cpu, server.megabytes
    open_files = server.descriptors
    for visitor in visitors:
        await visitor.leave()
    n_views = sum(map(len, tally.seconds.values()))
    print(
        f"{options.sessions} visitors, arriving within {options.arrive:.0f} s, {think[0]:.0f}-{think[1]:.0f} s between "
        f"pages: {n_views} pages in {seconds:.0f} s, {1000 * cpu / max(1, n_views):.0f} ms of processor time a page\n"
        f"{tally.report()}\n"
        f"the very first page after the start: {first:.2f} s\n"
        f"memory: {before:.0f} MB before, {after:.0f} MB with all there: "
        f"{(after - before) / options.sessions:.2f} MB a session\n"
        f"descriptors: {(open_files - files) / options.sessions:.1f} a session"
    )
    return tally.errors.total()


async def come_and_go(server: Server, options: argparse.Namespace) -> int:
    """`sessions` visitors, 20 at a time, each opening two pages and leaving; how many errors."""
    expected, _ = await look_around(server.port)
    tally, at_once = Tally(expected), asyncio.Semaphore(20)

    async def one(n: int) -> None:
        async with at_once:
            visitor = await Visitor.arrive(server.port, QUERY)
            for path in random.Random(f"{options.seed} {n}").sample(list(HEADINGS), 2):
                await tally.open(visitor, path)
            await visitor.leave()

    step = max(1, options.sessions // 10)
    print(f"{'left':>6} {'memory, MB':>11}\n{0:6} {server.megabytes:11.0f}")
    for start in range(0, options.sessions, step):
        numbers = range(start, min(start + step, options.sessions))
        await asyncio.wait_for(asyncio.gather(*map(one, numbers)), MOST_SECONDS)
        print(f"{numbers.stop:6} {server.megabytes:11.0f}", flush=True)
    print(tally.report())
    return tally.errors.total()


def main(arguments: list[str] | None = None) -> int:
    """Print what was seen; exit status 1 if there was any error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--arrive", type=float, default=10.0, help="seconds within which all come")
    parser.add_argument("--think", type=float, nargs=2, default=(5.0, 10.0), help="seconds between two pages")
    parser.add_argument("--come-and-go", action="store_true", help="visitors leave after two pages, 20 at a time")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not 1 <= options.sessions <= MOST_VISITORS:
        parser.error(f"from 1 to {MOST_VISITORS} sessions are allowed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))  # the server ends with it
    room = {"IOI_MAX_SESSIONS": str(options.sessions + 1)}  # the gate has tests of its own
    with tempfile.TemporaryDirectory(prefix="ioi-load-") as name, serving(Path(name), **room) as server:
        errors = asyncio.run((come_and_go if options.come_and_go else crowd)(server, options))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
