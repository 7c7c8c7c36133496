"""The Circuit page's slow analyses: sets for completeness, direct and total effects, methods, signals, backup.

The peer is TransformerLens with hooks, one forward of all prompts for each run that an analysis asks for. Of analyses
with hundreds of runs it does a sample, scaled to all of them; what it records of the corrupted prompts to replace z is
in its time where a run needs a recording of its own (signals), and made ready before the clock starts elsewhere.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.circuit import BatchedPeer
from benchmarks.peers import matmul_peak, random_gpt2_small, seconds
from ioi_core import (
    IOI_CIRCUIT,
    Ablation,
    Circuit,
    Head,
    Model,
    PromptPairs,
    arena_pairs,
    backup_heads,
    completeness_sets,
    contrast_methods,
    direct_and_total,
    ioi_dataset,
    token_and_position,
)
from ioi_core.circuit.completeness_sets import TRIES
from ioi_core.circuit.methods import METHODS
from ioi_core.circuit.runs import Variant, ablated_cells
from ioi_core.circuit.signals import SIGNALS
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from ioi_core.prompts.twins import with_twins
from tests.oracles.hooked_ablation import hooked_direct_effects

NAME_MOVERS = [Head(9, 9), Head(10, 0), Head(9, 6)]
S_INHIBITION = [Head(7, 3), Head(7, 9), Head(8, 6), Head(8, 10)]
N_RANDOM, N_GREEDY, STEPS = 10, 3, 10


@dataclass(frozen=True, eq=False)
class Bench:
    """The model, twice, and prompts of one kind."""

    model: Model
    bridge: Any
    pairs: PromptPairs
    flips: Mapping[str, PromptPairs]
    sample: int

    def peer_runs(self, variants: Sequence[Variant], ablation: Ablation, runs: int) -> tuple[float, np.ndarray]:
        """Seconds of `runs` hooked forwards, from those of these variants, and the variants' logit_diff."""
        peer = BatchedPeer(self.bridge, self.pairs, ablation)
        hooks = [peer.hooks(ablated_cells(self.model, self.pairs, variant)) for variant in variants]
        theirs: list[torch.Tensor] = []
        spent = seconds(lambda: theirs.extend(map(peer.logit_diff, hooks)), repeats=1)
        return spent / len(variants) * runs, torch.stack(theirs).numpy()

    def signals(self) -> "Row":
        """Six cached and six hooked runs."""
        call = partial(token_and_position, self.model, self.flips, S_INHIBITION)
        swapped = Variant(None, Circuit.of([(head, "END") for head in S_INHIBITION]))
        theirs = []

        def peer() -> None:
            for flip in SIGNALS:
                batch = BatchedPeer(self.bridge, self.flips[flip], Ablation.RESAMPLE)
                hooks = batch.hooks(ablated_cells(self.model, self.flips[flip], swapped))
                theirs.append(batch.logit_diff(hooks).numpy())

        return Row("token_and_position", call, 12, lambda: seconds(peer, repeats=1), lambda found: (found, theirs))

    def methods(self) -> "Row":
        """Four hooked runs: noising is resample ablation."""
        heads = Circuit.of([(head, "END") for head in NAME_MOVERS])
        swapped = replace(
            self.pairs, clean_tokens=self.pairs.corrupted_tokens, corrupted_tokens=self.pairs.clean_tokens
        )
        theirs: list[np.ndarray] = []

        def peer() -> float:
            asked = [*((self, ablation) for ablation in Ablation), (replace(self, pairs=swapped), Ablation.RESAMPLE)]
            times, found = zip(
                *(bench.peer_runs([Variant(None, heads)], each, 1) for bench, each in asked), strict=True
            )
            theirs.extend(np.concatenate(found))
            return sum(times)

        def compared(found: np.ndarray) -> tuple[Any, Any]:
            return found[[METHODS.index(method) for method in (*Ablation, "denoising")]], theirs

        return Row("contrast_methods", partial(contrast_methods, self.model, self.pairs, heads), 4, peer, compared)

    def backup(self) -> "Row":
        """A hooked run for each stage."""
        theirs: list[np.ndarray] = []

        def peer() -> None:
            for stage in range(len(NAME_MOVERS) + 1):
                theirs.append(hooked_direct_effects(self.bridge, self.pairs, NAME_MOVERS[:stage])[0])

        call = partial(backup_heads, self.model, self.pairs, NAME_MOVERS)
        return Row("backup_heads", call, 4, lambda: seconds(peer, repeats=1), lambda found: (found, theirs))

    def totals(self) -> "Row":
        """A hooked run for each head, and one of nothing."""
        heads = list(self.model.heads)
        chosen = [heads[n] for n in np.random.default_rng(0).choice(len(heads), self.sample, replace=False)]
        variants = [Variant(None), *(Variant(None, Circuit({head: "all"})) for head in chosen)]
        theirs: list[np.ndarray] = []

        def peer() -> float:
            spent, found = self.peer_runs(variants, Ablation.MEAN, len(heads) + 1)
            theirs.extend(found[0] - found[1:])
            return spent

        return Row(
            "direct_and_total", partial(direct_and_total, self.model, self.pairs), len(heads) + 1, peer,
            lambda found: ([found[1, head.layer, head.head] for head in chosen], theirs),
        )  # fmt: skip

    def sets(self) -> "Row":
        """Two hooked runs for each set tried or shown, and one of the whole model."""
        call = partial(
            completeness_sets, self.model, self.pairs, IOI_CIRCUIT, n_random=N_RANDOM, n_greedy=N_GREEDY, steps=STEPS
        )
        shown = call(n_greedy=0)  # the same sets as with greedy ones, which stand at the end
        chosen = np.random.default_rng(0).choice(len(shown.removed), self.sample, replace=False)
        variants = [Variant(kept, shown.removed[n]) for n in chosen for kept in (IOI_CIRCUIT, None)]
        runs = 1 + 2 * (len(shown.removed) + N_GREEDY * (1 + STEPS * TRIES))
        theirs: list[np.ndarray] = []

        def peer() -> float:
            spent, found = self.peer_runs(variants, Ablation.MEAN, runs)
            theirs.extend(found)
            return spent

        return Row(
            "completeness_sets", call, runs, peer,
            lambda found: ([found[run, n] for n in chosen for run in (0, 1)], theirs),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Row:
    """An analysis, how many runs it asks for, the peer's seconds for them, and what the two are compared by."""

    name: str
    call: Callable[[], Any]
    runs: int
    peer: Callable[[], float]
    compared: Callable[[np.ndarray], tuple[Any, Any]]

    def measured(self) -> str:
        """The row of the table."""
        with FlopCounterMode(display=False) as counter:
            result = self.call()
        peak = matmul_peak()
        ours = seconds(self.call, repeats=1)
        if ours < 5:
            ours = min(ours, seconds(self.call))
        peak = max(peak, matmul_peak())
        theirs = self.peer()
        difference = np.abs(np.subtract(*map(np.array, self.compared(result.per_prompt)))).max()
        share = counter.get_total_flops() / ours / peak
        return (
            f"{self.name:<20}{self.runs:>6}{ours:>8.2f}{theirs:>9.1f}{theirs / ours:>8.1f}{difference:>14.1e}"
            f"{share:>12.0%}"
        )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks circuit_analyses", description=__doc__)
    parser.add_argument("--prompts", nargs="*", default=["classic", "generated"], choices=["classic", "generated"])
    parser.add_argument("--analyses", nargs="*", default=["signals", "methods", "backup", "totals", "sets"])
    parser.add_argument("--sample", type=int, default=4, help="runs of an analysis with many that the peer does")
    options = parser.parse_args(arguments)
    random, bridge = random_gpt2_small()
    model = replace(random, is_gpt2_small=True)  # so that its heads have the published classes, as there
    print(f"{torch.get_num_threads()} threads, GPT-2 small's shape, random weights")
    print(f"{'':<20}{'runs':>6}{'ours s':>8}{'peer s':>9}{'ratio':>8}{'largest diff':>14}{'of peak':>12}")
    for kind in options.prompts:
        pairs, flips = classic(model) if kind == "classic" else generated(model)
        print(f"{kind}: {len(pairs)} prompts of {pairs.lengths.min()}-{pairs.lengths.max()} tokens")
        bench = Bench(model, bridge, pairs, flips, options.sample)
        for name in options.analyses:
            print(getattr(bench, name)().measured(), flush=True)


def classic(model: Model) -> tuple[PromptPairs, dict[str, PromptPairs]]:
    """The eight prompts with ABC twins, and their flips."""
    pairs = arena_pairs(model)
    return with_twins(model, pairs, "abc"), {flip: with_twins(model, pairs, flip) for flip in SIGNAL_FLIPS}


def generated(model: Model) -> tuple[PromptPairs, dict[str, PromptPairs]]:
    """25 mixed prompts without BOS."""
    of = partial(ioi_dataset, model, 25, prepend_bos=False)
    return of(corruption="abc"), {flip: of(corruption=flip) for flip in SIGNAL_FLIPS}
