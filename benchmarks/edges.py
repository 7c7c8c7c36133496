"""Edges: the two estimates, one circuit's run and the exact scores, in forwards of the same pairs and against a peer.

A forward is the engine's own clean run of the pairs. The peer of the exact scores is one hooked TransformerLens forward
an edge, which sets one head's query, key or value to what it is with the edge corrupted; it runs a sample, scaled to
all edges. Of ours a sample of senders can be run too, in every layer and input (`--share`), scaled by layer and input.
`--clock processor` counts processor time on all threads, which other work on the machine disturbs less than wall time.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.peers import random_gpt2_small
from ioi_core import EdgeGraph, Model, PromptPairs, arena_pairs, edge_curve, edge_scores, evaluate_edges, run
from ioi_core.edges.exact import EdgesOfGroup
from ioi_core.engine.scoring import Scorer
from ioi_core.path_patching.edges import Paths
from ioi_core.path_patching.patch import path_groups
from ioi_core.vocabulary import ALL, Direction
from tests.oracles.hooked_runs import logit_diff

CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks edges", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the senders of each layer, for our exact scores")
    parser.add_argument("--edges", type=int, default=1, help="edges that the peer runs into each layer's q, k and v")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clock", default="wall", choices=CLOCKS)
    options = parser.parse_args(arguments)
    model, bridge = random_gpt2_small()
    pairs, graph = arena_pairs(model), EdgeGraph.of(model)
    clock = CLOCKS[options.clock]
    spent = partial(least_seconds, clock, repeats=options.repeats)
    threads = f"{torch.get_num_threads()} threads, {options.clock} time"
    print(f"{threads}, GPT-2 small's shape, random weights, 8 prompts x 15 tokens, S2 flip")
    forward = spent(lambda: run(model, pairs))
    print(f"{'a forward':<40}{forward:>8.2f} s")
    scores = edge_scores(model, pairs, "eap")
    order = np.argsort(-np.nan_to_num(np.abs(scores.values), nan=-1), axis=None)  # what is no edge comes last

    def largest(share: float) -> np.ndarray:
        mask = np.zeros(graph.exists.size, dtype=bool)
        mask[order[: int(share * graph.n_edges)]] = True
        return mask.reshape(graph.exists.shape)

    jobs: dict[str, Callable[[], object]] = {
        "eap": lambda: edge_scores(model, pairs, "eap"),
        "eap_ig, 5 steps": lambda: edge_scores(model, pairs, "eap_ig", steps=5),
        **{
            f"a circuit of {share:.0%}": partial(evaluate_edges, model, pairs, largest(share))
            for share in (0.01, 0.1, 1)
        },
        "the curve, ten circuits": lambda: edge_curve(model, pairs, scores),
    }
    for name, job in jobs.items():
        took = spent(job)
        print(f"{name:<40}{took:>8.2f} s{took / forward:>8.1f} forwards", flush=True)
    print_exact(model, bridge, pairs, options.share, options.edges, clock)


def least_seconds(clock: Callable[[], float], job: Callable[[], object], repeats: int) -> float:
    """The least of several runs, after one that does not count where there are several."""
    if repeats > 1:
        job()
    took = []
    for _ in range(repeats):
        start = clock()
        job()
        took.append(clock() - start)
    return min(took)


def print_exact(
    model: Model, bridge: Any, pairs: PromptPairs, share: float, n_edges: int, clock: Callable[[], float]
) -> None:
    """Our exact scores against one hooked forward an edge, in turn; the peer's edges are compared with ours."""
    graph, peer, rng = EdgeGraph.of(model), _Peer(bridge, pairs), np.random.default_rng(0)
    differences, theirs = [], []
    with torch.inference_mode():
        start = clock()
        paths = Paths.record(model, pairs, Direction.NOISING, through_mlps=False, include_mlps=True)
        [group] = path_groups(pairs, ALL, model.cfg.n_layers)
        edges = EdgesOfGroup.of(paths, pairs, group, Scorer(model, "logit_diff", pairs))
        edges.into_logits()
        ours = clock() - start
        clean = edges.scorer.per_prompt(paths.base[-1]["resid_post"][:, group.end])
    for layer in range(model.cfg.n_layers):
        for name, into, n_senders in (
            *((name, partial(edges.into_heads, name), graph.below(layer)) for name in "qkv"),
            ("mlp", edges.into_mlp, graph.below_mlp(layer)),
        ):
            n_run = max(1, round(share * n_senders))
            with torch.inference_mode():
                start = clock()
                found = torch.cat(list(into(layer, n_run, None)))
                ours += (clock() - start) * n_senders / n_run
            for _ in range(n_edges if name != "mlp" else 0):
                sender, head = int(rng.integers(n_run)), int(rng.integers(model.cfg.n_heads))
                start = clock()
                change = peer.without(graph.senders[sender], layer, name, head)
                theirs.append(clock() - start)
                differences.append(float((found[sender, head] - clean - change).abs().max()))
        print(f"  layer {layer}: {ours:.0f} s so far, scaled", flush=True)
    an_edge = float(np.mean(theirs[1:]))  # the first warms up
    theirs_all = an_edge * graph.n_edges
    print(
        f"exact, {graph.n_edges:,} edges: ours {ours:.0f} s ({share:.0%} of the senders run), peer {theirs_all:.0f} s "
        f"({len(theirs)} edges run, {an_edge:.3f} s each), ratio {theirs_all / ours:.1f}, largest difference "
        f"{max(differences):.1e}"
    )


class _Peer:
    """TransformerLens's model with both runs cached; the change of logit_diff by one edge is one hooked forward."""

    def __init__(self, bridge: Any, pairs: PromptPairs) -> None:
        self.bridge, self.pairs = bridge, pairs
        self.tokens = torch.tensor(pairs.clean_tokens)
        with torch.no_grad():
            logits, self.clean = bridge.run_with_cache(self.tokens)
            _, self.corrupted = bridge.run_with_cache(torch.tensor(pairs.corrupted_tokens))
        self.before = logit_diff(logits, pairs)

    def change(self, sender: str) -> torch.Tensor:
        if sender == "embed":
            return self.corrupted["hook_embed"] - self.clean["hook_embed"]
        if sender.startswith("mlp"):
            name = f"blocks.{sender.removeprefix('mlp ')}.hook_mlp_out"
            return self.corrupted[name] - self.clean[name]
        layer, head = map(int, sender.split("."))
        name = f"blocks.{layer}.attn.hook_z"
        z = (self.corrupted[name] - self.clean[name])[:, :, head]
        return z @ self.bridge.blocks[layer].attn.W_O[head]

    def without(self, sender: str, layer: int, name: str, head: int) -> torch.Tensor:
        """[batch] logit_diff with the edge into one head's input corrupted, less the clean run's."""
        attention = self.bridge.blocks[layer].attn
        stream = self.clean[f"blocks.{layer}.hook_resid_pre"] + self.change(sender)
        normed = torch.nn.functional.layer_norm(stream, stream.shape[-1:], eps=self.bridge.cfg.eps)
        W, b = getattr(attention, f"W_{name.upper()}"), getattr(attention, f"b_{name.upper()}")
        given = normed @ W[head] + b[head]

        def replace(activation: torch.Tensor, hook: object) -> torch.Tensor:
            activation = activation.clone()
            activation[:, :, head] = given
            return activation

        with torch.no_grad():
            logits = self.bridge.run_with_hooks(self.tokens, fwd_hooks=[(f"blocks.{layer}.attn.hook_{name}", replace)])
        return logit_diff(logits, self.pairs) - self.before
