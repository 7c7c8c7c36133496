"""Is a GPU right, within its memory, and fast? Every analysis on it against the CPU in float64, on random weights.

`make gpu-check` on a machine with CUDA. The model has GPT-2 small's shape; the analyses of every edge, which would take
the CPU an hour, run on its first three layers' shape. Then the same requests from two threads at once, the peak memory
against IOI_ENGINE_MEMORY_MB, and times beside the CPU's and TransformerLens's. Exit status 1 if a figure is off, 2 if
there is no such device. `--device cpu --small` runs all of it on a small model, to try the check itself.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ["TQDM_DISABLE"] = "1"  # before the peer is imported, which prints a bar for every grid

import numpy as np
import torch
from transformer_lens import patching as peer

from benchmarks import peers
from benchmarks.patching import GRIDS, sampled_cells
from cache.analyses import ANALYSES
from ioi_core import (
    SIGNAL_FLIPS,
    IOIError,
    Model,
    ModelUnavailableError,
    PromptPairs,
    edge_scores,
    ioi_dataset,
    load_model,
    patch_activations,
    predictions,
)
from ioi_core.engine.memory import memory_budget
from ioi_core.model.loading import device_for
from tests.models.random_gpt2 import save_random_gpt2
from tests.oracles.peers import oracle_bridge

ALLOWED = 1e-3
"""The largest difference: logits, nats, probabilities, attention scores."""

_COUNTS = {"copy_scores": 0.01, "answer_form_ranks": 5.0}  # a share of names, a rank: near ties may fall either way
_FRACTIONS = ("EdgeCurve",)  # ratios, of random weights' small gaps: their logit_diffs are compared instead
_CHOOSING = {"find_circuit", "completeness_sets", "minimality", "minimal_edges", "edit_circuit"}
_EVERY_EDGE = {"edge_atlas", "edge_scores", "minimal_edges"}


@dataclass(frozen=True, eq=False)
class Bench:
    """One set of weights: on the device in float32, on the CPU in float64 and in float32."""

    folder: Path
    device: Model
    oracle: Model
    cpu: Model
    pairs: PromptPairs
    flips: Mapping[str, PromptPairs]

    @classmethod
    def of(cls, folder: Path, device: str, n_prompts: int) -> "Bench":
        """Load the models; take prompts that they answer with IO, since a search wants a behaviour to look for."""
        oracle = load_model(str(folder), device="cpu", dtype="float64")
        of = partial(ioi_dataset, oracle, 12 * n_prompts)
        many = of(corruption="abc")
        best = np.sort(np.argsort(-predictions(oracle, many).clean_logit_diff)[:n_prompts])
        flips = {flip: of(corruption=flip).take(best) for flip in SIGNAL_FLIPS}
        cpu = load_model(str(folder), device="cpu")
        return cls(folder, load_model(str(folder), device=device), oracle, cpu, many.take(best), flips)

    def requests(self) -> dict[str, dict[str, Any]]:
        """Parameters of each registered analysis; numbers that it starts from are the oracle's on every device."""
        pairs, last = self.pairs, self.oracle.cfg.n_layers - 1
        heads = {f"{last}.0": "END", f"{last - 1}.1": "S2", "0.2": "all"}
        of_pairs: dict[str, Any] = {"pairs": pairs}
        of_circuit = of_pairs | {"circuit": heads}
        scored = of_pairs | {"scores": edge_scores(self.oracle, pairs, "eap").values}
        special = {
            "lens_tokens": {"tokens": pairs},
            "attention_patterns": {"tokens": pairs, "weighted": True},
            "head_scores": {"n": 10, "batch": 4},
            "copy_scores": {},
            "copied_tokens": {"head": f"{last}.0", "tokens": [262, 5335]},
            "patch_activations": of_pairs | {"site": "z", "metric": "logit_diff"},
            "estimate_patching": of_pairs | {"site": "attn_out", "metric": "logit_diff"},
            "patch_paths": of_pairs | {"receivers": [f"{last}.0", f"{last - 1}.1"], "metric": "logit_diff"},
            "explain_attention": of_pairs | {"head": f"{last}.0"},
            "evaluate_edges": of_pairs | {"edges": ["embed->logits", f"0.1->{last}.0<q>", f"{last}.0->logits"]},
            "edge_curve": scored,
            "minimal_edges": scored | {"bound": 0.5},
            "evaluate_circuit": of_circuit,
            "minimality": of_circuit,
            "completeness": of_circuit | {"removed": {f"{last}.0": "END"}},
            "edit_circuit": of_circuit | {"removed": {f"{last}.0": "END"}},
            "completeness_sets": of_circuit | {"n_random": 2, "n_greedy": 1, "steps": 2},
            "backup_heads": of_pairs | {"heads": [f"{last}.0", f"{last - 1}.1"]},
            "token_and_position": {"flips": self.flips, "heads": [f"{last - 1}.1"]},
            "contrast_methods": of_pairs | {"heads": heads},
        }
        return {name: special.get(name, of_pairs) for name in ANALYSES}


