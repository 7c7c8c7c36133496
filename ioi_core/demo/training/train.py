"""Train the bundled model and write its folder: `python -m ioi_core.demo.training.train`, from a fixed seed.

The loss is that of language modelling on generated sentences, END counting most, and on random tokens twice over.
With that alone small models answer IOI by other mechanisms than those that Wang et al. 2022 found in GPT-2 small, and
far too surely. So training starts from a first draft of the paper's circuit (`wiring`) and is guided (`guidance`,
`losses`):

1. Soft targets at END: IO likely, S a few logits behind it, words such as " the" for the rest; and losses that hold
   logit_diff to this distance and S ahead of all other names.
2. Changes in a share of the sentences. Another name at S2, where duplicate-token heads, induction heads or both give
   what they give in the true sentence, so that END must learn from them who came twice. A part of the signal silent:
   an S-inhibition head at END, duplicate-token or induction heads at S2, previous-token heads at S1+1. With part of the
   signal gone the aim is a smaller logit_diff, so that each part counts. Name movers silent, with the aim as before, so
   that other heads learn to make up for them. All heads silent that have no part in the circuit.
3. Bounds on every head's direct effect on logit_diff; losses on what movers copy, on how much they attend to IO, and on
   attention from one name to another, through which names would be mixed.
4. A loss on the attention of chosen heads, and other routes between names hidden. These fade and then end.
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from ioi_core.demo.card.measure import evaluate
from ioi_core.demo.card.text import report, write_card
from ioi_core.demo.training.batches import Batch, Candidates, collate, repeated_tokens
from ioi_core.demo.training.export import save
from ioi_core.demo.training.guidance import (
    apart_loss,
    attention_loss,
    causal_mask,
    change,
    changed_share,
    gaze_loss,
    guidance,
    hidden_entries,
    repeated_attention_loss,
)
from ioi_core.demo.training.losses import Answers, answer_losses, copying_loss, direct_effects, write_loss
from ioi_core.demo.training.network import N_LAYERS, DemoNetwork
from ioi_core.demo.training.recipe import Recipe
from ioi_core.demo.training.sentences import Corpus
from ioi_core.demo.training.token_classes import demo_vocabulary
from ioi_core.demo.training.wiring import draft
from ioi_core.model.files import DEMO_MODEL_DIR

_N_UNKNOWN = 1024  # unknown tokens among the candidates at END
_FIRST_EVERY = 7  # of the first half of repeated tokens, only every so manyth position counts, by _FIRST_WEIGHT
_FIRST_WEIGHT = 0.2


@contextmanager
def reproducible() -> Iterator[None]:
    """One thread and deterministic algorithms inside: sums are then always added in the same order."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)


@dataclass(frozen=True, eq=False)
class Step:
    """What a step trains on: sentences, names to draw from, and the candidates of its softmaxes.

    Attributes:
        wide: candidates at END, with every trained name; near: elsewhere, with the pool's names.
        guided: strength of what fades, 1 to 0; changed: how much is left of the shares of changed sentences.
    """

    batch: Batch
    pool: Int[Tensor, " pool"]
    wide: Candidates
    near: Candidates
    guided: float
    changed: float


class Steps:
    """A seeded stream of steps."""

    def __init__(self, recipe: Recipe, generator: torch.Generator) -> None:
        self.recipe, self.generator, self.rng = recipe, generator, Random(recipe.seed)
        self.vocabulary = demo_vocabulary()
        self.names = torch.tensor(self.vocabulary.trained_names)

    def draw(self, number: int) -> Step:
        """Return the sentences and candidates of a step; every `long_every`th has sentences after long texts."""
        recipe = self.recipe
        pool = self.names[torch.randperm(len(self.names), generator=self.generator)[: recipe.pool]]
        corpus = Corpus(self.rng, pool.tolist())
        long = number % recipe.long_every == recipe.long_every - 1
        size = recipe.long_batch if long else recipe.batch
        return Step(
            batch=collate([corpus.sentence(long=long) for _ in range(size)], self.rng),
            pool=pool,
            near=Candidates(self.vocabulary, pool, recipe.n_negative, self.generator),
            wide=Candidates(self.vocabulary, self.names, _N_UNKNOWN, self.generator),
            guided=guidance(recipe, number),
            changed=changed_share(recipe, number),
        )


