"""Answers that are sets of tokens: logit_diff is the mean over all single answers, probabilities are summed."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ioi_core import (
    Direction,
    Head,
    Model,
    PromptError,
    PromptPairs,
    PromptResult,
    ablate,
    attribute_heads,
    attribute_layers,
    backup_heads,
    edge_atlas,
    estimate_patching,
    logit_lens,
    patch_activations,
    patch_paths,
    predictions,
)
from tests.models.random_pairs import PAIRS
from tests.oracles.appendix_b import AppendixB
from tests.oracles.hooked_runs import HookedRuns, end_prob_diff

KIND = "from position 1 on, unequal, bos"


def with_sets(pairs: PromptPairs, n_right: int = 2, n_wrong: int = 3) -> PromptPairs:
    """The same prompts with random sets of answers."""
    rng = np.random.default_rng(3)
    ids = [rng.choice(50256, n_right + n_wrong, replace=False).tolist() for _ in range(len(pairs))]
    sets = tuple((tuple(row[:n_right]), tuple(row[n_right:])) for row in ids)
    return replace(pairs, answer_sets=sets, answers=np.array([(right[0], wrong[0]) for right, wrong in sets]))


def single_answers(pairs: PromptPairs) -> list[PromptPairs]:
    """The same prompts with each right answer against each wrong one."""
    assert pairs.answer_sets
    n_right, n_wrong = map(len, pairs.answer_sets[0])
    chosen = itertools.product(range(n_right), range(n_wrong))
    answers = [np.array([(row[0][r], row[1][w]) for row in pairs.answer_sets]) for r, w in chosen]
    return [replace(pairs, answer_sets=None, answers=each) for each in answers]


ANALYSES: dict[str, Callable[[Model, PromptPairs], PromptResult]] = {
    "predictions": predictions,
    "logit_lens": logit_lens,
    "attribute_layers": attribute_layers,
    "attribute_heads": attribute_heads,
    "patch_activations": lambda model, pairs: patch_activations(model, pairs, "z", metric="logit_diff"),
    "estimate_patching": lambda model, pairs: estimate_patching(model, pairs, "z", metric="logit_diff"),
    "patch_paths": lambda model, pairs: patch_paths(model, pairs, [Head(2, 1)], metric="logit_diff"),
    "edge_atlas": lambda model, pairs: edge_atlas(model, pairs, metric="logit_diff"),
    "ablate": lambda model, pairs: ablate(model, pairs, {Head(1, 2): "all"}),
    "backup_heads": lambda model, pairs: backup_heads(model, pairs, [Head(1, 1)]),
}


@pytest.mark.parametrize("name", ANALYSES)
def test_sets_are_the_mean_over_their_answers(small_model: Model, name: str) -> None:
    pairs = with_sets(PAIRS[KIND])
    ours = ANALYSES[name](small_model, pairs).per_prompt
    theirs = np.mean([ANALYSES[name](small_model, each).per_prompt for each in single_answers(pairs)], axis=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    one_answer = ANALYSES[name](small_model, replace(pairs, answer_sets=None)).per_prompt
    assert np.nanmax(np.abs(ours - one_answer)) > 1e-2


def test_a_set_of_one_is_that_answer(small_model: Model) -> None:
    pairs = with_sets(PAIRS[KIND], 1, 1)
    for name, analysis in ANALYSES.items():
        alone = analysis(small_model, replace(pairs, answer_sets=None)).per_prompt
        np.testing.assert_array_equal(analysis(small_model, pairs).per_prompt, alone, err_msg=name)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("sets", [True, False])
def test_prob_diff_equals_hooked_forwards(small_model: Model, small_bridge, direction: Direction, sets: bool) -> None:
    pairs = with_sets(PAIRS[KIND]) if sets else PAIRS[KIND]
    ours = patch_activations(small_model, pairs, "z", direction=direction, metric="prob_diff")
    assert ours.unit == "probability"
    oracle = HookedRuns(small_bridge, pairs, direction, end_prob_diff)
    everywhere = [list(range(length)) for length in pairs.lengths]
    for layer, head in itertools.product(range(4), range(4)):
        theirs = oracle.patched("z", layer, head, everywhere)
        np.testing.assert_allclose(ours.per_prompt[layer, head], theirs, rtol=1e-3, atol=1e-9)
    assert np.abs(ours.effects).max() > 1e-7


def test_summed_probabilities_and_the_best_rank_of_a_set(small_model: Model) -> None:
    pairs = with_sets(PAIRS[KIND])
    ours, each = predictions(small_model, pairs), [predictions(small_model, one) for one in single_answers(pairs)]
    right = each[0].answer_probs[..., 0] + each[3].answer_probs[..., 0]  # each right answer comes with three wrong ones
    np.testing.assert_allclose(ours.answer_probs[..., 0], right, rtol=1e-5)
    np.testing.assert_allclose(ours.answer_probs[..., 1], sum(one.answer_probs[..., 1] for one in each[:3]), rtol=1e-5)
    best = np.min([one.answer_ranks for one in each], axis=0)
    np.testing.assert_array_equal(ours.answer_ranks, best)


def test_paths_of_summed_probabilities_equal_appendix_b(small_model: Model, small_bridge) -> None:
    pairs, receivers = with_sets(PAIRS[KIND]), [Head(2, 1)]
    ours = patch_paths(small_model, pairs, receivers, receiver_input="v", metric="prob_diff")
    oracle = AppendixB(small_bridge, pairs, Direction.NOISING, end_prob_diff)
    for layer, head in itertools.product(range(2), range(4)):
        theirs = oracle.logit_diff(Head(layer, head), receivers, "v")
        np.testing.assert_allclose(ours.per_prompt[layer, head], theirs, rtol=1e-3, atol=1e-9)
    assert np.nanmax(np.abs(ours.effects)) > 1e-7


@pytest.mark.parametrize("metric", ["prob_diff", "prob"])
def test_sets_have_no_estimate_of_probabilities(small_model: Model, metric: str) -> None:
    estimate = estimate_patching(small_model, with_sets(PAIRS[KIND]), "z", metric=metric)
    assert "no first-order estimate" in str(estimate.undefined)
    assert np.isnan(estimate.values).all()


@pytest.mark.parametrize("row", [((), (1,)), ((1,), ()), ((1, 2), (2,)), ((1, 50257), (2,)), ((2, 1), (3,))], ids=str)
def test_sets_that_cannot_be_answers_are_refused(small_model: Model, row) -> None:
    pairs = PAIRS["one prompt"]
    with pytest.raises(PromptError, match="answer_sets"):
        logit_lens(small_model, replace(pairs, answers=np.array([[1, 2]]), answer_sets=(row,)))


def test_pairs_are_taken_walked_over_and_shown() -> None:
    pairs = replace(with_sets(PAIRS[KIND]), labels=("a", "b", "a", "c"))
    picked = pairs[[2, 0]]
    assert picked.labels == ("a", "a")
    assert len(pairs[1:]) == 3
    assert pairs[-1].labels == ("c",)
    assert picked.answer_sets == (pairs.answer_sets[2], pairs.answer_sets[0])
    np.testing.assert_array_equal(picked.clean_tokens, pairs.clean_tokens[[2, 0]])
    np.testing.assert_array_equal(picked.roles["END"], pairs.roles["END"][[2, 0]])
    assert [len(one) for one in pairs] == [1] * 4
    assert list(pairs)[3].labels == ("c",)
    assert np.array_equal(pairs[np.array([True, False, False, True])].answers, pairs.answers[[0, 3]])
    assert "4 prompts" in repr(pairs)
    assert len(repr(pairs)) < 200
    for wrong in (4, slice(9, None), [], "a", None, 1.5):
        with pytest.raises(PromptError, match="cannot be taken of 4 prompts"):
            pairs[wrong]
