"""`python -m ioi_core sweep`: a sweep from the command line, with its progress and the time left."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from ioi_core.data_sets.pairs import read_pairs
from ioi_core.errors import ChoiceError, IOIError
from ioi_core.inputs import shown
from ioi_core.model.loading import DTYPES, load_model
from ioi_core.prompts.corruptions import CORRUPTIONS
from ioi_core.sweeps.analyses import SWEPT
from ioi_core.sweeps.prompts import IOI
from ioi_core.sweeps.result import SweepResult
from ioi_core.sweeps.run import BLOCK, sweep
from ioi_core.tasks.dataset import TASKS

_EVERY = 5.0  # seconds between two lines where the progress is no terminal's
_SHOWN = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("--analysis", required=True, metavar="NAME", help=", ".join(SWEPT))
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="parameters",
        help="a parameter of the analysis, as text or JSON: --set site=z --set 'heads={\"9.9\": \"END\"}'",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="NAME.sweep, where the result is kept (ioi_core.read_sweep)"
    )
    parser.add_argument("--model", default="gpt2-small", help="name or folder (default: gpt2-small)")
    parser.add_argument("--device", help="cpu or cuda; default: IOI_DEVICE, else cuda if present")
    parser.add_argument("--dtype", default="float32", choices=DTYPES)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--prompts", type=int, metavar="N", help="generate so many")
    which.add_argument("--data", metavar="FILE", help="CSV, TSV or JSONL with clean, corrupted, io, s and label")
    parser.add_argument("--skip", action="store_true", help="leave out rows of the file that cannot be used")
    parser.add_argument("--no-answer-space", action="store_true", help="take the file's answers as they are written")
    parser.add_argument("--people", action="store_true", help="the file's io and s are people's names")
    parser.add_argument("--task", default=IOI, choices=(IOI, *TASKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--templates", default="mixed", help="mixed, ABBA, BABA or numbers such as 0,50 (of ioi)")
    parser.add_argument("--corruption", default="s2_flip", choices=CORRUPTIONS)
    parser.add_argument("--no-bos", action="store_true", help="no BOS before the prompts")
    parser.add_argument("--block", type=int, default=BLOCK, help=f"prompts a block (default: {BLOCK})")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, help="processes here (default: one a core on cpu, none on cuda)")
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster: tcp://host:8786")
    parser.add_argument("--threads", type=int, default=1, help="of each worker (default: 1)")


def main(options: argparse.Namespace) -> int:
    """Run the sweep and print its largest values; exit status 2: it cannot be run, 130: interrupted."""
    try:
        with ExitStack() as stack:
            result = _swept(options, stack)
    except IOIError as error:
        print(f"NOT SWEPT: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on from the finished blocks", file=sys.stderr)
        return 130
    print(summary(result, options.out))
    return 0


def _swept(options: argparse.Namespace, stack: ExitStack) -> SweepResult:
    parameters = dict(map(_parameter, options.parameters))
    model = load_model(options.model, device=options.device, dtype=options.dtype)
    workers = options.workers
    if workers is None:
        workers = 0 if options.scheduler or model.device.type != "cpu" else _cores()
    prompts: Any = options.prompts
    if options.data is not None:
        prompts = read_pairs(
            model, options.data, corruption=options.corruption, answer_space=not options.no_answer_space,
            prepend_bos=not options.no_bos, people=options.people, skip=options.skip,
        )  # fmt: skip
    return sweep(
        model, options.analysis, prompts,
        parameters=parameters, path=options.out, task=options.task, seed=options.seed,
        templates=_templates(options.templates), corruption=options.corruption, prepend_bos=not options.no_bos,
        block=options.block, workers=workers, threads=options.threads, scheduler=options.scheduler,
        progress=_Shown(stack, time.monotonic),
    )  # fmt: skip


class _Shown:
    """Progress as one line that is written over, or as a line now and then in a log."""

    def __init__(self, stack: ExitStack, clock: Callable[[], float]) -> None:
        self._clock, self._terminal = clock, sys.stderr.isatty()
        self._begun: tuple[float, int] | None = None
        self._last = -_EVERY
        if self._terminal:
            stack.callback(print, file=sys.stderr)

    def __call__(self, done: int, total: int) -> None:
        now = self._clock()
        self._begun = self._begun or (now, done)
        if done < total and now - self._last < (0.2 if self._terminal else _EVERY):
            return
        self._last = now
        line = progress_line(done, total, now - self._begun[0], done - self._begun[1])
        print(
            f"\r{line:<90}" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr, flush=True
        )


def progress_line(done: int, total: int, seconds: float, since: int) -> str:
    """Return how far a sweep is, and the time left at the rate of `since` prompts in `seconds`."""
    line = f"{done:,} of {total:,} prompts, {done / total:.0%}"
    if done < total and since > 0 and seconds > 0:
        line += f", {since / seconds:,.1f} a second, {duration((total - done) * seconds / since)} left"
    return line


def duration(seconds: float) -> str:
    """Return a length of time in the two largest units: "3 h 5 min", "2 min 10 s"."""
    whole = max(1, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def summary(result: SweepResult, path: str) -> str:
    """Return what came out in a few lines: the cells of largest value, each with its standard error."""
    values, lines = result.values.ravel(), [f"{result!r}, model {result.model}, kept in {path}"]
    if result.clean is not None:
        lines.append(f"clean run {result.clean:.4f}, corrupted run {result.corrupted:.4f}")
    if result.undefined:
        lines.append(f"without a value: {result.undefined}")
    labels = list(np.ndindex(result.values.shape))
    order = [cell for cell in np.argsort(-np.abs(values), kind="stable") if np.isfinite(values[cell])]
    for cell in order[:_SHOWN]:
        name = ", ".join(
            f"{axis} {names[at]}" for (axis, names), at in zip(result.axes.items(), labels[cell], strict=True)
        )
        lines.append(
            f"  {name or result.metric}: {values[cell]:.4f} ± {result.standard_error.ravel()[cell]:.4f} {result.unit}"
        )
    return "\n".join(lines)


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ChoiceError(f"--set {shown(text)} is no parameter: write NAME=VALUE, such as --set site=z")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _templates(text: str) -> Any:
    numbers = text.split(",")
    return [int(number) for number in numbers] if all(number.strip().isdecimal() for number in numbers) else text


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
