"""`python -m benchmarks.classroom`: a class that presses the same page within seconds, each with prompts of their own.

Starts the app on a free port of 127.0.0.1 with an empty cache. Each student has a seed of their own, so nothing that
one asks for is known already. Counted are the students who saw the page, and those who were told anything else.
"""

import argparse
import asyncio
import random
import signal
import statistics
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import HEADINGS, MOST_VISITORS, WITHOUT_CHARTS, Server, serving
from benchmarks.visitor import PageError, Visitor
from tests.models.random_gpt2 import save_random_gpt2

SHAPE = "gpt2-shape"
PROMPTS = "prompts=generated&n={n}&seed={seed}&model={model}"


async def loaded(server: Server, model: str) -> None:
    """Wait until the server computes with `model`, not with what stands in for it."""
    for _ in range(240):
        visitor = await Visitor.arrive(server.port, f"model={model}")  # one that has seen a stand-in stays with it
        seen = await visitor.open("prompt")
        await visitor.leave()
        if any(f"<b>Model:</b> {model}" in html for html in seen.html):
            return
        await asyncio.sleep(1)
    raise SystemExit(f"{model} is not loaded")


async def lesson(server: Server, options: argparse.Namespace) -> int:
    """Let the class come; print what it saw, and return how many did not see the page."""
    await loaded(server, options.model)
    seconds: list[float] = []
    told: Counter[str] = Counter()
    errors: Counter[str] = Counter()

    async def student(n: int, wait: float) -> None:
        await asyncio.sleep(wait)
        try:
            visitor = await Visitor.arrive(
                server.port, PROMPTS.format(n=options.prompts, seed=1000 + n, model=options.model)
            )
            seen = await asyncio.wait_for(visitor.open(options.page), options.patience)
        except (PageError, TimeoutError) as error:
            errors[str(error) or "did not come"] += 1
            return
        if not any(heading.startswith(HEADINGS[options.page]) for heading in seen.headings) or not seen.charts:
            errors[f"another page: {seen.headings}"] += 1
        told["waited in line" if any("before you" in text for text in seen.told) else "did not wait"] += 1
        seconds.append(seen.seconds)
        await visitor.leave()

    chance = random.Random(options.seed)
    await asyncio.gather(*(student(n, chance.uniform(0, options.within)) for n in range(options.students)))
    print(
        f"{options.students} students open {options.page} within {options.within:g} s, {options.model}, "
        f"{options.prompts} prompts each: {len(seconds)} saw it"
    )
    if seconds:
        print(f"  median {statistics.median(seconds):.1f} s, last {max(seconds):.1f} s; {dict(told)}")
    for error, count in errors.most_common():
        print(f"  {count} x {error}")
    return errors.total()


def main(arguments: list[str] | None = None) -> int:
    """Print what was seen; exit status 1 if somebody did not see the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.classroom", description=__doc__)
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--page", choices=sorted(HEADINGS.keys() - WITHOUT_CHARTS), default="logit_lens")
    parser.add_argument("--model", choices=["ioi-demo", SHAPE], default="ioi-demo", help=f"{SHAPE}: random weights")
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--within", type=float, default=3.0, help="seconds within which all press")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds until a page counts as never come")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not 1 <= options.students <= MOST_VISITORS:
        parser.error(f"from 1 to {MOST_VISITORS} students are allowed")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its time"))  # the server ends with it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ioi-class-")))
        settings = {}
        if options.model == SHAPE:
            save_random_gpt2(folder / "models" / SHAPE, 12, 768, 12)
            settings = {"IOI_MODELS": str(folder / "models")}
        server = stack.enter_context(serving(folder, warm=False, **settings))
        errors = asyncio.run(lesson(server, options))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
