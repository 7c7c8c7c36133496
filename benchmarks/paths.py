"""Path patching and the edge atlas, ours against TransformerLens's hooked forwards.

The peer of path patching is appendix B step by step: one hooked forward a sender into the logits, two into heads. The
peer of the atlas is TransformerLens's own direct path patching, one forward an edge. Both run a sample, scaled up.
"""

import argparse
from functools import partial

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformer_lens import patching as peer

from benchmarks.peers import matmul_peak, random_gpt2_small, seconds
from ioi_core import Direction, Head, Model, PromptPairs, arena_pairs, edge_atlas, patch_paths
from ioi_core.path_patching.edges import Paths
from ioi_core.prompts.corruptions import CORRUPTIONS
from ioi_core.prompts.typed import prompt_pairs
from tests.oracles.appendix_b import AppendixB

RECEIVERS: dict[str, tuple[list[Head], str]] = {
    "logits": ([], "q"),
    "q of 9.6 9.9 10.0": ([Head(9, 6), Head(9, 9), Head(10, 0)], "q"),
    "v of 7.3 7.9 8.6 8.10": ([Head(7, 3), Head(7, 9), Head(8, 6), Head(8, 10)], "v"),
    "k of 5.5 6.9": ([Head(5, 5), Head(6, 9)], "k"),
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks paths", description=__doc__)
    parser.add_argument("--senders", type=int, default=8, help="senders that the peer runs")
    parser.add_argument("--corruptions", nargs="*", default=["s2_flip", "abc"], choices=CORRUPTIONS)
    parser.add_argument("--atlas", nargs="*", default=["q"], choices=["q", "k", "v"])
    options = parser.parse_args(arguments)
    model, bridge = random_gpt2_small()
    print(f"{torch.get_num_threads()} threads, GPT-2 small's shape, random weights, 8 prompts x 15 tokens")
    print(
        f"{'into':<32}{'senders':>8}{'ours s':>8}{'of it runs s':>14}{'peer s':>9}{'its runs s':>12}{'ratio':>8}"
        f"{'same work':>11}{'senders alone':>15}{'largest diff':>14}{'GFLOP':>7}{'of matmul peak':>16}"
    )
    for corruption in options.corruptions:
        pairs = arena_pairs(model)
        if corruption != "s2_flip":
            pairs = prompt_pairs(model, list(pairs.clean_text), corruption=corruption)
        for name in RECEIVERS:
            print(f"{name + ' ' + corruption:<32}" + compare(model, bridge, pairs, name, options.senders), flush=True)
    for receiver_input in options.atlas:
        print_atlas(model, bridge, arena_pairs(model), receiver_input)


def compare(model: Model, bridge: object, pairs: PromptPairs, name: str, n_senders: int) -> str:
    """A row of the table: every sender with a path into some receivers.

    "ours" includes the two runs that it records, "peer" does not: "ratio" is peer / ours as they are, "same work" adds
    the peer's runs, "senders alone" takes ours away.
    """
    heads, receiver_input = RECEIVERS[name]
    patch = partial(
        patch_paths, model, pairs, heads or "logits", receiver_input=receiver_input, metric="logit_diff",
        include_mlps=False,
    )  # fmt: skip
    with FlopCounterMode(display=False) as counter:
        result = patch()
    peak = matmul_peak()
    ours = seconds(patch)
    record = partial(Paths.record, model, pairs, Direction.NOISING, through_mlps=True, include_mlps=False)
    with torch.inference_mode():
        runs = seconds(record)
    peak = max(peak, matmul_peak())
    with_path = np.argwhere(~np.isnan(result.values))
    sample = [Head(*map(int, cell)) for cell in np.random.default_rng(0).choice(with_path, n_senders, replace=False)]
    recorded: list[AppendixB] = []
    their_runs = seconds(lambda: recorded.append(AppendixB(bridge, pairs, Direction.NOISING, end_alone=False)))
    oracle = recorded[-1]
    oracle.logit_diff(sample[0], heads, receiver_input)
    theirs: list[torch.Tensor] = []
    spent = seconds(lambda: theirs.extend(oracle.logit_diff(s, heads, receiver_input) for s in sample), repeats=1)
    differences = [
        np.abs(result.per_prompt[s.layer, s.head] - x.numpy()).max() for s, x in zip(sample, theirs, strict=True)
    ]
    whole = spent / n_senders * len(with_path)
    flops = counter.get_total_flops()
    return (
        f"{len(with_path):>8}{ours:>8.2f}{runs:>14.2f}{whole:>9.1f}{their_runs:>12.2f}{whole / ours:>8.1f}"
        f"{(whole + their_runs) / ours:>11.1f}{whole / (ours - runs):>15.1f}{max(differences):>14.1e}"
        f"{flops / 1e9:>7.0f}{flops / ours / peak:>8.0%} of {peak / 1e9:.0f}"
    )


def print_atlas(model: Model, bridge: object, pairs: PromptPairs, receiver_input: str) -> None:
    """The whole atlas as TransformerLens defines it; the peer runs the edges of one sender."""
    options = {"direction": Direction.DENOISING, "through_mlps": False}
    found = []
    ours = seconds(lambda: found.append(edge_atlas(model, pairs, receiver_input, **options)), repeats=1)
    edges = int((~np.isnan(found[0].values)).sum())
    sender = Head(model.cfg.n_layers - 3, 3)
    clean, corrupted = torch.tensor(pairs.clean_tokens), torch.tensor(pairs.corrupted_tokens)
    rows, (io, s) = torch.arange(len(pairs)), torch.tensor(pairs.answers).T

    def logit_diff(logits: torch.Tensor) -> torch.Tensor:
        at_end = logits[rows, torch.tensor(pairs.roles["END"])]
        return (at_end[rows, io] - at_end[rows, s]).mean()

    theirs: list[torch.Tensor] = []
    with torch.no_grad():
        caches = [bridge.run_with_cache(tokens)[1] for tokens in (clean, corrupted)]
        one_sender = partial(
            peer.get_act_patch_direct_path, bridge, corrupted, *caches, logit_diff, sender.layer, sender.head,
            receiver_input, False,
        )  # fmt: skip
        an_edge = seconds(lambda: theirs.append(one_sender()), repeats=1) / (2 * model.cfg.n_heads)
    later = slice(sender.layer + 1, None)
    difference = np.abs(found[0].values[sender.layer, sender.head, later] - theirs[0].numpy()[later]).max()
    whole = an_edge * edges
    print(
        f"edge atlas, {receiver_input}: {edges} edges, ours {ours:.0f} s, peer {whole:.0f} s ({an_edge:.3f} s each of "
        f"those of {sender}), ratio {whole / ours:.1f}, largest difference {difference:.1e}"
    )
