"""The largest files that can be taken home: size, seconds and peak memory of each kind, and of a full report.

Every figure of every page is taken at the size that GPT-2 small would give it (`wide.py`), with as many prompts as a
visitor may ask for and the longest prompt that attention is drawn for. Each file is made by itself, its results there
already, as in the app. The peak is what resident memory (Linux) was above where it stood before, the file among it.
A report repeats the figure with the largest file of its kind 30 times.
"""

import argparse
import ctypes
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ["TQDM_DISABLE"] = "1"

import streamlit as st

from app.drawing import figure
from app.hosting import services
from app.hosting.models import ResidentModels
from app.report.files import Figure, report_cells, report_page, report_zip
from app.report.pins import LONGEST_NOTE, MOST_PINS
from app.take_home import menu
from app.take_home.caught import Caught
from app.take_home.data import figure_csv, has_prompts, prompts_csv
from app.take_home.notebook import notebook
from app.take_home.page import Part, page
from benchmarks.take_home.wide import wide_demo
from ioi_core import Model
from tests.app.pages import Loader, at_root, body
from tests.app.take_home.every_figure import VIEWS

_MIB = 2**20
_INSTALL = "http://localhost:8501/app/static/ioi_explorer.whl"
_LONG = "When Mary and John went to the store," + " then they went on to the park and" * 17 + " John gave a drink to"


@dataclass(frozen=True)
class Spent:
    """Of one file: its MiB, seconds of a processor, and MiB of memory above what was there before."""

    size: float
    seconds: float
    peak: float


def spent(make: Callable[[], bytes]) -> Spent:
    before = _settled()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    start = time.process_time()
    made = make()
    seconds = time.process_time() - start
    return Spent(len(made) / _MIB, seconds, _resident("VmHWM") - before)


def _settled() -> float:
    """MiB that are resident once what is free is given back."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return _resident("VmRSS")


def _resident(name: str) -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) / 1024


def views(n_prompts: int) -> Iterator[tuple[str, str, dict[str, str], tuple[str, ...]]]:
    """Name, page, query and buttons: those of the tests with as many prompts, and what is large in another way."""
    many = {"prompts": "generated", "n": str(n_prompts), "seed": "1"}
    for name, (of_page, query, pressed) in VIEWS.items():
        few = {"n": "24"} if pressed else {}  # every edge between heads: as many runs as one request may ask for
        yield name, of_page, many | few | query, pressed
    long = {"prompts": "own", "text": _LONG}
    yield "attention: long", "attention", long, ()
    yield "logit lens: long", "logit_lens", long, ()
    yield "activation patching: cells", "activation_patching", many | {"n": "80", "site": "z", "where": "each"}, ()
    yield "edges: all", "edges", many | {"edges_kept": "32,491", "parts": "closed", "part_edge": "true"}, ()


def figures_of(of_page: str, query: dict[str, str], pressed: tuple[str, ...]) -> list[Part]:
    """Every figure of a page, as it hands them to "Take home"."""
    taken: dict[str, Part] = {}

    def take(drawn: menu.Drawn, frame: Callable[[], Any], figures: Any = ()) -> None:
        taken[drawn.name] = Part(drawn.record(st.session_state[menu._SOURCE]), frame, figures)

    with patch.object(figure, "take_home", take):
        at = at_root(model="ioi-demo", **query)
        at.default_timeout = 3600
        at.switch_page(f"../pages/{of_page}.py")
        at.run()
        for key in pressed:
            at.button(key=key).click().run()
    for problem in [said for said in body(at).split("<p ") if "ioi-problem" in said]:
        print(f"    not all of it: {problem[:200]}")
    return list(taken.values())


def results_of(model: Model, part: Part) -> list[Any]:
    jobs = [
        services.computations().request(request.analysis, model, **request.parameters)
        for request in part.record.requests
    ]
    for job in jobs:
        job.wait_for_end()
    return [job.result() for job in jobs]


def files(part: Part, results: list[Any]) -> dict[str, Callable[[], bytes]]:
    """Kind -> what makes it."""
    numbers = part.record.numbers(results)
    made = {
        "notebook": partial(notebook, part.record, results, _INSTALL),
        "web page": partial(page, [part]),
        "data": lambda: figure_csv(part.record, part.frame()),
    }
    if has_prompts(numbers):
        made["every prompt"] = partial(prompts_csv, part.record, numbers)
    return made


REPORTS = {"notebook": partial(report_cells, install=_INSTALL), "web page": report_page, "data": report_zip}
REPORTS["every prompt"] = report_zip


def kept(part: Part) -> Part:
    """A part as a visitor's session keeps it."""
    caught = Caught(frozenset([part.record.name]))
    caught.keep(part, lambda: None)  # type: ignore[arg-type]
    return caught.parts[part.record.name]


def show(what: str, row: Spent) -> None:
    print(f"{what:<58}{row.size:>9.2f}{row.seconds:>9.2f}{row.peak:>9.0f}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.take_home", description=__doc__)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--views", nargs="*", help="those whose names contain one of these; all by default")
    parser.add_argument("--all", action="store_true", help="show every file, not the largest of each kind")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        os.environ["IOI_CACHE_DIR"] = f"{name}/cache"
        model = wide_demo(Path(name) / "model")
        services.ResidentModels = partial(ResidentModels, Loader(model))  # type: ignore[misc, assignment]
        largest: dict[str, tuple[Spent, str, Part, list[Any]]] = {}
        print(f"{'file':<58}{'MiB':>9}{'s':>9}{'peak':>9}")
        for view, of_page, query, pressed in views(options.prompts):
            if options.views and not any(part in view for part in options.views):
                continue
            for part in figures_of(of_page, query, pressed):
                results = results_of(model, part)
                for kind, make in files(part, results).items():
                    row, what = spent(make), f"{kind}, {view}, {part.record.name}"
                    if options.all:
                        show(what, row)
                    if kind not in largest or row.size > largest[kind][0].size:
                        largest[kind] = row, what, part, results
        print("the largest of each kind, then a report of them")
        for row, what, _, _ in largest.values():
            show(what, row)
        for kind, (_, _, part, results) in largest.items():
            start = _settled()
            figures = [
                Figure(Part(again.record, again.frame, again.figures, "x" * LONGEST_NOTE), results)
                for again in (kept(part) for _ in range(MOST_PINS))
            ]
            print(f"    tables of the next one, which a session keeps: {_settled() - start:.0f} MiB")
            show(f"report: {MOST_PINS} times the largest {kind}", spent(partial(REPORTS[kind], figures)))


if __name__ == "__main__":
    main()