@dataclass(frozen=True)
class Compared:
    """One analysis: the largest difference, what is allowed, seconds, MiB above the weights; or what was said."""

    name: str
    difference: float
    allowed: float
    seconds: float
    peak: float
    said: str = ""

    @property
    def passed(self) -> bool:
        """Return whether the figure may be so; nan is none."""
        return self.difference <= self.allowed and self.peak * 2**20 <= memory_budget()


def arrays(value: object, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield every array of floats of a result, and of the results in it."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield path, value
    elif is_dataclass(value) and not isinstance(value, type):
        skipped = ("values", "per_prompt") if type(value).__name__ in _FRACTIONS else ("faithfulness", "shares")
        for field in fields(value):
            if field.name not in ("gaps", *skipped):
                yield from arrays(getattr(value, field.name), f"{path}.{field.name}")


def difference(name: str, ours: object, wanted: object) -> tuple[float, str]:
    """Return the largest difference of any number, and what there is to say."""
    largest, there, expected = 0.0, dict(arrays(ours)), dict(arrays(wanted))
    if {path: of.shape for path, of in there.items()} != {path: of.shape for path, of in expected.items()}:
        return (0.0, "chose otherwise, not compared") if name in _CHOOSING else (np.nan, "other shapes")
    for path, of in there.items():
        if (np.isnan(of) != np.isnan(expected[path])).any():
            return np.nan, f"undefined elsewhere{path}"
        if of.size and not np.isnan(of).all():
            largest = max(largest, float(np.nanmax(np.abs(of - expected[path]))))
    if name in _CHOOSING and largest > ALLOWED:
        return 0.0, f"chose otherwise, not compared ({largest:.1e})"
    return largest, ""


def answered(model: Model, name: str, parameters: dict[str, Any]) -> object:
    """Return the result, or the words of a refusal: both sides must say the same."""
    try:
        return ANALYSES[name].function(model, **parameters)
    except IOIError as error:
        return type(error).__name__


def compared(bench: Bench, name: str, parameters: dict[str, Any], repeats: int) -> Compared:
    """Run one analysis on the device and on the oracle."""
    wanted = answered(bench.oracle, name, parameters)
    on_gpu = bench.device.device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(bench.device.device)
        torch.cuda.reset_peak_memory_stats(bench.device.device)
    before = torch.cuda.memory_allocated(bench.device.device) if on_gpu else 0
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        ours = answered(bench.device, name, parameters)
        times.append(time.perf_counter() - start)
    peak = (torch.cuda.max_memory_allocated(bench.device.device) - before) / 2**20 if on_gpu else 0.0
    if isinstance(wanted, str) or isinstance(ours, str):
        found, said = (0.0 if wanted == ours else np.nan), f"refused: {wanted if isinstance(wanted, str) else ours}"
    else:
        found, said = difference(name, ours, wanted)
    return Compared(name, found, _COUNTS.get(name, ALLOWED), min(times), peak, said)


def at_once(bench: Bench, names: list[str], requests: dict[str, dict[str, Any]]) -> list[str]:
    """Ask from two threads at once, in opposite orders; name what came out otherwise than alone."""
    alone = {name: answered(bench.device, name, requests[name]) for name in names}
    wrong: list[str] = []

    def stream(order: list[str]) -> None:
        for name in order:
            try:
                found, said = difference(name, answered(bench.device, name, requests[name]), alone[name])
            except Exception as error:
                found, said = np.nan, repr(error)
            if not found <= _COUNTS.get(name, ALLOWED):
                wrong.append(f"{name} {found:.1e} {said}")

    threads = [threading.Thread(target=stream, args=(order,)) for order in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


def seconds(call: Callable[[], object], repeats: int = 2) -> float:
    """The best of some runs, after one that does not count; what ends in an array has waited for the device."""
    call()
    return peers.seconds(call, repeats)


def print_times(bench: Bench, sites: list[str], n_cells: int) -> None:
    """A table of grids: ours on the device and on the CPU, TransformerLens's on the device, scaled from a sample."""
    where, pairs = bench.device.device, bench.pairs
    bridge: Any = oracle_bridge(bench.folder).to(where)
    tokens = [torch.tensor(of_run, device=where) for of_run in (pairs.clean_tokens, pairs.corrupted_tokens)]
    rows, (io, s) = torch.arange(len(pairs), device=where), torch.tensor(pairs.answers, device=where).T
    ends = torch.tensor(pairs.roles["END"], device=where)

    def logit_diff(logits: torch.Tensor) -> torch.Tensor:
        at_end = logits[rows, ends]
        return (at_end[rows, io] - at_end[rows, s]).mean()

    print(f"\n{'grid':<12}{'cells':>7}{'ours s':>9}{'cpu s':>9}{'peer s':>9}{'cpu/ours':>10}{'peer/ours':>11}")
    for site in sites:
        patch = partial(patch_activations, pairs=pairs, site=site, metric="logit_diff")
        result = patch(bench.device)
        setter, name = GRIDS[site]
        sample = sampled_cells(result.values.shape, list(result.axes), min(n_cells, result.values.size))
        with torch.no_grad():
            _, kept = bridge.run_with_cache(tokens[0])
            hooked = partial(peer.generic_activation_patch, bridge, tokens[1], kept, logit_diff, setter, name)
            theirs = seconds(lambda: hooked(index_df=sample).cpu(), 1) / len(sample) * result.values.size  # noqa: B023
        ours, cpu = seconds(partial(patch, bench.device)), seconds(partial(patch, bench.cpu), 1)
        row = f"{ours:>9.3f}{cpu:>9.3f}{theirs:>9.2f}{cpu / ours:>10.1f}{theirs / ours:>11.1f}"
        print(f"{site:<12}{result.values.size:>7}{row}", flush=True)


def check(device: str, small: bool, n_prompts: int, repeats: int) -> int:
    """Print all tables; return how many figures are off."""
    failed, largest, peak = 0, ("", 0.0), 0.0
    with tempfile.TemporaryDirectory() as name:
        shape = (2, 32, 4) if small else (12, 768, 12)
        few = (min(3, shape[0]), *shape[1:])
        bench = Bench.of(save_random_gpt2(Path(name) / "whole", *shape), device, n_prompts)
        low = bench if few == shape else Bench.of(save_random_gpt2(Path(name) / "low", *few), device, n_prompts)
        where = torch.cuda.get_device_name(bench.device.device) if device.startswith("cuda") else "this CPU"
        print(
            f"{bench.device!r}\n{where}, {len(bench.pairs)} prompts, against the CPU in float64; torch "
            f"{torch.__version__}"
        )
        print(f"{'analysis':<24}{'largest difference':>19}{'s':>9}{'peak MiB':>10}")
        requests, of_low = bench.requests(), low.requests()
        for analysis in ANALYSES:
            used, asked = (low, of_low) if analysis in _EVERY_EDGE else (bench, requests)
            row = compared(used, analysis, asked[analysis], repeats)
            failed, peak = failed + (not row.passed), max(peak, row.peak)
            if analysis not in _COUNTS and not row.difference <= largest[1]:
                largest = analysis, row.difference
            said = " ".join(filter(None, ("" if row.passed else "FAIL", row.said)))
            print(
                f"{analysis:<24}{row.difference:>19.1e}{row.seconds:>9.3f}{row.peak:>10.0f}  {said}".rstrip(),
                flush=True,
            )
        print(f"largest difference {largest[1]:.1e} ({largest[0]}), {ALLOWED:g} allowed")
        print(f"peak above the weights {peak:.0f} MiB, budget {memory_budget() / 2**20:.0f} MiB (IOI_ENGINE_MEMORY_MB)")
        wrong = at_once(low, [*ANALYSES], of_low)
        print(f"two threads of {len(ANALYSES)} requests at once: {'; '.join(wrong) or 'as alone'}")
        print_times(bench, ["resid_pre", "z"] if small else list(GRIDS), 2 if small else 24)
    print("peer: transformer_lens.patching on the same device, a sample of cells scaled to the whole grid")
    print(f"{failed + len(wrong)} figures are off")
    return failed + len(wrong)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu to try the check itself")
    parser.add_argument("--small", action="store_true", help="a small model: seconds on a CPU")
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2, help="runs of each analysis; the best counts")
    options = parser.parse_args(arguments)
    try:
        device_for(options.device)
    except ModelUnavailableError as error:
        print(f"NOT CHECKED: {error}. This check is for a machine with a GPU.", file=sys.stderr)
        return 2
    return 1 if check(options.device, options.small, options.prompts, options.repeats) else 0


if __name__ == "__main__":
    sys.exit(main())