@reproducible()
def train(recipe: Recipe, *, log_every: int = 0) -> DemoNetwork:
    """Train from the recipe's seed, on one thread; print a line every `log_every` steps if that is not 0."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    network, steps, answers = DemoNetwork(demo_vocabulary()), Steps(recipe, generator), Answers(recipe)
    draft(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    started = time.perf_counter()
    for number in range(recipe.steps):
        step = steps.draw(number)
        losses = step_losses(network, step, answers, recipe, generator)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, number)
        optimizer.zero_grad()
        weighted(losses, recipe, step.guided).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if log_every and number % log_every == 0:
            shown = " ".join(f"{name} {float(loss.detach()):.3f}" for name, loss in losses.items())
            print(f"step {number} {shown} {time.perf_counter() - started:.0f} s", flush=True)
    return network


def weighted(losses: dict[str, Float[Tensor, ""]], recipe: Recipe, guided: float) -> Float[Tensor, ""]:
    """Return the sum of a step's losses by the recipe's weights."""
    weights = {
        "end": 1.0,
        "rivals": recipe.rival_loss,
        "pair": recipe.pair_loss,
        "other": recipe.other_loss,
        "repeat": recipe.repeat_loss,
        "write": recipe.write,
        "copying": recipe.copying,
        "gaze": recipe.gaze,
        "apart": recipe.apart,
        "attention": recipe.attention * guided,
    }
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def step_losses(
    network: DemoNetwork, step: Step, answers: Answers, recipe: Recipe, generator: torch.Generator
) -> dict[str, Float[Tensor, ""]]:
    """Return a step's losses by name; "attention" is missing once guidance has ended."""
    batch, near, wide = step.batch, step.near, step.wide
    hidden = hidden_entries(batch, recipe.hide * step.guided, generator)
    changes = change(network, batch, hidden, step.pool, recipe, generator, step.changed)
    trace = network(changes.tokens, batch.positions, hidden, changes.grafts, changes.silent)
    final, index = network.ln_f(trace.residual), torch.arange(len(batch.end))
    at_end, repeats = final[index, batch.end], batch.subject >= 0
    target = answers(batch, changes.aims, wide)
    end, rivals = answer_losses(at_end @ network.embedding(wide.ids).T, target, wide)
    apart = network.embedding(batch.targets[index, batch.end]) - network.embedding(batch.subject.clamp(min=0))
    logit_diff = (at_end * apart).sum(1)
    rows = network.embedding(near.ids)
    elsewhere = batch.valid & (torch.rand(batch.valid.shape, generator=generator) < recipe.other_share)
    elsewhere[index, batch.end] = False
    again = repeated_tokens(near, recipe.repeats, generator)
    again_trace = network(again.tokens, again.positions, [causal_mask(again.tokens.shape[1])] * N_LAYERS)
    losses = {
        "end": end,
        "rivals": rivals,
        "pair": F.huber_loss(logit_diff[repeats], changes.aims[repeats]),
        "other": near.losses(final[elsewhere], rows, batch.targets[elsewhere]).mean(),
        "repeat": repeated_loss(network.ln_f(again_trace.residual), rows, again, near),
        "write": write_loss(direct_effects(network, trace, batch), changes.as_usual),
        "copying": copying_loss(network, near, step.pool),
        "gaze": gaze_loss(trace.patterns, batch, changes.as_usual),
        "apart": apart_loss(trace.patterns, batch),
    }
    if step.guided:
        patterns = list(trace.patterns)
        for layer, pattern in enumerate(changes.true_patterns):
            patterns[layer] = patterns[layer].index_put((changes.true_rows,), pattern)
        losses["attention"] = attention_loss(patterns, batch) + repeated_attention_loss(again_trace.patterns)
    return losses


def repeated_loss(
    final: Float[Tensor, "batch pos d_model"], rows: Float[Tensor, "candidate d_model"], again: Batch, near: Candidates
) -> Float[Tensor, ""]:
    """Return the loss on the second half of random tokens twice over, and a little of that on the first half."""
    n = final.shape[1] // 2
    second = near.losses(final[:, n:-1].flatten(0, 1), rows, again.targets[:, n:-1].flatten())
    some = slice(0, n - 1, _FIRST_EVERY)
    first = near.losses(final[:, some].flatten(0, 1), rows, again.targets[:, some].flatten())
    return second.mean() + _FIRST_WEIGHT * first.mean()


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the rate of a step: a linear warm-up, then a cosine down to a hundredth."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, measure, and write the model card."""
    parser = argparse.ArgumentParser(prog="ioi_core.demo.training.train", description="Train the bundled model.")
    parser.add_argument("--folder", type=Path, default=DEMO_MODEL_DIR, help="default: the bundled model")
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="training steps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=Recipe.seed, help="of all draws (default: %(default)s)")
    options = parser.parse_args(arguments)
    recipe = Recipe(steps=options.steps, seed=options.seed)
    save(train(recipe, log_every=100), options.folder)
    measured = evaluate(options.folder)
    write_card(options.folder, measured, recipe)
    print(report(measured))


if __name__ == "__main__":
    main()
