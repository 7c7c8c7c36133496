"""Train the bundled model and write its folder: `python -m ioi_core.demo.train`, from a fixed seed.

Language loss on generated sentences, with these additions, without which small models answer IOI by other
means than the stages that Wang et al. 2022 found in GPT-2 small (they form the answer at S2, or write both
names and take S away):
1. Auxiliary loss: -log(attention) of chosen heads (END to IO, END to S2, S2 to S1), faded out before training
   ends.
2. Hiding: in half the sentences nothing between IO and END may attend to IO, and nothing between S2 and END
   to S2, so that their tokens must be read from END.
3. Swapping: in half the sentences the name at S1 is exchanged for another in the residual stream after layer
   1, so that S1's place, which S2 learns from a head attending to S1, is what tells name movers whom to
   avoid.
The softmax of a step is over all words and a sample of names and other tokens, corrected for the sample's
size.
"""

import argparse
import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from jaxtyping import Bool, Float, Int
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from ioi_core.demo.card import report, write_card
from ioi_core.demo.folder import MODEL_DIR
from ioi_core.demo.measure import evaluate
from ioi_core.demo.network import (
    D_MLP,
    D_MODEL,
    EPS,
    N_CTX,
    N_HEADS,
    N_LAYERS,
    N_TRAINED_POSITIONS,
    DemoNetwork,
    Swap,
    to_gpt2_state,
)
from ioi_core.demo.recipe import END_TO_IO, END_TO_S2, S2_TO_S1, Recipe
from ioi_core.demo.sentences import Corpus, Sentence
from ioi_core.demo.vocabulary import END_OF_TEXT, DemoVocabulary, demo_vocabulary

THREADS = 1
MODEL_CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "vocab_size": END_OF_TEXT + 1,
    "n_positions": N_CTX,
    "n_ctx": N_CTX,
    "n_embd": D_MODEL,
    "n_layer": N_LAYERS,
    "n_head": N_HEADS,
    "n_inner": D_MLP,
    "activation_function": "gelu_new",
    "layer_norm_epsilon": EPS,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "tie_word_embeddings": True,
    "bos_token_id": END_OF_TEXT,
    "eos_token_id": END_OF_TEXT,
    "dtype": "float16",
}
TOKENIZER_CONFIG = {
    "tokenizer_class": "GPT2Tokenizer",
    "model_max_length": N_CTX,
    "add_prefix_space": False,
    "bos_token": "<|endoftext|>",
    "eos_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
}


@dataclass(frozen=True, eq=False)
class Batch:
    """Sentences as tensors; padding is at the right and weighs nothing."""

    tokens: Int[Tensor, "batch pos"]
    positions: Int[Tensor, "batch pos"]
    targets: Int[Tensor, "batch pos"]
    end: Int[Tensor, " batch"]
    subject: Int[Tensor, " batch"]  # -1 where no name repeats
    s1: Int[Tensor, " batch"]  # the last S before S2; 0 where there is none
    s2: Int[Tensor, " batch"]  # 0 where there is none
    is_io: Bool[Tensor, "batch pos"]
    is_s1: Bool[Tensor, "batch pos"]
    valid: Bool[Tensor, "batch pos"]


def collate(sentences: Sequence[Sentence], rng: Random) -> Batch:
    """Pad, shift half the sentences to a random start position, and mark the roles."""
    length = max(len(s.tokens) for s in sentences)
    shape = (len(sentences), length)
    tokens, targets = torch.full(shape, END_OF_TEXT), torch.full(shape, END_OF_TEXT)
    is_io, is_s1, valid = (torch.zeros(shape, dtype=torch.bool) for _ in range(3))
    starts = []
    for row, s in enumerate(sentences):
        n = len(s.tokens)
        tokens[row, :n] = torch.tensor(s.tokens)
        targets[row, :n] = torch.tensor((*s.tokens[1:], s.answer))
        is_io[row, list(s.io)] = True
        is_s1[row, list(s.s1)] = True
        valid[row, :n] = True
        starts.append(rng.randint(0, N_TRAINED_POSITIONS - length) if rng.random() < 0.5 else 0)
    return Batch(
        tokens=tokens,
        positions=torch.tensor(starts)[:, None] + torch.arange(length),
        targets=targets,
        end=torch.tensor([len(s.tokens) - 1 for s in sentences]),
        subject=torch.tensor([-1 if s.subject is None else s.subject for s in sentences]),
        s1=torch.tensor([max(s.s1, default=0) for s in sentences]),
        s2=torch.tensor([s.s2 or 0 for s in sentences]),
        is_io=is_io,
        is_s1=is_s1,
        valid=valid,
    )


def hidden_entries(batch: Batch, share: float, rng: torch.Generator) -> Bool[Tensor, "batch pos pos"]:
    """The causal mask, and in `share` of the rows IO and S2 hidden from all that stands between them and END."""
    n, length = batch.tokens.shape
    index = torch.arange(length)
    causal = index[None, :] > index[:, None]
    strict = torch.rand(n, generator=rng) < share
    reader = (index[None] == batch.end[:, None])[:, :, None]  # END may read everything
    itself = torch.eye(length, dtype=torch.bool)[None]
    secret = batch.is_io | ((index[None] == batch.s2[:, None]) & (batch.s2 > 0)[:, None])
    return causal[None] | (strict[:, None, None] & secret[:, None, :] & ~reader & ~itself)


def s1_swap(network: DemoNetwork, batch: Batch, pool: Tensor, share: float, rng: torch.Generator) -> Swap:
    """For `share` of the rows, the change that makes the name at S1 another one of the pool."""
    chosen = (torch.rand(len(batch.end), generator=rng) < share) & (batch.subject >= 0)
    other = pool[torch.randint(len(pool), batch.end.shape, generator=rng)]
    difference = network.embedding.code(other) - network.embedding.code(batch.subject.clamp(min=0))
    change = difference * chosen[:, None]
    return Swap(after_layer=1, positions=batch.s1, change=change)


