"""`python -m app.warm`: compute ahead what the pages ask for as they first open, into the folder kept on disk.

One line an analysis; each gives the parameters of all its requests, exactly as the page passes them: another type or
one parameter more is another key, and the page would not find the result.
"""

import argparse
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from diskcache import Timeout

from cache.computations import Computations
from cache.environment import disk_cache
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore
from cache.store.tiers import TieredStore
from ioi_core import (
    IOI_CIRCUIT,
    Ablation,
    Circuit,
    Direction,
    Head,
    IOIError,
    Model,
    PromptPairs,
    arena_pairs,
    find_circuit,
    load_model,
)
from ioi_core.heads.published import published_class
from ioi_core.prompts.twins import with_twins

Parameters = dict[str, Any]

GALLERIES: Mapping[str, Callable[[Model], PromptPairs]] = {
    "classic": arena_pairs,
}
"""Name -> the prompts."""

_PATCHING = {"site": "z", "direction": Direction.DENOISING, "positions": "all", "metric": "logit_diff_recovered"}
_NOISED_AT_END = _PATCHING | {"direction": Direction.NOISING, "positions": "END"}

_PATHS = {
    "receivers": "logits", "direction": Direction.NOISING, "metric": "logit_diff_change", "sender_position": "all",
    "through_mlps": True,
}  # fmt: skip

FIRST_REQUESTS: tuple[tuple[str, Callable[[Model, PromptPairs], list[Parameters]]], ...] = (
    ("predictions", lambda model, pairs: [{"pairs": pairs}]),
    ("logit_lens", lambda model, pairs: [{"pairs": pairs, "scale": scale} for scale in ("final", "per_layer")]),
    ("lens_tokens", lambda model, pairs: [_lens(pairs, row) for row in range(len(pairs))]),
    ("attribute_layers", lambda model, pairs: [{"pairs": pairs}]),
    ("attribute_heads", lambda model, pairs: [{"pairs": pairs}]),
    ("estimate_patching", lambda model, pairs: [{"pairs": pairs} | _PATCHING]),
    ("patch_activations", lambda model, pairs: [{"pairs": pairs} | _PATCHING, {"pairs": pairs} | _NOISED_AT_END]),
    ("attention_patterns", lambda model, pairs: [*_patterns(model, pairs)]),
    ("patch_paths", lambda model, pairs: [{"pairs": pairs} | _PATHS]),
    ("role_attention", lambda model, pairs: [{"pairs": pairs}]),
    ("head_scores", lambda model, pairs: [{}]),
    ("copy_scores", lambda model, pairs: [{}]),
    ("attention_and_writing", lambda model, pairs: [{"pairs": pairs}]),
    ("copied_tokens", lambda model, pairs: [*_copied(model, pairs)]),
    ("explain_attention", lambda model, pairs: [_looks(pairs, head) for head in model.heads]),
    ("find_circuit", lambda model, pairs: _found(model, pairs)),
    ("edit_circuit", lambda model, pairs: [_opening(model, pairs) | {"removed": Circuit()}]),
    ("completeness_sets", lambda model, pairs: [_opening(model, pairs)]),
    ("direct_and_total", lambda model, pairs: [{"pairs": with_twins(model, pairs, "abc"), "ablation": Ablation.MEAN}]),
)
"""Analysis -> the parameters of each request, in the order in which they are computed."""


def requests(model: Model, gallery: str) -> Iterator[tuple[str, Parameters]]:
    """Every request of a gallery: the analysis and its parameters."""
    pairs = GALLERIES[gallery](model)
    for analysis, parameters in FIRST_REQUESTS:
        for one in parameters(model, pairs):
            yield analysis, one


def _found(model: Model, pairs: PromptPairs) -> list[Parameters]:
    """The page finds a circuit where none is published."""
    return [] if _published(model) else [{"pairs": with_twins(model, pairs, "abc")}]


def _opening(model: Model, pairs: PromptPairs) -> Parameters:
    """The circuit that the page opens with; a found one is found here once more, since requests know no results."""
    twins = with_twins(model, pairs, "abc")
    circuit = IOI_CIRCUIT if _published(model) else find_circuit(model, twins).circuit
    return {"pairs": twins, "circuit": circuit, "ablation": Ablation.MEAN}


def _published(model: Model) -> bool:
    return all(published_class(model, head) for head in IOI_CIRCUIT)


def _lens(pairs: PromptPairs, row: int) -> Parameters:
    one = slice(row, row + 1)
    tokens = pairs.clean_tokens[one, : pairs.lengths[row]]
    return {"tokens": tokens, "top_k": 1, "track": pairs.answers[one]}


def _patterns(model: Model, pairs: PromptPairs) -> Iterator[Parameters]:
    """Every prompt, clean and corrupted: all layers for the Attention page, one at a time for a patched head."""
    for row, length in enumerate(pairs.lengths.tolist()):
        for tokens in (pairs.clean_tokens, pairs.corrupted_tokens):
            one = tokens[row : row + 1, :length]
            yield {"tokens": one, "weighted": False, "layer": None}
            for layer in range(model.cfg.n_layers):
                yield {"tokens": one, "layer": layer}


def _copied(model: Model, pairs: PromptPairs) -> Iterator[Parameters]:
    """Both signs of every head, for the names of the prompts."""
    tokens = list(dict.fromkeys(pairs.answers.ravel().tolist()))
    for head in model.heads:
        for sign in ("positive", "negative"):
            yield {"head": head, "tokens": tokens, "top_k": 5, "sign": sign}


def _looks(pairs: PromptPairs, head: Head) -> Parameters:
    return {"pairs": pairs, "head": head, "query": "END", "key": "IO"}


_MEMORY = 64 * 2**20


def main(arguments: list[str] | None = None) -> int:
    """Run the command; exit status 0 all is well, 1 not, 2 it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m app.warm", description=__doc__)
    parser.add_argument("--model", default="ioi-demo", help="a model's name or absolute folder; default: %(default)s")
    parser.add_argument("--gallery", default="classic", choices=sorted(GALLERIES), help="which prompts")
    options = parser.parse_args(arguments)
    try:
        folder, megabytes = disk_cache(os.environ)
        return _warm(folder, megabytes * 2**20, options.model, options.gallery)
    except (IOIError, OSError, sqlite3.Error, Timeout) as error:
        print(f"warm could not be done: {error or type(error).__name__}", file=sys.stderr)
        return 2


def _warm(folder: Path, max_bytes: int, model_name: str, gallery: str) -> int:
    model = load_model(model_name)
    disk = DiskStore(folder, max_bytes)
    store = TieredStore(MemoryStore(_MEMORY), lambda: disk)
    computations = Computations(store)
    asked = known = 0
    started = time.monotonic()
    for analysis, parameters in requests(model, gallery):
        asked += 1
        known += computations.is_kept(analysis, model, **parameters)
        job = computations.request(analysis, model, **parameters)
        while not job.wait(1.0):
            continue
        job.result()
    store.flush()
    if not disk.usable:
        print(store.warning, file=sys.stderr)
        return 1
    seconds = time.monotonic() - started
    print(f"{gallery} on {model_name}: {asked:,} results, {known:,} of them known, {seconds:.1f} s, in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
