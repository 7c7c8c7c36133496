"""Ways to ablate side by side, direct and total effects: against hooked runs and patching."""

import numpy as np
import pytest

from ioi_core import (
    Ablation,
    Direction,
    Head,
    Model,
    PromptPairs,
    attribute_heads,
    contrast_methods,
    direct_and_total,
    patch_activations,
)
from tests.oracles.hooked_ablation import HookedAblation


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