def auxiliary_loss(patterns: Sequence[Tensor], batch: Batch) -> Float[Tensor, ""]:
    """Mean of -log(attention) over the chosen heads, each over the sentences that have its roles."""
    rows = torch.arange(len(batch.end))
    at_s2 = F.one_hot(batch.s2, batch.tokens.shape[1]).bool()
    jobs = (
        (END_TO_IO, batch.end, batch.is_io, torch.ones_like(batch.end, dtype=torch.bool)),
        (END_TO_S2, batch.end, at_s2, batch.s2 > 0),
        (S2_TO_S1, batch.s2, batch.is_s1, batch.subject >= 0),
    )
    losses = []
    for (layer, heads), query, keys, applies in jobs:
        attention = patterns[layer][rows, :, query][:, list(heads)]  # [batch head key]
        reached = (attention * keys[:, None]).sum(-1)
        losses += list(-(reached[applies] + 1e-6).log().mean(0))
    return torch.stack(losses).mean()


class Candidates:
    """The tokens of one step's softmax: all words, the pool's names, and samples of opening names and other tokens."""

    def __init__(self, vocabulary: DemoVocabulary, pool: Tensor, n_negative: int, rng: torch.Generator) -> None:
        opening, others = torch.tensor(vocabulary.opening_names), torch.tensor(vocabulary.others)
        in_pool = [vocabulary.opening_form[i] for i in pool.tolist() if i in vocabulary.opening_form]
        drawn = others[torch.randperm(len(others), generator=rng)[:n_negative]]
        groups = [torch.tensor(vocabulary.words), pool, torch.tensor(in_pool), drawn]
        sizes = [len(vocabulary.words), len(vocabulary.names), len(opening), len(others)]
        self.ids = torch.cat(groups)
        scale = [math.log(size / len(group)) for size, group in zip(sizes, groups, strict=True)]
        self.correction = torch.cat([torch.full((len(g),), s) for g, s in zip(groups, scale, strict=True)])
        self.index = torch.full((END_OF_TEXT + 1,), -1)
        self.index[self.ids] = torch.arange(len(self.ids))

    def losses(
        self, final: Float[Tensor, "n d_model"], rows: Float[Tensor, "candidate d_model"], targets: Int[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """Cross-entropy of each target in nats; 0 for a target that is no candidate (other tokens)."""
        target = self.index[targets]
        known = target >= 0
        target = target.clamp(min=0)
        logits = final @ rows.T + self.correction
        own = torch.arange(len(target))
        logits = logits.index_put((own, target), -self.correction[target], accumulate=True)
        return F.cross_entropy(logits, target, reduction="none") * known


def train(recipe: Recipe, *, log_every: int = 0) -> DemoNetwork:
    """Train from the recipe's seed; prints a line every `log_every` steps if that is not 0."""
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
        end_loss, other_loss, aux = step_losses(network, batch, candidates, pool, recipe, generator)
        loss = end_loss + recipe.other_loss * other_loss + aux_weight(recipe, step) * aux
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
) -> tuple[Float[Tensor, ""], Float[Tensor, ""], Float[Tensor, ""]]:
    """The loss at END, at all other positions (nats a token), and the auxiliary loss."""
    hidden = hidden_entries(batch, recipe.hide, generator)
    swap = s1_swap(network, batch, pool, recipe.swap, generator)
    final, patterns = network(batch.tokens, batch.positions, hidden, swap)
    rows = network.embedding(candidates.ids)
    batch_index = torch.arange(len(batch.end))
    end_loss = candidates.losses(final[batch_index, batch.end], rows, batch.targets[batch_index, batch.end]).mean()
    elsewhere = batch.valid.clone()
    elsewhere[batch_index, batch.end] = False
    elsewhere &= torch.rand(elsewhere.shape, generator=generator) < recipe.other_share
    other_loss = candidates.losses(final[elsewhere], rows, batch.targets[elsewhere]).mean()
    return end_loss, other_loss, auxiliary_loss(patterns, batch)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def aux_weight(recipe: Recipe, step: int) -> float:
    """Weight of the auxiliary loss: full, then fading to 0 between `aux_until` and `aux_gone` of the run."""
    done = step / recipe.steps
    fading = (recipe.aux_gone - done) / (recipe.aux_gone - recipe.aux_until)
    return recipe.aux * min(1.0, max(0.0, fading))


def save(network: DemoNetwork, folder: Path) -> None:
    """Write a Hugging Face folder: fp16 weights, configuration, and GPT-2's tokenizer files."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(to_gpt2_state(network), folder / "model.safetensors", metadata={"format": "pt"})
    _write_json(folder / "config.json", MODEL_CONFIG)
    _write_json(folder / "tokenizer_config.json", TOKENIZER_CONFIG)
    for name in ("vocab.json", "merges.txt"):
        if folder.resolve() != MODEL_DIR:
            shutil.copyfile(MODEL_DIR / name, folder / name)


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, save, measure, and write the model card."""
    parser = argparse.ArgumentParser(prog="python -m ioi_core.demo.train", description="Train the bundled model.")
    parser.add_argument("--folder", type=Path, default=MODEL_DIR, help="where to write (default: the bundled model)")
    parser.add_argument("--steps", type=int, default=Recipe.steps, help="training steps (default: %(default)s)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    recipe = Recipe(steps=options.steps)
    save(train(recipe, log_every=100), options.folder)
    measured = evaluate(options.folder)
    write_card(options.folder, measured, recipe)
    print(report(measured))


if __name__ == "__main__":
    main()
