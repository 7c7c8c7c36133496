"""`python -m app.warm`: compute what the pages request as they first open, and keep it on disk.

The requests are made by the pages' own functions.
"""

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar, cast

from diskcache import Timeout

import ioi_core
from app.activation_patching.requests import PatchChoice, patch_requests
from app.circuit.requests import (
    completeness_request,
    evaluate_request,
    find_request,
    minimality_request,
    sets_request,
    total_request,
)
from app.circuit.starts import PAPER, starts_of
from app.edges.plan import Changes, Plan, first_size
from app.edges.requests import (
    FIRST_BOUND,
    circuit_request,
    curve_request,
    scores_request,
    smallest_request,
)
from app.heads.requests import answer_tokens, copying_requests, writing_request
from app.hosting.settings import Settings
from app.lessons.files.library import library
from app.lessons.keys.run import Run
from app.lessons.steps import answer_step, lesson_pairs
from app.logit_lens.requests import curve_requests, heads_request, layers_request, tokens_request
from app.path_patching.requests import PathChoice, most_attended, path_request, split_request
from app.path_patching.trail import Step
from app.questions.ask import Compute, Request, ask
from app.questions.halves import halves
from app.questions.measures import measure_requests, role_requests
from app.questions.prompt_patterns import pattern_requests
from app.view import View
from cache.computations import Computations
from cache.environment import disk_cache
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore
from cache.store.tiers import TieredStore
from ioi_core import (
    IOI_CIRCUIT,
    NO_HEADS,
    Ablation,
    EdgeGraph,
    IOIError,
    Model,
    PromptPairs,
    arena_pairs,
    load_model,
    with_twins,
)

R = TypeVar("R")

GALLERIES: Mapping[str, Callable[[Model], PromptPairs]] = {"classic": arena_pairs}
"""Name -> the prompts."""

LESSONS = "lessons"
"""The gallery of all that lessons reveal, on prompts of their own."""

_MEMORY = 64 * 2**20  # bytes of results at hand; all others are read from disk


def requests(model: Model, pairs: PromptPairs, compute: Compute) -> Iterator[Request[object]]:
    """Yield what the pages request as they open, for every prompt and head that can be shown; some of it twice.

    `compute` is for results that later requests depend on.
    """
    yield from role_requests(pairs)
    yield from measure_requests(pairs)
    yield from patch_requests(pairs, PatchChoice())
    yield path_request(pairs, Step(), PathChoice())
    yield writing_request(pairs)
    yield from (*curve_requests(pairs), layers_request(pairs), heads_request(pairs))
    for row in range(len(pairs)):
        yield tokens_request(pairs, row)
        view = View(model, pairs, row, corruption="", large=False)
        yield from pattern_requests(view, range(model.cfg.n_layers), weighted=False)
    attention = compute(ask(ioi_core.role_attention, pairs=pairs))
    for head in model.heads:
        yield from copying_requests(head, answer_tokens(pairs))
        yield split_request(pairs, head, "END", most_attended(attention, head))
    twins, ablation = with_twins(model, pairs, "abc"), Ablation.MEAN
    circuit = IOI_CIRCUIT if starts_of(model, pairs)[0] == PAPER else compute(find_request(twins)).circuit
    yield evaluate_request(twins, circuit, ablation)
    yield completeness_request(twins, circuit, NO_HEADS, ablation)
    yield minimality_request(twins, circuit, ablation)
    yield sets_request(twins, circuit, ablation)
    yield total_request(twins, ablation)
    graph = EdgeGraph.of(model)
    for method in ("eap", "exact"):
        scores = compute(scores_request(pairs, method))
        yield circuit_request(pairs, Plan(graph, scores, first_size(graph.n_edges), Changes()).names)
        yield curve_request(pairs, scores)
    yield smallest_request(pairs, compute(scores_request(halves(pairs)[0], "exact")), FIRST_BOUND)


def answer_lessons(model: Model, compute: Compute) -> None:
    """Compute the answer to every question of every lesson, of a teacher's own too."""
    for lesson in library(Settings.from_environment(os.environ).lessons_folder).lessons:
        for step in lesson.steps:
            answer_step(step, Run(model, lesson_pairs(lesson, model), compute))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return exit status 0 if all is kept, 1 if it is not, 2 if it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m app.warm", description=__doc__)
    parser.add_argument("--model", default="ioi-demo", help="a model's name or absolute folder; default: %(default)s")
    parser.add_argument("--gallery", default="classic", choices=sorted([*GALLERIES, LESSONS]), help="which prompts")
    options = parser.parse_args(arguments)
    try:
        folder, megabytes = disk_cache(os.environ)
        return _warm(folder, megabytes * 2**20, options.model, options.gallery)
    except (IOIError, OSError, sqlite3.Error, Timeout) as error:
        print(f"warm could not be done: {error or type(error).__name__}", file=sys.stderr)
        return 2


class _Requester:
    """Requests results, waits for them, and counts each once."""

    def __init__(self, computations: Computations, model: Model):
        self._computations, self._model = computations, model
        self.known: dict[str, bool] = {}  # key -> True if the result was kept already

    def __call__(self, request: Request[R]) -> R:
        analysis, parameters = request.analysis, request.parameters
        kept = self._computations.is_kept(analysis, self._model, **parameters)
        self.known.setdefault(self._computations.key(analysis, self._model, parameters), kept)
        job = self._computations.request(analysis, self._model, place=None, **parameters)
        job.wait_for_end()
        return cast(R, job.result())


def _warm(folder: Path, max_bytes: int, model_name: str, gallery: str) -> int:
    model = load_model(model_name)
    disk = DiskStore(folder, max_bytes)
    store = TieredStore(MemoryStore(_MEMORY), lambda: disk)
    requester = _Requester(Computations(store), model)
    started = time.monotonic()
    if gallery == LESSONS:
        answer_lessons(model, requester)
    else:
        for request in requests(model, GALLERIES[gallery](model), requester):
            requester(request)
    store.flush()
    if not disk.usable:
        print(store.warning, file=sys.stderr)
        return 1
    asked, known, seconds = len(requester.known), sum(requester.known.values()), time.monotonic() - started
    print(f"{gallery} on {model_name}: {asked:,} results, {known:,} of them known, {seconds:.1f} s, in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
