"""Ablated runs against hooked forwards of single prompts, a model computed by hand, and their own identities.

What an ablation puts in place of z: nothing before the first change, and recorded once.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ioi_core import (
    IOI_CIRCUIT,
    Ablation,
    Circuit,
    Head,
    Model,
    PromptPairs,
    ablate,
    arena_pairs,
    completeness,
    contrast_methods,
    edit_circuit,
    evaluate_circuit,
    ioi_dataset,
    minimality,
    prompt_pairs,
)
from ioi_core.circuit import runs as circuit_runs
from ioi_core.circuit.methods import METHODS
from ioi_core.circuit.replacements import Replacements, first_changes, layouts
from ioi_core.circuit.runs import Variant, VariantRuns, logit_diffs
from tests.core.circuit.examples import CIRCUIT, OF_THE_BUNDLED_MODEL, K, logit_diff
from tests.models.bundled import INDUCTION, INHIBITION, MOVERS
from tests.models.micro import A, B, C, D, micro_model, micro_pairs
from tests.oracles.hooked_ablation import HookedAblation

PAIRS: dict[str, Callable[[Model], PromptPairs]] = {
    "mixed templates": lambda model: ioi_dataset(model, 15, corruption="abc", prepend_bos=False),
    "mixed templates, BOS": lambda model: ioi_dataset(model, 15, corruption="abc", seed=1),
    "templates of several lengths and orders": lambda model: ioi_dataset(
        model, 8, templates=[0, 47, 97, 20], corruption="s2_flip", prepend_bos=False
    ),
    "typed": lambda model: prompt_pairs(
        model,
        ["Mary and John met and John", "When John and Mary went out, John gave it to", "Then Tom saw Amy. Tom told"],
        corruption="abc",
    ),
}  # fmt: skip


def variants_of(circuit: Circuit, removed: Circuit) -> dict[str, tuple[Circuit | None, Circuit]]:
    nothing = Circuit()
    return {
        "C": (circuit, nothing), "C without K": (circuit, removed), "M": (None, nothing),
        "M without K": (None, removed), "nothing": (nothing, nothing),
        "C and a whole head": (circuit.with_({Head(1, 3): "all"}), removed),
        "M without heads everywhere": (None, Circuit({Head(0, 0): "all", Head(2, 1): "all"})),
    }  # fmt: skip


def check_against_hooks(model: Model, bridge, pairs: PromptPairs, ablation: Ablation, circuit, removed) -> None:
    variants = variants_of(circuit, removed)
    ours = logit_diffs(model, pairs, [Variant(*variant) for variant in variants.values()], ablation)
    oracle = HookedAblation(bridge, pairs, ablation)
    for (name, variant), found in zip(variants.items(), ours, strict=True):
        np.testing.assert_allclose(found, oracle.logit_diff(*variant), atol=1e-4, err_msg=name)


@pytest.mark.parametrize("ablation", Ablation)
@pytest.mark.parametrize("kind", PAIRS)
def test_random_model_equals_hooked_forwards(small_model: Model, small_bridge, kind: str, ablation: Ablation) -> None:
    check_against_hooks(small_model, small_bridge, PAIRS[kind](small_model), ablation, CIRCUIT, K)


@pytest.mark.parametrize("ablation", Ablation)
def test_the_bundled_model_equals_hooked_forwards(demo_model_64: Model, demo_bridge, ablation: Ablation) -> None:
    pairs = ioi_dataset(demo_model_64, 4, templates=[0, 50, 3, 3], corruption="abc")
    removed = Circuit({INDUCTION[0]: "S2", INHIBITION[0]: "END", MOVERS[0]: "END"})
    check_against_hooks(demo_model_64, demo_bridge, pairs, ablation, OF_THE_BUNDLED_MODEL, removed)


@pytest.mark.slow
def test_gpt2_shaped_model_equals_hooked_forwards(gpt2_shaped_model: Model, gpt2_shaped_bridge) -> None:
    pairs = ioi_dataset(gpt2_shaped_model, 3, templates=[0, 50], corruption="abc", prepend_bos=False)
    removed = Circuit({Head(2, 2): "S1+1", Head(9, 9): "END"})
    check_against_hooks(gpt2_shaped_model, gpt2_shaped_bridge, pairs, Ablation.MEAN, IOI_CIRCUIT, removed)


def test_roles_are_looked_up_prompt_by_prompt(small_model: Model, small_bridge) -> None:
    """A mask that keeps, in every prompt, the positions of all prompts gives other numbers on mixed templates."""
    pairs = ioi_dataset(small_model, 8, corruption="abc", prepend_bos=False)
    assert len({tuple(positions) for positions in zip(*pairs.roles.values(), strict=True)}) > 4
    ours = logit_diffs(small_model, pairs, [Variant(CIRCUIT)], Ablation.MEAN)[0]

    class Union(HookedAblation):
        def places(self, heads, row):
            return set().union(*(super(Union, self).places(heads, other) for other in range(len(pairs))))

    published_bug = Union(small_bridge, pairs, Ablation.MEAN).logit_diff(CIRCUIT)
    right = HookedAblation(small_bridge, pairs, Ablation.MEAN).logit_diff(CIRCUIT)
    np.testing.assert_allclose(ours, right, atol=1e-4)
    assert (np.abs(ours - published_bug) > 2e-3).all()


def test_means_keep_to_the_template_and_its_layout(small_model: Model, small_bridge) -> None:
    """Rows of one template in which a word is longer are another layout: position p is another word there."""
    pairs = ioi_dataset(small_model, 6, templates=[0, 0, 1], corruption="abc", prepend_bos=False)
    pairs = replace(pairs, templates=np.array([7] * 6))
    assert len(set(layouts(pairs).tolist())) == 2
    check_against_hooks(small_model, small_bridge, pairs, Ablation.MEAN, CIRCUIT, K)


def test_rows_with_a_layout_of_their_own_are_resampled(small_model: Model) -> None:
    pairs = arena_pairs(small_model)
    mean, resample = (ablate(small_model, pairs, K, ablation=a).per_prompt for a in ("mean", "resample"))
    np.testing.assert_array_equal(mean, resample)


def test_the_mean_is_taken_once_for_all_variants(small_model: Model, monkeypatch) -> None:
    from ioi_core.circuit import replacements

    calls = []
    recorded = replacements._recorded_z
    monkeypatch.setattr(replacements, "_recorded_z", lambda *args: calls.append(1) or recorded(*args))
    pairs = ioi_dataset(small_model, 30, corruption="abc")
    edit_circuit(small_model, pairs, CIRCUIT, K)
    assert len(calls) == 1


@pytest.mark.parametrize("ablation", Ablation)
def test_blocks_and_chunks_change_nothing(small_model: Model, monkeypatch, ablation: Ablation) -> None:
    pairs = ioi_dataset(small_model, 40, corruption="abc")
    whole = edit_circuit(small_model, pairs, CIRCUIT, K, ablation=ablation)
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    cut = edit_circuit(small_model, pairs, CIRCUIT, K, ablation=ablation)
    for part in ("evaluation", "completeness", "minimality"):
        np.testing.assert_allclose(getattr(cut, part).per_prompt, getattr(whole, part).per_prompt, atol=2e-5)


@pytest.mark.parametrize("ablation", Ablation)
def test_identities(small_model: Model, ablation: Ablation) -> None:
    pairs = ioi_dataset(small_model, 14, corruption="abc")
    clean = logit_diff(small_model, pairs)
    full, options = Circuit.full(small_model), {"ablation": ablation}
    np.testing.assert_allclose(ablate(small_model, pairs, {}, **options).per_prompt, clean, atol=1e-5)
    whole = evaluate_circuit(small_model, pairs, full, **options)
    np.testing.assert_allclose(whole.per_prompt[0], clean, atol=1e-5)
    assert whole.faithfulness == pytest.approx(1, abs=1e-5)
    empty = evaluate_circuit(small_model, pairs, {}, **options)
    all_ablated = ablate(small_model, pairs, full, **options)
    np.testing.assert_allclose(empty.per_prompt[0], all_ablated.per_prompt, atol=1e-5)
    np.testing.assert_array_equal(empty.per_prompt[0], empty.per_prompt[2])
    nothing_removed = completeness(small_model, pairs, CIRCUIT, {}, **options)
    circuit = evaluate_circuit(small_model, pairs, CIRCUIT, **options)
    np.testing.assert_allclose(nothing_removed.per_prompt, circuit.per_prompt[:2], atol=1e-5)
    everything = completeness(small_model, pairs, full, K, **options)
    np.testing.assert_allclose(*everything.per_prompt, atol=1e-5)


def test_resampling_from_itself_changes_nothing(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 6, corruption="abc")
    same = replace(pairs, corrupted_tokens=pairs.clean_tokens)
    empty = evaluate_circuit(small_model, same, {}, ablation=Ablation.RESAMPLE)
    np.testing.assert_allclose(empty.per_prompt[0], logit_diff(small_model, pairs), atol=1e-5)


def test_removed_wins_over_kept_where_roles_share_a_position(small_model: Model) -> None:
    pairs = prompt_pairs(small_model, "Mary and John met and John", corruption="abc")
    assert pairs.roles["S2"] == pairs.roles["END"]
    head = Head(2, 1)
    at_end, at_s2, none = (
        evaluate_circuit(small_model, pairs, c).logit_diff for c in ({head: "END"}, {head: "S2"}, {})
    )
    assert at_end == at_s2 != none
    both = completeness(small_model, pairs, {head: ("S2", "END")}, {head: "S2"})
    assert both.circuit_values == none


def test_by_hand(demo_model: Model) -> None:
    """Tokens 1 2, corrupted 1 5. Head 0.0 attends uniformly: at END it writes A times their mean."""
    model, pairs = micro_model(demo_model), micro_pairs()
    clean, corrupted = 1.5, 3.0  # means of the tokens at END

    def by_hand(at_first: tuple[float, float], at_end: tuple[float, float], late: bool) -> float:
        early_0, early_1 = (A * a + B * b for a, b in (at_first, at_end))
        return early_1 * (1 + C) + (D * C * (early_0 + early_1) / 2 if late else 0)

    one = Head(1, 1)  # asks with a nonlinear pattern: left out of this sum
    zero = {"ablation": Ablation.ZERO}
    lacking = ablate(model, pairs, {one: "all", Head(0, 0): "END"}, **zero)
    assert lacking.values == pytest.approx(by_hand((1, 1), (0, clean), True))
    kept = evaluate_circuit(model, pairs, {Head(0, 1): "END", Head(1, 0): "END"}, **zero)
    assert kept.logit_diff == pytest.approx(by_hand((0, 0), (0, clean), True))
    resampled = ablate(model, pairs, {one: "all", Head(0, 0): "all"}, ablation=Ablation.RESAMPLE)
    with_one = ablate(model, pairs, {one: "all"}, ablation=Ablation.RESAMPLE)
    assert resampled.values - with_one.values == pytest.approx(A * (corrupted - clean) * (1 + C + D * C / 2))


def test_edits_are_the_same_as_one_by_one(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 12, corruption="abc")
    edit = edit_circuit(small_model, pairs, CIRCUIT, K)
    left = CIRCUIT.without(K)
    apart = (
        evaluate_circuit(small_model, pairs, left), completeness(small_model, pairs, CIRCUIT, K),
        minimality(small_model, pairs, left),
    )  # fmt: skip
    for together, alone in zip((edit.evaluation, edit.completeness, edit.minimality), apart, strict=True):
        np.testing.assert_allclose(together.per_prompt, alone.per_prompt, atol=1e-5)
        assert together.circuit == alone.circuit
    assert edit.minimality.removed == apart[2].removed


def test_everything_may_be_switched_off(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 4, corruption="abc")
    edit = edit_circuit(small_model, pairs, CIRCUIT, CIRCUIT)
    np.testing.assert_array_equal(edit.evaluation.per_prompt[0], edit.evaluation.per_prompt[2])
    assert edit.minimality.members == ()
    assert edit.minimality.scores.shape == (0,)
    assert len(edit.minimality.to_frame()) == 0
    np.testing.assert_array_equal(edit.completeness.per_prompt[0], edit.evaluation.per_prompt[0])


def test_minimality_is_what_it_says(small_model: Model, small_bridge) -> None:
    pairs = ioi_dataset(small_model, 4, corruption="abc")
    circuit = Circuit({Head(1, 0): "S2", Head(1, 2): ("S2", "END"), Head(3, 0): "END"})
    found = minimality(small_model, pairs, circuit)
    oracle = HookedAblation(small_bridge, pairs, Ablation.MEAN)
    assert found.members == circuit.members
    for number, ((head, role), removed) in enumerate(zip(found.members, found.removed, strict=True)):
        peers = Circuit({other: role for other in circuit.at(role) if other != head})
        scores = {}
        for candidate in (Circuit(), peers):
            both = candidate.with_({head: role})
            runs = [oracle.logit_diff(circuit, gone) for gone in (candidate, both)]
            scores[candidate] = abs(np.mean(runs[0] - runs[1]))
            if candidate == removed:
                np.testing.assert_allclose(found.per_prompt[:, number], runs, atol=1e-4)
        assert scores[removed] == max(scores.values())
        assert found.scores[number] == pytest.approx(scores[removed] / abs(found.model_logit_diff), abs=1e-4)


def test_published_members_lose_their_class(small_model: Model) -> None:
    gpt2 = replace(small_model, is_gpt2_small=True)
    circuit = Circuit({Head(2, 2): ("S1+1", "END"), Head(3, 0): "S2", Head(0, 1): "S2", Head(1, 1): "S2"})
    found = minimality(gpt2, ioi_dataset(gpt2, 2, corruption="abc"), circuit)
    removed = dict(zip(found.members, found.removed, strict=True))
    assert removed[Head(3, 0), "S2"] == Circuit({Head(0, 1): "S2"})
    assert removed[Head(0, 1), "S2"] == Circuit({Head(3, 0): "S2"})
    assert removed[Head(2, 2), "S1+1"] == Circuit()
    assert removed[Head(1, 1), "S2"] in (Circuit(), Circuit({Head(3, 0): "S2", Head(0, 1): "S2"}))


def test_the_model_is_unchanged_even_after_an_exception(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 6, corruption="abc")
    before = [layer.W_QKV.clone() for layer in small_model.weights.layers], logit_diff(small_model, pairs)
    edit_circuit(small_model, pairs, CIRCUIT, K)

    class CancelledError(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        if done > 5:
            raise CancelledError

    with pytest.raises(CancelledError):
        edit_circuit(small_model, pairs, CIRCUIT, K, progress=cancel)
    np.testing.assert_array_equal(logit_diff(small_model, pairs), before[1])
    for layer, W in zip(small_model.weights.layers, before[0], strict=True):
        assert layer.W_QKV.equal(W)


def test_progress_ends_at_its_total(small_model: Model) -> None:
    told: list[tuple[int, int]] = []
    pairs = ioi_dataset(small_model, 6, corruption="abc")
    edit_circuit(small_model, pairs, CIRCUIT, K, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


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
