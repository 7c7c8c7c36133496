"""An edit of a circuit: everything the Circuit page shows after one head is switched off, ours against hooked forwards.

The peer is `tests/oracles/hooked_ablation.py` in batches: one TransformerLens forward of all prompts with hooks for
each run of the edit, its hooks' tensors made ready before the clock starts. It runs a sample of the runs, scaled to all
of them.
"""

import argparse
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.peers import random_gpt2_small, seconds
from ioi_core import IOI_CIRCUIT, Ablation, Circuit, Head, Model, PromptPairs, edit_circuit, ioi_dataset, load_model
from ioi_core.circuit.evaluation import edit_variants
from ioi_core.circuit.runs import ablated_cells, logit_diffs
from ioi_core.circuit.search import find_circuit

EDITS = {"nothing": {}, "9.9 at END": {Head(9, 9): "END"}, "2.2 at S1+1": {Head(2, 2): "S1+1"}}
"""What is switched off, from an edit that touches little of the model to one that touches most of it."""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks circuit", description=__doc__)
    parser.add_argument("--prompts", type=int, default=25)
    parser.add_argument("--runs", type=int, default=4, help="runs of each edit that the peer does")
    options = parser.parse_args(arguments)
    random, bridge = random_gpt2_small()
    model = replace(random, is_gpt2_small=True)  # so that minimality asks about the published classes, as it does there
    pairs = ioi_dataset(model, options.prompts, corruption="abc", prepend_bos=False)
    print(
        f"{torch.get_num_threads()} threads, GPT-2 small's shape, random weights, {len(pairs)} mixed prompts, 26 heads"
    )
    print(f"{'switched off':<16}{'ablation':<10}{'runs':>6}{'ours s':>8}{'peer s':>9}{'ratio':>8}{'largest diff':>14}")
    for name, removed in EDITS.items():
        for ablation in Ablation:
            row = compare(model, bridge, pairs, Circuit(removed), ablation, options.runs)
            print(f"{name:<16}{ablation:<10}" + row, flush=True)
    print_demo()


def compare(model: Model, bridge: Any, pairs: PromptPairs, removed: Circuit, ablation: Ablation, n_runs: int) -> str:
    """A row of the table."""
    ours = seconds(partial(edit_circuit, model, pairs, IOI_CIRCUIT, removed, ablation=ablation))
    variants = list(dict.fromkeys(edit_variants(model, pairs, IOI_CIRCUIT, removed)))
    sample = [variants[n] for n in np.random.default_rng(0).choice(len(variants), n_runs, replace=False)]
    peer = BatchedPeer(bridge, pairs, ablation)
    prepared = [peer.hooks(ablated_cells(model, pairs, variant)) for variant in sample]
    theirs: list[torch.Tensor] = []
    a_run = seconds(lambda: theirs.extend(peer.logit_diff(hooks) for hooks in prepared), repeats=1) / n_runs
    found = logit_diffs(model, pairs, sample, ablation)
    difference = max(np.abs(found[n] - theirs[n].numpy()).max() for n in range(n_runs))
    whole = a_run * len(variants)
    return f"{len(variants):>6}{ours:>8.2f}{whole:>9.1f}{whole / ours:>8.1f}{difference:>14.1e}"


class BatchedPeer:
    """All prompts at once, padded; what replaces z is recorded once, as in ours."""

    def __init__(self, bridge: Any, pairs: PromptPairs, ablation: Ablation) -> None:
        self.bridge, self.pairs = bridge, pairs
        with torch.no_grad():
            _, cache = bridge.run_with_cache(torch.tensor(pairs.corrupted_tokens))
        self.names = [f"blocks.{layer}.attn.hook_z" for layer in range(bridge.cfg.n_layers)]
        self.given = {name: cache[name].clone() for name in self.names}
        for z in self.given.values():
            if ablation is Ablation.ZERO:
                z.zero_()
            for template in np.unique(pairs.templates) if ablation is Ablation.MEAN else ():
                rows = torch.tensor(np.flatnonzero(pairs.templates == template))
                z[rows] = z[rows].mean(0, keepdim=True)

    def hooks(self, ablated: np.ndarray) -> list[tuple[str, Any]]:
        """The hooks of one run, from where it ablates: [batch pos layer head]."""
        masks = [torch.tensor(ablated[:, :, layer, :, None]) for layer in range(len(self.names))]

        def replaced(z: torch.Tensor, hook: Any, mask: torch.Tensor) -> torch.Tensor:
            return torch.where(mask, self.given[hook.name], z)

        return [
            (name, partial(replaced, mask=mask)) for name, mask in zip(self.names, masks, strict=True) if mask.any()
        ]

    def logit_diff(self, hooks: list[tuple[str, Any]]) -> torch.Tensor:
        """[batch] of one run."""
        rows, (io, s) = torch.arange(len(self.pairs)), torch.tensor(self.pairs.answers).T
        with torch.no_grad():
            logits = self.bridge.run_with_hooks(torch.tensor(self.pairs.clean_tokens), fwd_hooks=hooks)
        at_end = logits[rows, torch.tensor(self.pairs.roles["END"])]
        return at_end[rows, io] - at_end[rows, s]


def print_demo() -> None:
    """The bundled model: finding its circuit, and an edit of it."""
    model = load_model("ioi-demo")
    pairs = ioi_dataset(model, 50, corruption="abc", prepend_bos=False)
    found = find_circuit(model, pairs)
    finding = seconds(partial(find_circuit, model, pairs))
    circuit = found.circuit
    edits = [seconds(partial(edit_circuit, model, pairs, circuit, Circuit.of([m]))) for m in circuit.members]
    print(
        f"ioi-demo, 50 prompts: a circuit of {len(circuit.members)} members found in {finding:.2f} s, faithfulness "
        f"{found.evaluation.faithfulness:.3f}; an edit of one member {min(edits):.2f}-{max(edits):.2f} s"
    )
