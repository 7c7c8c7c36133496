"""`python -m benchmarks.first_figures`: when the first numbers of Circuit and Heads arrive on GPT-2's shape.

Random weights, 20 generated prompts, nothing kept: a circuit of 26 heads that a link gives, one that is searched for,
one head. Printed is when each number and chart arrives after the page was asked for.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from benchmarks.classroom import PROMPTS, SHAPE, loaded
from benchmarks.load import serving
from benchmarks.visitor import Visitor
from ioi_core import IOI_CIRCUIT
from tests.models.random_gpt2 import save_random_gpt2

GIVEN = " ".join(f"{head}:{role}" for head, role in IOI_CIRCUIT.members)
VIEWS = {
    "circuit, 26 heads given": ("circuit", {"circuit_start": "empty", "circuit": GIVEN}),
    "circuit, searched for": ("circuit", {}),
    "one head": ("heads", {"head": "9.9"}),
}


async def measure(port: int) -> None:
    """Open each view once, and print what arrived when."""
    for n, (name, (path, query)) in enumerate(VIEWS.items()):
        asked = PROMPTS.format(n=20, seed=100 + n, model=SHAPE)  # prompts that no view before had
        visitor = await Visitor.arrive(port, f"{asked}&{urllib.parse.urlencode(query)}")
        seen = await visitor.open(path)
        await visitor.leave()
        told = ", ".join(f"{label} {seconds:.1f}" for label, seconds in seen.arrived.items())
        print(f"  {name}: all of the run {seen.seconds:.1f} s; {told}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_figures", description=__doc__)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds between loading and the first visitor")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))  # the server ends with it
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory(prefix="ioi-first-") as name:
            save_random_gpt2(Path(name) / "models" / SHAPE, 12, 768, 12)
            with serving(Path(name), warm=False, IOI_MODELS=f"{name}/models") as server:
                asyncio.run(loaded(server, SHAPE))
                time.sleep(options.idle)
                asyncio.run(measure(server.port))


if __name__ == "__main__":
    main()
