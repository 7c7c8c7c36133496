"""`python -m benchmarks.sizes`: the table "Sizes" of docs/hosting.md.

Starts the app on a free port of this machine with an empty cache. One visitor opens every page with what it shows
first, then every part of the Circuit page; with `--large` on random weights of GPT-2 small's shape, once they are
loaded. Memory is the server's resident set (Linux).
"""

import argparse
import asyncio
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.classroom import SHAPE, loaded
from benchmarks.load import HEADINGS, Server, serving
from benchmarks.visitor import Visitor
from tests.models.random_gpt2 import save_random_gpt2

PARTS = ("backup heads", "token or position", "direct and total", "ways to ablate")


async def measure(server: Server, model: str, started: float) -> None:
    """Let the visitor look at everything, and print what it took."""
    idle = await Visitor.arrive(server.port, "model=ioi-demo")
    await idle.open("prompt")
    await idle.leave()
    print(f"start until the first page is whole, on ioi-demo: {time.monotonic() - started:.1f} s")
    await loaded(server, model)
    print(f"until {model} computes: {time.monotonic() - started:.1f} s")
    print(f"memory, models loaded: {_memory(server)}")
    for path in HEADINGS:
        await _open(server, path, path or "start", model=model)
    for part in PARTS:
        await _open(server, "circuit", f"circuit, {part}", model=model, circuit_part=part)
    print(f"memory, after all: {_memory(server)}")
    print(f"processor time of the process: {server.cpu_seconds:.0f} s")


async def _open(server: Server, path: str, name: str, **query: str) -> None:
    visitor = await Visitor.arrive(server.port, "&".join(f"{key}={value}" for key, value in query.items()))
    seen = await visitor.open(path)
    await visitor.leave()
    print(f"  {name:28} {seen.seconds:6.2f} s", flush=True)


def _memory(server: Server) -> str:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    now, highest = (int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) / 1024 for kind in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB, highest so far {highest:.0f} MB"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizes", description=__doc__)
    parser.add_argument("--large", action="store_true", help="random weights of GPT-2 small's shape beside ioi-demo")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))  # the server ends with it
    with tempfile.TemporaryDirectory(prefix="ioi-sizes-") as name:
        folder, settings = Path(name), {}
        if options.large:
            save_random_gpt2(folder / "models" / SHAPE, 12, 768, 12)
            settings = {"IOI_MODELS": str(folder / "models")}
        started = time.monotonic()
        with serving(folder, warm=False, **settings) as server:
            asyncio.run(measure(server, SHAPE if options.large else "ioi-demo", started))
        kept = sum(file.stat().st_size for file in (folder / "cache").rglob("*") if file.is_file())
        print(f"kept on disk: {kept / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
