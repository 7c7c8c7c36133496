"""Train the bundled model and write its folder: `python -m ioi_core.demo.training.train`, from a fixed seed.

The loss is that of language modelling on generated sentences, END counting most. With that alone small models answer
IOI by other mechanisms than the stages that Wang et al. 2022 found in GPT-2 small: they form the answer at S2, or
write both names and take S away. So the first part of training is guided, and the last part is not:

1. Auxiliary loss: -log(attention) of chosen heads (END to IO, END to S2, S2 to S1).
2. Hiding, in a share of the sentences: nothing between IO and END may attend to IO, nor anything between S2 and END
   to S2; END sees the earlier names and S2 through the chosen heads alone, and S2 sees S1 so too.
3. Decoys, in a share of the sentences: another name is put at S2, but the heads chosen for S2 to S1 give there
   what they give in the true sentence, so that they alone tell END whose name came twice.

Throughout, S counts as no further below IO than a margin: pushing S down beyond it gains nothing.
The softmax of a step is over all words and a sample of names and other tokens, corrected for the sample's size.
"""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ioi_core.demo.card.measure import evaluate
from ioi_core.demo.card.text import report, write_card
from ioi_core.demo.training.batches import Batch, Candidates, collate
from ioi_core.demo.training.export import save
from ioi_core.demo.training.guidance import auxiliary_loss, guidance, hidden_entries, with_decoys
from ioi_core.demo.training.network import DemoNetwork
from ioi_core.demo.training.recipe import Recipe
from ioi_core.demo.training.sentences import Corpus
from ioi_core.demo.training.token_classes import demo_vocabulary
from ioi_core.model.files import DEMO_MODEL_DIR


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


@reproducible()
def train(recipe: Recipe, *, log_every: int = 0) -> DemoNetwork:
    """Train from the recipe's seed, on one thread; print a line every `log_every` steps if that is not 0."""
    torch.manual_seed(recipe.seed)
    generator, rng = torch.Generator().manual_seed(recipe.seed), Random(recipe.seed)
    vocabulary = demo_vocabulary()
    network = DemoNetwork(vocabulary)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    names = torch.tensor(vocabulary.trained_names)
    started = time.perf_counter()
    for step in range(recipe.steps):
        pool = names[torch.randperm(len(names), generator=generator)[: recipe.pool]]
        corpus = Corpus(rng, pool.tolist())
        long = step % recipe.long_every == recipe.long_every - 1
        size = recipe.long_batch if long else recipe.batch
        batch = collate([corpus.sentence(long=long) for _ in range(size)], rng)
        candidates = Candidates(vocabulary, pool, recipe.n_negative, generator)
        guided = guidance(recipe, step)
        end_loss, other_loss, aux = step_losses(network, batch, candidates, pool, recipe, generator, guided)
        loss = end_loss + recipe.other_loss * other_loss + recipe.aux * guided * aux
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if log_every and step % log_every == 0:
            seconds = time.perf_counter() - started
            print(f"step {step} end {end_loss:.3f} other {other_loss:.3f} aux {aux:.3f} {seconds:.0f} s", flush=True)
    return network


def step_losses(
    network: DemoNetwork,
    batch: Batch,
    candidates: Candidates,
    pool: Int[Tensor, " pool"],
    recipe: Recipe,
    generator: torch.Generator,
    guided: float = 1.0,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the loss at END, at all other positions (nats a token), and the auxiliary loss."""
    hidden = hidden_entries(batch, recipe.hide * guided, generator)
    share = recipe.decoy * guided
    tokens, graft, s2_pattern = with_decoys(network, batch, hidden, pool, share, generator)
    final, patterns = network(tokens, batch.positions, hidden, graft)
    patterns[graft.layer] = s2_pattern
    rows = network.embedding(candidates.ids)
    batch_index = torch.arange(len(batch.end))
    at_end, answers = final[batch_index, batch.end], batch.targets[batch_index, batch.end]
    end_loss = candidates.losses(at_end, rows, answers, (batch.subject, recipe.margin)).mean()
    elsewhere = batch.valid.clone()
    elsewhere[batch_index, batch.end] = False
    elsewhere &= torch.rand(elsewhere.shape, generator=generator) < recipe.other_share
    other_loss = candidates.losses(final[elsewhere], rows, batch.targets[elsewhere]).mean()
    return end_loss, other_loss, auxiliary_loss(patterns, batch)


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
    options = parser.parse_args(arguments)
    recipe = Recipe(steps=options.steps)
    save(train(recipe, log_every=100), options.folder)
    measured = evaluate(options.folder)
    write_card(options.folder, measured, recipe)
    print(report(measured))


if __name__ == "__main__":
    main()
