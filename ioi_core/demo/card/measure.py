"""Measurements of the bundled model, as saved, on sentences it never saw.

Behaviour: share of prompts with logit(IO) > logit(S), logit_diff and probabilities, for both name orders, with and
without BOS, on the held-out templates and on trained ones with held-out name pairs; on names outside training, after
long texts, on three distinct names (where neither should be preferred) and on the eight prompts of TransformerLens's
Exploratory Analysis Demo. Its circuit is measured in `circuit`, its stages in `stages`.
"""

import itertools
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import GPT2LMHeadModel

from ioi_core.demo.card import probe
from ioi_core.demo.card.circuit import measure_circuit
from ioi_core.demo.card.probe import Rows, Run, run, to_rows
from ioi_core.demo.card.stages import head_tables, interventions
from ioi_core.demo.card.values import Evaluation, Score
from ioi_core.demo.training.sentence_forms import FORMS, HELD_OUT_TEMPLATES, paper_templates
from ioi_core.demo.training.sentences import Names, Sentence, build, is_held_out_pair, unknown_words
from ioi_core.demo.training.token_classes import demo_vocabulary, tokenizer
from ioi_core.model.files import DEMO_MODEL_DIR
from ioi_core.model.weights import END_OF_TEXT
from ioi_core.prompts.arena import arena_texts
from ioi_core.prompts.templates import mirrored

SEED = 20_000
_AT_ONCE = 400
"""Sentences whose logits are in memory together."""
OPENING_FORMS = (
    "[B] and [A] went to the [PLACE]. [B] gave a [OBJECT] to",
    "[B] and [A] had a long argument, and afterwards [B] said to",
)


def held_out_sentences(
    rng: Random, n: int, *, order: str, bos: bool, forms: Sequence[str], names: Sequence[int], before: int = 0
) -> list[Sentence]:
    """Return `n` sentences of `forms` over held-out pairs of `names`, ABBA or BABA, after `before` unknown words."""
    words = unknown_words()
    sentences: list[Sentence] = []
    while len(sentences) < n:
        a, b, c = rng.sample(names, 3)
        if not is_held_out_pair(a, b):
            continue
        form = rng.choice(forms)
        form = mirrored(form) if order == "ABBA" else form
        earlier = [rng.choice(words) for _ in range(before)]
        sentences.append(build(form, Names(a, b, c), rng, bos=bos, before=earlier))
    return sentences


def score(model: GPT2LMHeadModel, what: str, order: str, bos: bool, sentences: Sequence[Sentence]) -> Score:
    """Return the behaviour on sentences that repeat a name."""
    parts = [_answers(model, sentences[n : n + _AT_ONCE]) for n in range(0, len(sentences), _AT_ONCE)]
    diff, p_io, s_leads = torch.cat(parts, dim=1)
    shares = [(diff > 0).float().mean(), diff.mean(), diff.std(), diff.min(), p_io.mean(), s_leads.mean()]
    return Score(what, order, bos, len(sentences), *(float(value) for value in shares))


def _answers(model: GPT2LMHeadModel, sentences: Sequence[Sentence]) -> Float[Tensor, "3 batch"]:
    """Return logit_diff, P(IO), and 1 where S is more probable than any name but IO, else 0."""
    rows = to_rows(sentences)
    clean = run(model, rows)
    probabilities = clean.logits.softmax(-1)
    p_io, p_s = probabilities.gather(1, rows.answers).T
    other_names = probabilities[:, _all_names()].masked_fill(_all_names() == rows.answers[:, :1], 0)
    return torch.stack([clean.logit_diff(rows), p_io, (p_s >= other_names.max(1).values).float()])


@cache
def _all_names() -> Int[Tensor, " name"]:
    vocabulary = demo_vocabulary()
    return torch.tensor((*vocabulary.names, *vocabulary.opening_names))


def behaviour(model: GPT2LMHeadModel, n: int) -> tuple[Score, ...]:
    """Return all tables of behaviour, `n` prompts a row."""
    vocabulary, rng = demo_vocabulary(), Random(SEED)
    trained_forms = (*paper_templates(), *FORMS["arena"])
    kinds = (
        ("held-out templates", HELD_OUT_TEMPLATES, vocabulary.trained_names, 0),
        ("held-out name pairs", trained_forms, vocabulary.trained_names, 0),
        ("names never trained", trained_forms, vocabulary.untrained_names, 0),
        ("a name opens the text", OPENING_FORMS, tuple(vocabulary.opening_form), 0),
        ("after 40 unknown words", FORMS["arena"], vocabulary.trained_names, 40),
        ("after 150 unknown words", FORMS["arena"], vocabulary.trained_names, 150),
    )
    scores = []
    for (what, forms, names, before), order, bos in itertools.product(kinds, ("ABBA", "BABA"), (True, False)):
        sentences = held_out_sentences(rng, n, order=order, bos=bos, forms=forms, names=names, before=before)
        scores.append(score(model, what, order, bos, sentences))
    return tuple(scores)


