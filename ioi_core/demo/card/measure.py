"""Measurements of the bundled model, as saved, on sentences it never saw.

Behaviour: share of prompts with logit(IO) > logit(S) and mean logit_diff, for both name orders, with and
without BOS, on the held-out templates and on trained ones with held-out name pairs; on names outside
training, after long texts, on three distinct names (where neither should be preferred) and on the eight
prompts of TransformerLens's Exploratory Analysis Demo.
Stages: each head's attention, its direct effect, and the effect of changing its z (patched from a run
with S2 flipped, or from a run with three other names, or set to zero).
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import GPT2LMHeadModel

from ioi_core.demo.card import probe
from ioi_core.demo.card.probe import Patch, Rows, Run, mean_attention, run, to_rows
from ioi_core.demo.card.values import Evaluation, HeadTables, Intervention, Score
from ioi_core.demo.training.sentence_forms import FORMS, HELD_OUT_TEMPLATES, paper_templates
from ioi_core.demo.training.sentences import Names, Sentence, build, is_held_out_pair, unknown_words
from ioi_core.demo.training.token_classes import demo_vocabulary, tokenizer
from ioi_core.model.files import DEMO_MODEL_DIR
from ioi_core.model.weights import END_OF_TEXT
from ioi_core.prompts.arena import arena_texts
from ioi_core.prompts.templates import mirrored
from ioi_core.vocabulary import Head

SEED = 20_000
READER_THRESHOLD = 0.5
"""A head that gives a position at least this attention, mean over held-out sentences, counts as reading it."""
WRITING_THRESHOLD = 0.05
"""A name mover also writes at least this share of logit_diff directly."""
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
    rows = to_rows(sentences)
    clean = run(model, rows)
    diff = clean.logit_diff(rows)
    p_io = clean.logits.softmax(-1).gather(1, rows.answers[:, :1])
    top = clean.logits.argmax(-1) == rows.answers[:, 0]
    shares = [(diff > 0).float().mean(), diff.mean(), diff.min(), top.float().mean(), p_io.mean()]
    return Score(what, order, bos, len(rows.end), *(float(value) for value in shares))


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


def head_tables(model: GPT2LMHeadModel, rows: Rows, clean: Run, flipped: Run) -> tuple[HeadTables, Tensor]:
    """Return each head's attention, direct attribution and necessity, and each MLP's direct attribution."""
    attribution, mlp = probe.direct_attribution(model, rows, clean)

    def without(positions: Tensor, source: Tensor | None) -> Tensor:
        heads = (Head(*index) for index in itertools.product(*map(range, attribution.shape)))
        runs = (run(model, rows, Patch([head], positions, source)) for head in heads)
        values = [float(patched.logit_diff(rows).mean()) for patched in runs]
        return torch.tensor(values).view_as(attribution)

    tables = HeadTables(
        end_to_io=mean_attention(clean, rows.end, rows.io),
        end_to_s2=mean_attention(clean, rows.end, rows.s2),
        s2_to_s1=mean_attention(clean, rows.s2, rows.s1),
        previous_token=probe.previous_token_attention(clean, rows),
        attribution=attribution,
        zeroed_at_end=without(rows.end, None),
        flipped_at_end=without(rows.end, flipped.z),
        flipped_at_s2=without(rows.s2, flipped.z),
    )
    return tables, mlp


def attending(scores: Float[Tensor, "layer head"]) -> tuple[Head, ...]:
    """Return the heads at or above the threshold, strongest first."""
    heads = [Head(int(layer), int(head)) for layer, head in (scores >= READER_THRESHOLD).nonzero()]
    return tuple(sorted(heads, key=lambda head: -float(scores[head.layer, head.head])))


def interventions(
    model: GPT2LMHeadModel,
    rows: Rows,
    flipped: Run,
    movers: Sequence[Head],
    readers: Sequence[Head],
    twins: Sequence[Head],
) -> tuple[Intervention, ...]:
    """Patch each stage as a whole; return what is left of logit_diff and attention."""
    other = _three_other_names(model, rows)
    jobs = (
        ("nothing patched", (), rows.end, None),
        ("name movers zero at END", movers, rows.end, None),
        ("name movers at END from the S2-flipped run", movers, rows.end, flipped.z),
        ("S2 readers zero at END", readers, rows.end, None),
        ("S2 readers at END from the S2-flipped run", readers, rows.end, flipped.z),
        ("duplicate-token heads zero at S2", twins, rows.s2, None),
        ("duplicate-token heads at S2 from the S2-flipped run", twins, rows.s2, flipped.z),
        ("duplicate-token heads at S2 from three other names", twins, rows.s2, other.z),
    )
    return tuple(
        _intervene(model, rows, what, tuple(heads), positions, source, movers)
        for what, heads, positions, source in jobs
    )


def _three_other_names(model: GPT2LMHeadModel, rows: Rows) -> Run:
    rng, names = Random(SEED + 3), demo_vocabulary().trained_names
    drawn = torch.tensor([rng.sample(names, 3) for _ in rows.end])
    return run(model, rows.with_names({"io": drawn[:, 0], "s1": drawn[:, 1], "s2": drawn[:, 2]}))


def _intervene(
    model: GPT2LMHeadModel,
    rows: Rows,
    what: str,
    heads: tuple[Head, ...],
    positions: Tensor,
    source: Tensor | None,
    movers: Sequence[Head],
) -> Intervention:
    patched = run(model, rows, Patch(heads, positions, source))
    diff = patched.logit_diff(rows)
    to_io, to_s1 = (mean_attention(patched, rows.end, key) for key in (rows.io, rows.s1))
    attention = [sum(float(table[h.layer, h.head]) for h in movers) / max(1, len(movers)) for table in (to_io, to_s1)]
    return Intervention(what, heads, float(diff.mean()), float((diff > 0).float().mean()), *attention)


def untrained_share(clean: Run) -> float:
    """Return the share of the five most probable tokens at END that are neither words of the model nor names."""
    vocabulary, untrained = demo_vocabulary(), torch.zeros(clean.logits.shape[1], dtype=torch.bool)
    untrained[list(vocabulary.others)] = True
    return float(untrained[clean.logits.topk(5).indices].float().mean())


def evaluate(folder: Path = DEMO_MODEL_DIR, *, n: int = 400) -> Evaluation:
    """Measure the model in `folder`; `n` prompts a row of the tables; the same numbers every time."""
    model = probe.load(folder)
    rows = stage_rows(n)
    clean, flipped = run(model, rows), run(model, rows.s2_flipped())
    tables, mlp = head_tables(model, rows, clean, flipped)
    diff = float(clean.logit_diff(rows).mean())
    writing = tables.attribution >= WRITING_THRESHOLD * diff
    movers = tuple(h for h in attending(tables.end_to_io) if writing[h.layer, h.head])
    readers, twins = attending(tables.end_to_s2), attending(tables.s2_to_s1)
    return Evaluation(
        scores=behaviour(model, n),
        arena=arena_table(model),
        three_names=three_name_preference(model, n),
        heads=tables,
        mlp_attribution=tuple(mlp.tolist()),
        logit_diff=diff,
        name_movers=movers,
        s2_readers=readers,
        duplicate_heads=twins,
        interventions=interventions(model, rows, flipped, movers, readers, twins),
        untrained_top5=untrained_share(clean),
    )
