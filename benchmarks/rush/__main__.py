"""`python -m benchmarks.rush`: more visitors than the server may open files for; what is each of them told?

Each loads the page, as a browser does, and then connects, asks for the first page and stays. Whoever is not let in has
to find themselves at the gate, or on the small page that tries again; anything else is an error.
"""

import argparse
import asyncio
import http.client
import random
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.load import MOST_VISITORS, PATIENCE, QUERY, Server, serving
from benchmarks.visitor import HOST, PageError, Visitor

_FEW = """
import resource, sys
from app.hosting.doors import descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))
descriptors.raise_limit = lambda sessions: None  # which root could
from app.__main__ import run
run(sys.argv[1:])
"""
_TITLES = {"IOI Explorer": "let in", "Every place is taken": "wait at the gate"}


def _load_page(port: int) -> tuple[int, str]:
    """Status and text of what a browser loads first."""
    with closing(http.client.HTTPConnection(HOST, port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/", headers={"Accept": "text/html"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


async def _come(server: Server, staying: list[Visitor]) -> str:
    """One visitor: what they are told."""
    try:
        status, text = await asyncio.to_thread(_load_page, server.port)
        if status == 503 and "it tries again every 10 seconds" in text:
            return "on the small page that tries again"
        visitor = await Visitor.arrive(server.port, QUERY)
        staying.append(visitor)
        title = (await asyncio.wait_for(visitor.open(""), PATIENCE)).headings[0]
    except (OSError, http.client.HTTPException, PageError, TimeoutError) as error:
        return f"error: {error!r}"
    return next((told for name, told in _TITLES.items() if title.startswith(name)), f"error: {title}")


async def rush(server: Server, sessions: int, arrive: float) -> int:
    """Print what all are told, and when; return how many errors there were."""
    chance, told = random.Random(0), Counter[str]()
    staying: list[Visitor] = []
    seconds: list[float] = []
    files = [server.descriptors]

    async def one(arrives: float) -> None:
        await asyncio.sleep(arrives)
        began = time.monotonic()
        told[await _come(server, staying)] += 1
        seconds.append(time.monotonic() - began)
        files.append(server.descriptors)

    await asyncio.gather(*(one(chance.uniform(0, arrive)) for _ in range(sessions)))
    for visitor in staying:
        await visitor.leave()
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    print(f"told after {cuts[9]:.2f} s (median), {cuts[18]:.2f} s (95 %), {max(seconds):.2f} s (the last)")
    print(f"files open: {max(files):,} at most")
    print("\n".join(f"{count:6} {what}" for what, count in sorted(told.items())))
    return sum(count for what, count in told.items() if what.startswith("error"))


def main(arguments: list[str] | None = None) -> int:
    """Print what was seen; exit status 1 if there was any error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rush", description=__doc__)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--arrive", type=float, default=10.0, help="seconds within which all come")
    parser.add_argument("--idle", type=int, default=0, help="connections before all, that ask for nothing")
    parser.add_argument("--files", type=int, default=1024, help="that the server may open")
    options = parser.parse_args(arguments)
    if not (2 <= options.sessions <= MOST_VISITORS and 0 <= options.idle <= MOST_VISITORS):
        parser.error(f"from 2 to {MOST_VISITORS} sessions are allowed, and as many that are idle")
    program = "-c", _FEW.format(files=options.files)
    with ExitStack() as these:
        name = these.enter_context(tempfile.TemporaryDirectory(prefix="ioi-rush-"))
        server = these.enter_context(serving(Path(name), program, warm=False))
        for _ in range(options.idle):
            these.enter_context(socket.create_connection((HOST, server.port)))
        errors = asyncio.run(rush(server, options.sessions, options.arrive))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