def arena_sentences(*, bos: bool) -> list[Sentence]:
    """Return the eight prompts, each pair's ABBA and BABA form side by side."""
    sentences = []
    for text, _, answer, subject in arena_texts():
        subject_id, answer_id = (tokenizer().encode(f" {name}").ids[0] for name in (subject, answer))
        tokens = [END_OF_TEXT] * bos + list(tokenizer().encode(text).ids)
        s_at = [i for i, token in enumerate(tokens) if token == subject_id]
        io_at = tokens.index(answer_id)
        sentences.append(Sentence(tuple(tokens), answer_id, subject_id, (io_at,), (s_at[0],), s_at[1]))
    return sentences


def arena_table(model: GPT2LMHeadModel) -> tuple[tuple[str, float, float], ...]:
    """Return logit_diff of the eight prompts, with and without BOS."""
    rows = [to_rows(arena_sentences(bos=bos)) for bos in (True, False)]
    with_bos, without = (run(model, each).logit_diff(each).tolist() for each in rows)
    texts = [tokenizer().decode(list(s.tokens)) for s in arena_sentences(bos=False)]
    return tuple(zip(texts, with_bos, without, strict=True))


def three_name_preference(model: GPT2LMHeadModel, n: int) -> tuple[float, float, float]:
    """Return, of logit(A) - logit(B) where C gives, the mean, the mean size, and the share above 0."""
    rng, names, rows_of = Random(SEED + 1), demo_vocabulary().trained_names, []
    for order in ("ABBA", "BABA"):
        rows = to_rows(held_out_sentences(rng, n, order=order, bos=True, forms=FORMS["arena"], names=names))
        third = torch.tensor(
            [rng.choice([i for i in rng.sample(names, 3) if i not in s]) for s in rows.answers.tolist()]
        )
        rows_of.append(run(model, rows.with_names({"s2": third})).logit_diff(rows))
    diff = torch.cat(rows_of)
    return float(diff.mean()), float(diff.abs().mean()), float((diff > 0).float().mean())


def stage_rows(n: int) -> Rows:
    """Return held-out pairs in held-out templates and those of the eight prompts, half ABBA, half with BOS."""
    rng, names = Random(SEED + 2), demo_vocabulary().trained_names
    forms = (*HELD_OUT_TEMPLATES, *FORMS["arena"])
    groups = itertools.product(("ABBA", "BABA"), (True, False))
    made = [held_out_sentences(rng, n // 4, order=o, bos=b, forms=forms, names=names) for o, b in groups]
    return to_rows([sentence for group in made for sentence in group])


def untrained_share(clean: Run) -> float:
    """Return the share of the five most probable tokens at END that are neither words of the model nor names."""
    vocabulary, untrained = demo_vocabulary(), torch.zeros(clean.logits.shape[1], dtype=torch.bool)
    untrained[list(vocabulary.others)] = True
    return float(untrained[clean.logits.topk(5).indices].float().mean())


def evaluate(
    folder: Path = DEMO_MODEL_DIR, *, n: int = 400, n_behaviour: int = 2_000, n_circuit: int = 98
) -> Evaluation:
    """Measure the model in `folder`; the same numbers every time.

    Args:
        n_behaviour: prompts a row of the tables of behaviour: of 400 a share of 99 % is known within 1 % only.
        n, n_circuit: prompts of the interventions, and of the circuit.
    Raises:
        ValueError: a role on which the circuit's measurements build has no head.
    """
    model = probe.load(folder)
    circuit = measure_circuit(folder, n_circuit)
    rows = stage_rows(n)
    clean, flipped = run(model, rows), run(model, rows.s2_flipped())
    return Evaluation(
        scores=behaviour(model, n_behaviour),
        arena=arena_table(model),
        three_names=three_name_preference(model, n),
        circuit=circuit,
        heads=head_tables(model, rows, clean, flipped),
        logit_diff=float(clean.logit_diff(rows).mean()),
        interventions=interventions(model, rows, flipped, circuit),
        untrained_top5=untrained_share(clean),
    )
