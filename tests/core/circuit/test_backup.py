"""Backup against hooked runs and where nothing reacts."""

from dataclasses import replace

import numpy as np
import pytest

from ioi_core import (
    Ablation,
    CircuitError,
    Head,
    Model,
    PromptPairs,
    arena_pairs,
    attribute_heads,
    backup_heads,
    ioi_dataset,
)
from tests.oracles.hooked_ablation import hooked_direct_effects


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
    for heads in ([], [Head(1, 1), (1, 1)]):
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
