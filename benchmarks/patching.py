"""Activation patching: every cell of a grid, ours against TransformerLens's one hooked forward a cell.

The peer runs a random sample of each grid's cells; its time is scaled to the whole grid.
"""

import argparse
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformer_lens import patching as peer

from benchmarks.peers import matmul_peak, random_gpt2_small, seconds
from ioi_core import Model, PromptPairs, arena_pairs, estimate_patching, patch_activations, run
from ioi_core.prompts.corruptions import CORRUPTIONS
from ioi_core.prompts.typed import prompt_pairs

# site -> the peer's setter, its name for the activation, and the axes of its grid
GRIDS = {
    "resid_pre": (peer.layer_pos_patch_setter, "resid_pre"),
    "attn_out": (peer.layer_pos_patch_setter, "attn_out"),
    "mlp_out": (peer.layer_pos_patch_setter, "mlp_out"),
    "z": (peer.layer_head_vector_patch_setter, "z"),
    "q": (peer.layer_head_vector_patch_setter, "q"),
    "k": (peer.layer_head_vector_patch_setter, "k"),
    "v": (peer.layer_head_vector_patch_setter, "v"),
    "pattern": (peer.layer_head_pattern_patch_setter, "pattern"),
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks patching", description=__doc__)
    parser.add_argument("--cells", type=int, default=8, help="cells of each grid that the peer runs")
    parser.add_argument("--sites", nargs="*", default=list(GRIDS), choices=list(GRIDS))
    parser.add_argument("--corruptions", nargs="*", default=["s2_flip", "abc"], choices=CORRUPTIONS)
    options = parser.parse_args(arguments)
    model, bridge = random_gpt2_small()
    print(f"{torch.get_num_threads()} threads, GPT-2 small's shape, random weights, 8 prompts x 15 tokens")
    print(f"{'grid':<22}{'ours s':>8}{'peer s':>9}{'ratio':>8}{'largest diff':>14}{'of matmul peak':>16}")
    for corruption in options.corruptions:
        pairs = arena_pairs(model)
        if corruption != "s2_flip":
            pairs = prompt_pairs(model, list(pairs.clean_text), corruption=corruption)
        totals = np.zeros(2)
        for site in options.sites:
            ours, theirs, difference, share = compare(model, bridge, pairs, site, options.cells)
            totals += (ours, theirs) if site in ("resid_pre", "attn_out", "mlp_out") else 0
            row = f"{ours:>8.2f}{theirs:>9.1f}{theirs / ours:>8.1f}{difference:>14.1e}{share:>15.0%}"
            print(f"{site + ' ' + corruption:<22}{row}", flush=True)
        if totals[0]:
            print(f"{'residual sites, sum':<22}{totals[0]:>8.2f}{totals[1]:>9.1f}{totals[1] / totals[0]:>8.1f}")
    print_estimates(model, options.sites)
    print("peer: transformer_lens.patching 4.3, a sample of cells scaled to the whole grid; differences are in logits")


def compare(
    model: Model, bridge: object, pairs: PromptPairs, site: str, n_cells: int
) -> tuple[float, float, float, float]:
    """Our seconds, the peer's, the largest difference in logit_diff, and our share of the matmul peak."""
    patch = partial(patch_activations, model, pairs, site, metric="logit_diff")
    with FlopCounterMode(display=False) as counter:
        result = patch()
    peak = matmul_peak()
    ours = seconds(patch)
    peak = max(peak, matmul_peak())
    sample = sampled_cells(result.values.shape, list(result.axes), n_cells)
    setter, name = GRIDS[site]
    rows, io, s = torch.arange(len(pairs)), *torch.tensor(pairs.answers).T

    def logit_diff(logits: torch.Tensor) -> torch.Tensor:
        at_end = logits[rows, torch.tensor(pairs.roles["END"])]
        return (at_end[rows, io] - at_end[rows, s]).mean()

    with torch.no_grad():
        _, cache = bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
        corrupted = torch.tensor(pairs.corrupted_tokens)
        one_cell = partial(peer.generic_activation_patch, bridge, corrupted, cache, logit_diff, setter, name)
        theirs = one_cell(index_df=sample).flatten().numpy()
        a_cell = seconds(lambda: one_cell(index_df=sample), repeats=1) / len(sample)
    where = tuple(sample.to_numpy().T)
    difference = float(np.abs(result.values[where] - theirs).max())
    return ours, a_cell * result.values.size, difference, counter.get_total_flops() / ours / peak


def print_estimates(model: Model, sites: list[str]) -> None:
    """The first-order estimate of a whole grid, in forwards of the same eight prompts."""
    pairs = arena_pairs(model)
    forward = seconds(lambda: run(model, pairs.clean_tokens, pairs.roles["END"]))
    for site in sites:
        estimate = seconds(partial(estimate_patching, model, pairs, site, metric="logit_diff"))
        print(f"estimate of {site:<12}{estimate:>6.2f} s = {estimate / forward:.1f} forwards of {forward:.2f} s")


def sampled_cells(shape: tuple[int, ...], axes: list[str], n: int) -> pd.DataFrame:
    """A seeded random sample of a grid's cells, as the peer wants them."""
    cells = np.random.default_rng(0).choice(int(np.prod(shape)), n, replace=False)
    return pd.DataFrame(np.stack(np.unravel_index(cells, shape), 1), columns=axes)
