"""The first-order estimate against TransformerLens's gradients."""

from functools import partial

import numpy as np
import pytest
import torch

from ioi_core import (
    Direction,
    Model,
    PromptPairs,
    correlation,
    estimate_patching,
    patch_activations,
)
from ioi_core.activation_patching.sites import HEAD_SITES, RESIDUAL_SITES
from tests.models.random_pairs import PAIRS, random_pairs
from tests.oracles.hooked_runs import HookedRuns, logit_diff


def gradients(bridge, tokens: torch.Tensor, pairs: PromptPairs, names: list[str]) -> dict[str, torch.Tensor]:
    """Slope of the summed logit_diff at hook points of TransformerLens's model."""
    kept: dict[str, torch.Tensor] = {}

    def keep(activation: torch.Tensor, hook, name: str) -> torch.Tensor:
        kept[name] = activation.clone().requires_grad_()  # under the name asked for: hooks have aliases
        kept[name].retain_grad()
        return kept[name]

    with torch.enable_grad():
        logits = bridge.run_with_hooks(tokens, fwd_hooks=[(name, partial(keep, name=name)) for name in names])
        logit_diff(logits, pairs).sum().backward()
    return {name: activation.grad for name, activation in kept.items()}


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("kind", ["one token, unequal, bos", "all tokens, equal"])
@pytest.mark.parametrize("site", ["resid_pre", "attn_out", "mlp_out", "z", "q", "k", "v", "pattern"])
def test_estimate_is_difference_times_slope(small_model: Model, small_bridge, site, kind, direction) -> None:
    pairs = PAIRS[kind]
    oracle = HookedRuns(small_bridge, pairs, direction)
    positions = "each" if site in RESIDUAL_SITES else "all"
    ours = estimate_patching(small_model, pairs, site, direction=direction, positions=positions, metric="logit_diff")
    base = ours.corrupted if direction is Direction.DENOISING else ours.clean
    assert ours.estimate
    for layer in range(4):
        name = oracle.name(site, layer)
        slope = gradients(small_bridge, oracle.tokens, pairs, [name])[name]
        products = ((oracle.cache[name] - oracle.own[name]) * slope).detach()
        if site == "pattern":
            change = products.sum((2, 3)).mean(0)
        elif site in HEAD_SITES:
            change = products.sum((1, 3)).mean(0)
        else:
            by_position = products.sum(-1)
            labels = list(ours.axes.values())[1]
            where = [pairs.roles[x] if x in pairs.roles else np.full(len(pairs), int(x)) for x in labels]
            change = torch.stack([by_position[torch.arange(len(pairs)), torch.tensor(x)].mean() for x in where])
        np.testing.assert_allclose(ours.values[layer], base + change, atol=1e-4)


def test_estimate_has_the_exact_grids_axes_and_runs_and_follows_it(small_model: Model) -> None:
    pairs = random_pairs([9] * 16)
    for site in ("z", "attn_out", "mlp_out"):
        exact, estimate = (f(small_model, pairs, site) for f in (patch_activations, estimate_patching))
        assert estimate.axes == exact.axes
        assert (estimate.clean, estimate.corrupted) == pytest.approx((exact.clean, exact.corrupted), abs=1e-5)
        assert correlation(estimate, exact) > 0.9
        assert not exact.estimate


def test_estimate_works_inside_inference_mode(small_model: Model) -> None:
    pairs = PAIRS["one token, equal"]
    outside = estimate_patching(small_model, pairs, "q")
    with torch.inference_mode():
        inside = estimate_patching(small_model, pairs, "q")
    np.testing.assert_array_equal(outside.values, inside.values)


def test_estimate_of_kl_noising_is_undefined_and_says_so(small_model: Model) -> None:
    pairs = PAIRS["one token, equal"]
    noising = estimate_patching(small_model, pairs, "z", direction=Direction.NOISING, metric="kl")
    assert np.isnan(noising.values).all()
    assert "slope" in (noising.undefined or "")
    assert np.isfinite(estimate_patching(small_model, pairs, "z", metric="kl").values).all()


def test_estimate_in_small_blocks_is_the_same(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = PAIRS["one token, unequal, bos"]
    whole = estimate_patching(small_model, pairs, "v")
    monkeypatch.setattr("ioi_core.engine.memory.memory_budget", lambda: 100_000)
    told: list[tuple[int, int]] = []
    parts = estimate_patching(small_model, pairs, "v", progress=lambda *a: told.append(a))
    np.testing.assert_allclose(whole.per_prompt, parts.per_prompt, atol=1e-6)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_correlation_of_constant_cells_is_undefined() -> None:
    flat = estimate_like(np.ones((2, 2)))
    assert np.isnan(correlation(flat, flat))


def estimate_like(values: np.ndarray):
    from ioi_core import Direction, PatchResult

    axes = {"layer": ("0", "1"), "head": ("0", "1")}
    return PatchResult(
        values=values, axes=axes, metric="logit_diff", unit="logits", n_prompts=1, per_prompt=values[..., None],
        site="z", direction=Direction.DENOISING, clean=1.0, corrupted=0.0, unpatched=np.zeros(1), gaps=None,
        estimate=True,
    )  # fmt: skip
