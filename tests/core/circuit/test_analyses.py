"""Found circuits, sets for completeness, backup, token and position, methods side by side: against slow oracles."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from ioi_core import (
    IOI_CIRCUIT,
    Ablation,
    Circuit,
    CircuitError,
    Direction,
    Head,
    Model,
    PromptMismatchError,
    PromptPairs,
    Result,
    arena_pairs,
    attribute_heads,
    backup_heads,
    completeness,
    completeness_sets,
    contrast_methods,
    direct_and_total,
    evaluate_circuit,
    find_circuit,
    ioi_dataset,
    patch_activations,
    token_and_position,
)
from ioi_core.circuit import runs as circuit_runs
from ioi_core.circuit.completeness_sets import circuit_classes
from ioi_core.circuit.methods import METHODS
from ioi_core.circuit.replacements import Replacements, first_changes, layouts
from ioi_core.circuit.runs import Variant, VariantRuns
from ioi_core.circuit.search import FoundCircuit
from ioi_core.circuit.signals import SIGNALS, fit
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from tests.core.circuit.test_runs import CIRCUIT, logit_diff
from tests.oracles.hooked_ablation import HookedAblation, hooked_direct_effects


@pytest.fixture(scope="module")
def abc(small_model: Model) -> PromptPairs:
    return ioi_dataset(small_model, 6, corruption="abc", prepend_bos=False)


@pytest.fixture(scope="module")
def demo_abc(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 50, corruption="abc", prepend_bos=False)


@pytest.fixture(scope="module")
def found(demo_model: Model, demo_abc: PromptPairs) -> FoundCircuit:
    return find_circuit(demo_model, demo_abc)


# Faithfulness, prompt by prompt


def test_faithfulness_is_a_ratio_of_means_and_resampled_as_one(demo_model: Model, demo_abc: PromptPairs) -> None:
    result = evaluate_circuit(demo_model, demo_abc, {Head(2, 1): "END", Head(3, 2): "END"})
    circuit, whole, _ = result.prompts
    assert result.faithfulness == pytest.approx(circuit.mean() / whole.mean())
    assert result.faithfulness_per_prompt.mean() == pytest.approx(result.faithfulness)
    counts = np.random.default_rng(0).multinomial(50, [1 / 50] * 50, size=1000)
    ratios = [(circuit @ count) / (whole @ count) for count in counts]
    assert result.faithfulness_interval(0.9) == pytest.approx(np.quantile(ratios, [0.05, 0.95]), rel=1e-4)


def test_faithfulness_is_split_by_template(demo_model: Model, demo_abc: PromptPairs) -> None:
    result = evaluate_circuit(demo_model, demo_abc, {Head(2, 1): "END", Head(3, 2): "END"})
    assert result.template_numbers == tuple(sorted(set(demo_abc.templates.tolist())))
    for number, value in zip(result.template_numbers, result.faithfulness_by_template, strict=True):
        rows = demo_abc.templates == number
        assert value == pytest.approx(result.prompts[0, rows].mean() / result.prompts[1, rows].mean())


def test_no_fraction_is_taken_of_nothing(small_model: Model, abc: PromptPairs) -> None:
    """Each prompt twice, the second time with its answers swapped: F(M) is 0."""
    first = abc.take(slice(0, 3))
    twice_the_same = ("clean_tokens", "corrupted_tokens", "lengths", "templates")
    twice = replace(
        abc,
        **{name: np.concatenate([getattr(first, name)] * 2) for name in twice_the_same},
        answers=np.concatenate([first.answers, first.answers[:, ::-1]]),
        roles={role: np.concatenate([at] * 2) for role, at in first.roles.items()},
    )
    result = evaluate_circuit(small_model, twice, CIRCUIT)
    assert np.isnan(result.faithfulness)
    assert np.isnan(result.faithfulness_interval()).all()
    assert "nothing to" in result.no_fraction


# Sets for completeness


@pytest.mark.parametrize("ablation", Ablation)
def test_every_set_is_a_point_of_completeness(small_model: Model, abc: PromptPairs, ablation: Ablation) -> None:
    sets = completeness_sets(small_model, abc, CIRCUIT, n_random=3, n_greedy=2, steps=3, seed=1, ablation=ablation)
    assert sets.kinds.count("random") == 3
    assert sets.kinds.count("greedy") == 2
    for number, removed in enumerate(sets.removed):
        alone = completeness(small_model, abc, CIRCUIT, removed, ablation=ablation)
        np.testing.assert_allclose(sets.prompts[:, number], alone.prompts, atol=1e-5)
        assert sets.incompleteness[number] == pytest.approx(alone.incompleteness, abs=1e-5)
        assert not removed.without(CIRCUIT)
    assert sets.removed[0] == Circuit()
    again = completeness_sets(small_model, abc, CIRCUIT, n_random=3, n_greedy=2, steps=3, seed=1, ablation=ablation)
    assert again.removed == sets.removed
    np.testing.assert_array_equal(again.values, sets.values)


def test_a_greedy_set_takes_the_worst_member_of_those_tried(small_model: Model, abc: PromptPairs) -> None:
    """With no more members than are tried in one step, the first one must be the worst of all."""
    circuit = Circuit({Head(0, 3): "S2", Head(1, 0): "S2", Head(2, 1): "END", Head(3, 0): "END"})
    sets = completeness_sets(small_model, abc, circuit, n_random=0, n_greedy=1, steps=1)
    [greedy] = [removed for removed, kind in zip(sets.removed, sets.kinds, strict=True) if kind == "greedy"]
    scores = {
        member: float(completeness(small_model, abc, circuit, Circuit.of([member])).incompleteness)
        for member in circuit.members
    }
    assert greedy == Circuit.of([max(scores, key=scores.__getitem__)])
    everything = completeness_sets(small_model, abc, circuit, n_random=0, n_greedy=1, steps=9)
    assert everything.removed[-1] == circuit


def test_classes_are_the_published_ones_or_roles(small_model: Model) -> None:
    gpt2 = replace(small_model, name="gpt2-small")
    classes = circuit_classes(gpt2, IOI_CIRCUIT.with_({Head(0, 0): "IO", Head(9, 9): "S2"}))
    assert list(classes)[:7] == [
        "previous token", "duplicate token", "induction", "S-inhibition", "name mover", "negative name mover",
        "backup name mover",
    ]  # fmt: skip
    assert classes["at IO"] == Circuit({Head(0, 0): "IO"})
    assert classes["at S2"] == Circuit({Head(9, 9): "S2"})
    by_role = circuit_classes(small_model, CIRCUIT)
    assert set(by_role) == {f"at {role}" for role in CIRCUIT.roles}
    assert Circuit.of([m for circuit in by_role.values() for m in circuit.members]) == CIRCUIT


def test_a_circuit_without_heads_has_no_sets(small_model: Model, abc: PromptPairs) -> None:
    with pytest.raises(CircuitError, match="this one has none"):
        completeness_sets(small_model, abc, {})


# The automatic circuit


def test_the_found_circuit_is_faithful_and_nothing_can_leave(
    demo_model: Model, demo_abc: PromptPairs, found: FoundCircuit
) -> None:
    assert abs(found.evaluation.faithfulness - 1) <= found.tolerance
    assert len(found.circuit.members) == found.n_added - len(found.pruned) < 60
    assert found.circuit == Circuit.of(found.ranking[: found.n_added]).without(Circuit.of(found.pruned))
    judged = evaluate_circuit(demo_model, demo_abc, found.circuit)
    np.testing.assert_allclose(judged.prompts, found.evaluation.prompts, atol=1e-4)
    for member in found.circuit.members:
        fewer = evaluate_circuit(demo_model, demo_abc, found.circuit.without(Circuit.of([member])))
        assert abs(fewer.faithfulness - 1) > found.tolerance


def test_the_found_circuit_holds_on_other_prompts(demo_model: Model, found: FoundCircuit) -> None:
    others = ioi_dataset(demo_model, 50, seed=11, corruption="abc", prepend_bos=False)
    assert abs(evaluate_circuit(demo_model, others, found.circuit).faithfulness - 1) < 2 * found.tolerance


def test_members_are_ranked_by_noising_and_added_in_that_order(
    demo_model: Model, demo_abc: PromptPairs, found: FoundCircuit
) -> None:
    effects = {
        role: patch_activations(
            demo_model, demo_abc, "z", direction="noising", positions=role, metric="logit_diff"
        ).effects.mean(-1)
        for role in found.axes["role"]
    }
    sizes = [abs(effects[role][head.layer, head.head]) for head, role in found.ranking]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(found.ranking)) == 5 * 4 * 6
    for size in (0, 1, 7, found.n_added):
        grown = evaluate_circuit(demo_model, demo_abc, Circuit.of(found.ranking[:size]))
        assert found.growth[size] == pytest.approx(grown.logit_diff, abs=1e-3)
    near = np.abs(found.growth / found.evaluation.model_logit_diff - 1) <= found.tolerance / 2
    assert near.argmax() == found.n_added


def test_finding_is_deterministic(demo_model: Model, demo_abc: PromptPairs) -> None:
    pairs = demo_abc.take(slice(0, 12))
    one, other = (find_circuit(demo_model, pairs, tolerance=0.3) for _ in range(2))
    assert (one.circuit, one.ranking, one.pruned) == (other.circuit, other.ranking, other.pruned)


def test_there_is_nothing_to_find_where_the_model_prefers_s(demo_model: Model, demo_abc: PromptPairs) -> None:
    swapped = replace(demo_abc.take(slice(0, 4)), answers=demo_abc.answers[:4, ::-1].copy())
    with pytest.raises(CircuitError, match="does not prefer IO to S"):
        find_circuit(demo_model, swapped)
    with pytest.raises(CircuitError, match=r"tolerance is 2\.0"):
        find_circuit(demo_model, demo_abc, tolerance=2.0)


# Backup


@pytest.mark.parametrize("bos", [True, False])
def test_backup_equals_hooked_runs(small_model: Model, small_bridge, bos: bool) -> None:
    pairs = ioi_dataset(small_model, 5, prepend_bos=bos)
    order = [Head(2, 1), Head(0, 3), Head(3, 2), Head(2, 0)]
    result = backup_heads(small_model, pairs, order)
    clean = hooked_direct_effects(small_bridge, pairs, [])
    for stage in range(len(order) + 1):
        direct, real, scale = hooked_direct_effects(small_bridge, pairs, order[:stage])
        np.testing.assert_allclose(result.per_prompt[stage], direct, atol=1e-4)
        np.testing.assert_allclose(result.logit_diff_per_prompt[stage], real, atol=1e-4)
        np.testing.assert_allclose(result.scale_per_prompt[stage], scale, atol=1e-4)
        naive = clean[1] - sum(clean[0][head.layer, head.head] for head in order[:stage])
        np.testing.assert_allclose(result.naive_per_prompt[stage], naive, atol=1e-4)
    np.testing.assert_allclose(result.changes, result.values - attribute_heads(small_model, pairs).values, atol=1e-5)


@pytest.mark.parametrize("ablation", Ablation)
def test_the_naive_prediction_is_right_where_nothing_reacts(small_model: Model, abc: PromptPairs, ablation) -> None:
    """Heads of the last layer cannot be read by others: only the scale and the last MLP react."""
    weights = small_model.weights
    silent = replace(weights.layers[-1], W_out=0 * weights.layers[-1].W_out)
    model = replace(small_model, weights=replace(weights, layers=(*weights.layers[:-1], silent)))
    result = backup_heads(model, abc, [Head(3, 1), Head(3, 0)], ablation=ablation)
    biases = model.weights.b_U.numpy()[abc.answers[:, 0]] - model.weights.b_U.numpy()[abc.answers[:, 1]]
    unscaled = (result.naive_per_prompt - biases) * result.scale_per_prompt[0] / result.scale_per_prompt
    np.testing.assert_allclose(unscaled + biases, result.logit_diff_per_prompt, atol=1e-4)


def test_blocks_of_prompts_change_no_backup(small_model: Model, monkeypatch) -> None:
    pairs = ioi_dataset(small_model, 60, corruption="abc")
    whole = backup_heads(small_model, pairs, [Head(2, 1), Head(1, 0)], ablation="mean")
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    cut = backup_heads(small_model, pairs, [Head(2, 1), Head(1, 0)], ablation="mean")
    np.testing.assert_allclose(cut.per_prompt, whole.per_prompt, atol=1e-5)


def test_what_cannot_be_knocked_out_is_refused(small_model: Model, abc: PromptPairs) -> None:
    for heads in ([], [Head(1, 1), Head(1, 1)], 3):
        with pytest.raises(CircuitError, match="different ones are wanted"):
            backup_heads(small_model, abc, heads)


@pytest.mark.gpt2
def test_backup_of_gpt2_small_is_the_published_one(gpt2: Model) -> None:
    result = backup_heads(gpt2, arena_pairs(gpt2), [Head(9, 9)])
    assert result.logit_diff[1] == pytest.approx(2.917, abs=1e-3)
    assert result.naive[1] == pytest.approx(0.566, abs=2e-3)
    published = {Head(10, 7): (-1.90, -0.71), Head(10, 10): (0.48, 1.23), Head(10, 0): (0.56, 0.86)}
    for head, effects in published.items():
        assert result.values[:, head.layer, head.head] == pytest.approx(effects, abs=6e-3)


# Token against position


def flips_of(model: Model, n: int, **options) -> dict[str, PromptPairs]:
    return {flip: ioi_dataset(model, n, corruption=flip, **options) for flip in SIGNAL_FLIPS}


def test_signals_equal_hooked_runs(small_model: Model, small_bridge) -> None:
    flips, heads = flips_of(small_model, 4, prepend_bos=False), [Head(1, 2), Head(2, 1), Head(2, 3)]
    result = token_and_position(small_model, flips, heads)
    rows = torch.arange(4)
    for number, flip in enumerate(result.axes["flip"]):
        pairs = flips[flip]
        ends = torch.tensor(pairs.roles["END"])
        with torch.no_grad():
            _, given = small_bridge.run_with_cache(torch.tensor(pairs.corrupted_tokens))

            def exchange(z, hook, given=given, ends=ends):
                z = z.clone()
                for head in heads:
                    if hook.name == f"blocks.{head.layer}.attn.hook_z":
                        z[rows, ends, head.head] = given[hook.name][rows, ends, head.head]
                return z

            hooks = [(f"blocks.{layer}.attn.hook_z", exchange) for layer in (1, 2)]
            at_end = small_bridge.run_with_hooks(torch.tensor(pairs.clean_tokens), fwd_hooks=hooks)[rows, ends]
        io, s = torch.tensor(pairs.answers).T
        np.testing.assert_allclose(result.per_prompt[number], at_end[rows, io] - at_end[rows, s], atol=1e-4)
    np.testing.assert_allclose(result.per_prompt[0], logit_diff(small_model, flips["ABB"]), atol=1e-5)
    expected = np.linalg.lstsq(np.array([SIGNALS[flip] for flip in SIGNALS]), result.values, rcond=None)[0]
    np.testing.assert_allclose(result.coefficients, expected, atol=1e-6)
    residuals = np.abs(
        result.values - [a * result.coefficients[0] + b * result.coefficients[1] for a, b in SIGNALS.values()]
    )
    assert result.relative_error == pytest.approx(residuals.mean() / abs(result.values[0]), rel=1e-5)


def test_the_fit_finds_what_was_put_in() -> None:
    values = np.array([2.31 * position + 0.99 * token for position, token in SIGNALS.values()])
    assert fit(values) == pytest.approx((2.31, 0.99))
    assert fit(np.ones(6)) == pytest.approx((0, 0))


def test_signals_are_what_the_flips_repeat(demo_model: Model) -> None:
    """S2 of a flip repeats the clean S or IO (or neither), at the place of the clean S or of IO."""
    for flip, pairs in flips_of(demo_model, 14).items():
        rows = np.arange(14)
        s2 = pairs.corrupted_tokens[rows, pairs.roles["S2"]]
        token = (s2 == pairs.answers[:, 1]).astype(int) - (s2 == pairs.answers[:, 0])
        place = [int(pairs.corrupted_tokens[r, pairs.roles["S1"][r]] == s2[r]) for r in rows]
        other = [int(pairs.corrupted_tokens[r, pairs.roles["IO"][r]] == s2[r]) for r in rows]
        assert {(a - b, int(t)) for a, b, t in zip(place, other, token, strict=True)} == {SIGNALS[flip]}


def test_flips_that_do_not_belong_together_are_refused(small_model: Model) -> None:
    flips = flips_of(small_model, 2)
    with pytest.raises(CircuitError, match="ABB, CDD, BAA, BAB, DCD, ABA"):
        token_and_position(small_model, {"ABB": flips["ABB"]}, [Head(1, 1)])
    with pytest.raises(CircuitError, match="no heads"):
        token_and_position(small_model, flips, [])
    other = flips | {"DCD": ioi_dataset(small_model, 2, seed=5, corruption="DCD")}
    with pytest.raises(PromptMismatchError, match="clean prompts of DCD"):
        token_and_position(small_model, other, [Head(1, 1)])


# Methods side by side


def test_methods_equal_hooked_runs_and_patching(small_model: Model, small_bridge, abc: PromptPairs) -> None:
    head = Head(1, 2)
    result = contrast_methods(small_model, abc, {head: "S2"})
    by_method = dict(zip(result.axes["method"], result.per_prompt, strict=True))
    for ablation in Ablation:
        oracle = HookedAblation(small_bridge, abc, ablation)
        np.testing.assert_allclose(by_method[ablation.value], oracle.logit_diff(None, {head: "S2"}), atol=1e-4)
    for direction in Direction:
        patched = patch_activations(small_model, abc, "z", direction=direction, positions="S2", metric="logit_diff")
        np.testing.assert_allclose(by_method[direction.value], patched.per_prompt[1, 2], atol=1e-5)
        assert result.clean == pytest.approx(patched.clean, abs=1e-5)
        assert result.corrupted == pytest.approx(patched.corrupted, abs=1e-5)
        change = result.changes[result.axes["method"].index(direction.value)]
        np.testing.assert_allclose(change, patched.effects[1, 2], atol=1e-5)


def test_direct_and_total_effects_have_one_sign(small_model: Model, small_bridge, abc: PromptPairs) -> None:
    result = direct_and_total(small_model, abc)
    np.testing.assert_array_equal(result.per_prompt[0], attribute_heads(small_model, abc).per_prompt)
    oracle = HookedAblation(small_bridge, abc, Ablation.MEAN)
    for head in (Head(0, 1), Head(2, 3), Head(3, 0)):
        lost = oracle.logit_diff(None) - oracle.logit_diff(None, {head: "all"})
        np.testing.assert_allclose(result.per_prompt[1, head.layer, head.head], lost, atol=1e-4)
    resampled = direct_and_total(small_model, abc, ablation="resample")
    noised = patch_activations(small_model, abc, "z", direction="noising", metric="logit_diff")
    np.testing.assert_allclose(resampled.per_prompt[1], -noised.effects, atol=1e-5)


# What all of them share: blocks of prompts, progress, and nothing before the first change


def every_analysis(model: Model, n: int) -> dict[str, Callable[..., Result]]:
    pairs, heads = ioi_dataset(model, n, corruption="abc", prepend_bos=False), [Head(1, 2), Head(2, 1)]
    return {
        "signals": partial(token_and_position, model, flips_of(model, n, prepend_bos=False), heads),
        "methods": partial(contrast_methods, model, pairs, {head: "S2" for head in heads}),
        "totals": partial(direct_and_total, model, pairs),
        "sets": partial(completeness_sets, model, pairs, CIRCUIT, n_random=2, n_greedy=2, steps=2),
        "backup": partial(backup_heads, model, pairs, heads, ablation="mean"),
    }


ANALYSES = ("signals", "methods", "totals", "sets", "backup")


@pytest.mark.parametrize("name", ANALYSES)
def test_blocks_of_prompts_change_nothing_and_are_told_of(small_model: Model, monkeypatch, name: str) -> None:
    whole = every_analysis(small_model, 60)[name]()
    told: list[tuple[int, int]] = []
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    cut = every_analysis(small_model, 60)[name](progress=lambda done, total: told.append((done, total)))
    np.testing.assert_allclose(cut.per_prompt, whole.per_prompt, atol=1e-4)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    shares = [done / total for done, total in told]
    assert np.diff([0, *shares]).max() < 0.3  # no long silence, and not finished long before the end
    assert shares.count(1) <= len(shares) / 5


@pytest.mark.parametrize("name", ANALYSES)
@pytest.mark.parametrize("after", [1, 7])
def test_every_analysis_can_be_cancelled(small_model: Model, name: str, after: int) -> None:
    told = 0

    def cancel(done: int, total: int) -> None:
        nonlocal told
        told += 1
        if told == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        every_analysis(small_model, 4)[name](progress=cancel)
    assert told == after


@pytest.mark.parametrize("corruption", ["s2_flip", "abc"])
@pytest.mark.parametrize("ablation", Ablation)
def test_an_ablation_changes_nothing_before_the_first_token_that_differs(
    small_model: Model, corruption: str, ablation: Ablation
) -> None:
    """Row by row: where every prompt that z is taken from reads as the clean one so far."""
    pairs = ioi_dataset(small_model, 40, corruption=corruption, prepend_bos=False)
    starts, layout = first_changes(pairs, ablation), layouts(pairs)
    for row in range(len(pairs)):
        given = [row] if ablation is Ablation.RESAMPLE else np.flatnonzero(layout == layout[row])
        alike = [
            all((pairs.corrupted_tokens[other, :end] == pairs.clean_tokens[row, :end]).all() for other in given)
            for end in range(1, pairs.clean_tokens.shape[1] + 1)
        ]
        assert starts[row] == (0 if ablation is Ablation.ZERO else sum(alike))
    if ablation is Ablation.RESAMPLE and corruption == "s2_flip":
        at_io = {Head(layer, head): "IO" for layer in range(4) for head in range(4)}
        result = contrast_methods(small_model, pairs, at_io)
        for method in ("resample", "noising", "denoising"):
            np.testing.assert_array_equal(result.changes[METHODS.index(method)], 0)
        assert np.abs(result.changes[METHODS.index("zero")]).max() > 0.01


def test_the_flip_that_changes_nothing_changes_nothing(small_model: Model) -> None:
    flips = flips_of(small_model, 5, prepend_bos=False)
    one, other = (token_and_position(small_model, flips, heads) for heads in ([Head(0, 1)], [Head(3, 0), Head(2, 2)]))
    np.testing.assert_array_equal(one.per_prompt[0], other.per_prompt[0])
    assert np.abs(one.per_prompt[1:] - other.per_prompt[1:]).max() > 0.01


def test_runs_asked_for_again_record_nothing_again(small_model: Model, abc: PromptPairs, monkeypatch) -> None:
    recorded: list[int] = []
    record, of_rows = circuit_runs.record, Replacements.of_rows

    def counted(model: Model, tokens, names, advance=None):
        recorded.append(len(tokens))
        return record(model, tokens, names, advance)

    def of_counted_rows(self: Replacements, *given):
        recorded.append(0)
        return of_rows(self, *given)

    monkeypatch.setattr(circuit_runs, "record", counted)
    monkeypatch.setattr(Replacements, "of_rows", of_counted_rows)
    variants = [Variant(CIRCUIT), Variant(None, CIRCUIT), Variant(None)]
    run = VariantRuns(small_model, abc, Ablation.RESAMPLE)
    first, second = run(variants), run(variants[::-1])
    assert sorted(recorded) == [0, len(abc)]
    np.testing.assert_allclose(first, second[::-1], atol=1e-5)
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    many = ioi_dataset(small_model, 60, corruption="abc", prepend_bos=False)
    cut = VariantRuns(small_model, many, Ablation.RESAMPLE)
    np.testing.assert_array_equal(cut(variants), cut(variants))
    assert sum(recorded) == len(abc) + 2 * len(many)
