"""Activation patching against TransformerLens, against Hugging Face's GPT-2 with hooks, and its own identities."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch
from transformer_lens import patching as tl_patching

from ioi_core import (
    ROLES,
    Direction,
    Model,
    PatchResult,
    PromptError,
    PromptPairs,
    arena_pairs,
    ioi_dataset,
    patch_activations,
    prompt_pairs,
    run,
)
from ioi_core.activation_patching.estimate import estimate_block
from ioi_core.activation_patching.exact import patch_cells
from ioi_core.activation_patching.grid import plan_request
from ioi_core.activation_patching.sites import HEAD_SITES, RESIDUAL_SITES
from ioi_core.engine.scoring import MetricError, Scale
from ioi_core.errors import ChoiceError, IOIError
from tests.models.bundled import INDUCTION, INHIBITION, NEGATIVE, SHAPE
from tests.models.random_pairs import PAIRS, random_pairs, with_roles
from tests.oracles.hooked_runs import HookedRuns, logit_diff

SITES = (*RESIDUAL_SITES, *HEAD_SITES)


@pytest.fixture(scope="module")
def hooked(small_bridge) -> Callable[[str, Direction], HookedRuns]:
    """Both runs of each kind of prompts, made once for all sites."""
    return cache(lambda kind, direction: HookedRuns(small_bridge, PAIRS[kind], direction))


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("site", RESIDUAL_SITES)
def test_residual_sites_equal_hooked_forwards(small_model: Model, hooked, site, kind, direction) -> None:
    pairs = PAIRS[kind]
    ours = patch_activations(small_model, pairs, site, direction=direction, metric="logit_diff")
    oracle = hooked(kind, direction)
    columns = list(ours.axes.items())[1]
    assert columns[0] == ("pos" if len(set(pairs.lengths)) == 1 else "role")
    where = [pairs.roles[label] if columns[0] == "role" else np.full(len(pairs), int(label)) for label in columns[1]]
    cells = [(None, [[int(pos)] for pos in positions]) for positions in where]
    for layer in range(4):
        theirs = oracle.patched_cells(site, layer, cells)
        np.testing.assert_allclose(ours.per_prompt[layer], theirs, atol=1e-4, err_msg=f"layer {layer}")


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("site", HEAD_SITES)
def test_head_sites_equal_hooked_forwards(small_model: Model, hooked, site, kind, direction) -> None:
    pairs = PAIRS[kind]
    oracle = hooked(kind, direction)
    everywhere = [list(range(length)) for length in pairs.lengths]
    patch = partial(patch_activations, small_model, pairs, site, direction=direction, metric="logit_diff")
    s2 = [[int(pos)] for pos in pairs.roles["S2"]]
    for positions, ours in ((everywhere, patch()), (s2, patch(positions="S2"))):
        for layer in range(4):
            theirs = oracle.patched_cells(site, layer, [(head, positions) for head in range(4)])
            np.testing.assert_allclose(ours.per_prompt[layer], theirs, atol=1e-4, err_msg=f"layer {layer}")


@pytest.mark.parametrize("site", HEAD_SITES)
def test_heads_by_position_are_the_single_positions(small_model: Model, small_bridge, site: str) -> None:
    pairs = with_roles(random_pairs([6, 6], differ_from=1))
    ours = patch_activations(small_model, pairs, site, positions="each", metric="logit_diff")
    assert ours.values.shape == (4, 4, 6)
    oracle = HookedRuns(small_bridge, pairs, Direction.DENOISING)
    for layer, head in itertools.product((0, 2, 3), (0, 3)):
        theirs = oracle.patched_cells(site, layer, [(head, [[pos]] * 2) for pos in range(6)])
        np.testing.assert_allclose(ours.per_prompt[layer, head], theirs, atol=1e-4)
    unequal = PAIRS["one token, unequal, bos"]
    by_role = patch_activations(small_model, unequal, site, positions="each", metric="logit_diff")
    assert list(by_role.axes) == ["layer", "head", "role"]
    one = patch_activations(small_model, unequal, site, positions="END", metric="logit_diff")
    np.testing.assert_allclose(by_role.values[..., -1], one.values, atol=1e-5)
    asked = patch_activations(small_model, pairs, site, positions="roles", metric="logit_diff")
    assert asked.axes["role"] == tuple(role for role in ROLES if role in pairs.roles)
    for n, role in enumerate(asked.axes["role"]):  # columns of the grid by position, prompt by prompt
        theirs = ours.per_prompt[..., pairs.roles[role], np.arange(len(pairs))]
        np.testing.assert_allclose(asked.per_prompt[..., n, :], theirs, atol=1e-5)


def tl_metric(pairs: PromptPairs, clean: float, corrupted: float):
    return lambda logits: (logit_diff(logits, pairs).mean() - corrupted) / (clean - corrupted)


TL_SITES = {
    "resid_pre": tl_patching.get_act_patch_resid_pre,
    "attn_out": tl_patching.get_act_patch_attn_out,
    "mlp_out": tl_patching.get_act_patch_mlp_out,
    "z": tl_patching.get_act_patch_attn_head_out_all_pos,
    "q": tl_patching.get_act_patch_attn_head_q_all_pos,
    "k": tl_patching.get_act_patch_attn_head_k_all_pos,
    "v": tl_patching.get_act_patch_attn_head_v_all_pos,
    "pattern": tl_patching.get_act_patch_attn_head_pattern_all_pos,
}


@pytest.mark.parametrize("site", TL_SITES)
def test_recovered_metric_equals_transformer_lens_patching(small_model: Model, small_bridge, site: str) -> None:
    """The library function itself, on prompts that differ in one token, as the notebooks use it."""
    pairs = PAIRS["one token, equal"]
    tokens = torch.tensor(pairs.corrupted_tokens)
    with torch.no_grad():
        logits, cache = small_bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
        clean, corrupted = (float(logit_diff(x, pairs).mean()) for x in (logits, small_bridge(tokens)))
        theirs = TL_SITES[site](small_bridge, tokens, cache, tl_metric(pairs, clean, corrupted))
    ours = patch_activations(small_model, pairs, site)
    assert (ours.metric, ours.unit) == ("logit_diff_recovered", "fraction")
    np.testing.assert_allclose(ours.values, theirs, atol=1e-4 / abs(clean - corrupted))
    np.testing.assert_allclose([ours.clean, ours.corrupted], [clean, corrupted], atol=1e-4)
    np.testing.assert_allclose(ours.per_prompt.mean(-1), ours.values, atol=1e-5)


def test_patching_the_last_residual_at_end_gives_the_source_run(small_model: Model) -> None:
    for pairs, direction in itertools.product(PAIRS.values(), Direction):
        result = patch_activations(small_model, pairs, "resid_post", direction=direction, metric="logit_diff")
        source = pairs.clean_tokens if direction is Direction.DENOISING else pairs.corrupted_tokens
        logits = run(small_model, source, pairs.roles["END"])
        rows = np.arange(len(pairs))
        expected = logits[rows, pairs.answers[:, 0]] - logits[rows, pairs.answers[:, 1]]
        np.testing.assert_allclose(result.per_prompt[-1, -1], expected, atol=1e-4)


@pytest.mark.parametrize("site", SITES)
def test_cells_that_cannot_change_are_exactly_the_baseline(small_model: Model, site: str) -> None:
    pairs = PAIRS["one token, equal"]  # they differ at position 4 of 9
    axis = {"positions": "each"}
    result = patch_activations(small_model, pairs, site, metric="logit_diff", **axis)
    baseline = patch_activations(small_model, pairs, "resid_pre", metric="logit_diff").per_prompt[0, 0]
    before = result.per_prompt[..., :4, :]
    assert (before == baseline).all()
    assert result.corrupted == pytest.approx(baseline.mean())
    assert (result.unpatched == baseline).all()
    for metric, direction in itertools.product(("logit_diff_recovered", "kl"), Direction):
        scaled = patch_activations(small_model, pairs, site, metric=metric, direction=direction, **axis)
        assert (scaled.effects[..., :4, :] == 0).all()
        assert (scaled.effects != 0).any()
    in_last_layer = result.per_prompt[-1][..., 4:8, :]
    if site in ("resid_pre", "k", "v"):
        assert (in_last_layer != baseline).any()
    else:
        assert (in_last_layer == baseline).all(), "after the last attention only END matters"
    if site in ("resid_pre", "q", "k", "v"):
        assert (result.per_prompt[0][..., 5:, :] == baseline).all(), "equal tokens embed equally"


def test_equal_prompts_change_nothing_and_recovery_is_undefined(small_model: Model) -> None:
    pairs = PAIRS["one token, unequal, bos"]
    same = replace(pairs, corrupted_tokens=pairs.clean_tokens)
    raw = patch_activations(small_model, same, "z", metric="logit_diff")
    assert (raw.per_prompt == raw.per_prompt[0, 0]).all()
    recovered = patch_activations(small_model, same, "z")
    assert np.isnan(recovered.values).all()
    assert "nothing to recover" in (recovered.undefined or "")


@pytest.mark.parametrize("metric", ["prob", "kl"])
def test_full_vocabulary_metrics_equal_hooked_forwards(small_model: Model, small_bridge, metric: str) -> None:
    pairs = PAIRS["one token, unequal, bos"]
    oracle = HookedRuns(small_bridge, pairs, Direction.DENOISING)
    name, rows, ends = "blocks.2.attn.hook_z", torch.arange(4), torch.tensor(pairs.roles["END"])

    def hook(activation: torch.Tensor, hook: object) -> torch.Tensor:
        activation = activation.clone()
        activation[:, :, 1] = oracle.cache[name][:, :, 1]
        return activation

    with torch.no_grad():
        patched = small_bridge.run_with_hooks(oracle.tokens, fwd_hooks=[(name, hook)])[rows, ends].log_softmax(-1)
        clean = small_bridge(torch.tensor(pairs.clean_tokens))[rows, ends].log_softmax(-1)
    if metric == "prob":
        theirs = patched[rows, torch.tensor(pairs.answers[:, 0])].exp()
    else:
        theirs = torch.nn.functional.kl_div(patched, clean, log_target=True, reduction="none").sum(-1)
    ours = patch_activations(small_model, pairs, "z", metric=metric)
    np.testing.assert_allclose(ours.per_prompt[2, 1], theirs, rtol=1e-3, atol=0 if metric == "prob" else 1e-6)
    assert theirs.max() > 1e-5, "or the tolerance above would let anything pass"
    assert ours.unit == {"prob": "probability", "kl": "nats"}[metric]
    assert (ours.clean == pytest.approx(0, abs=1e-6)) == (metric == "kl")


def test_a_small_memory_budget_changes_no_number(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = with_roles(random_pairs([24, 30, 18, 30, 30, 22] * 2, differ_from=3))
    whole = [patch_activations(small_model, pairs, site, metric="logit_diff") for site in ("resid_pre", "k")]
    chunked = []
    monkeypatch.setattr("ioi_core.engine.memory.memory_budget", lambda: 200_000)
    told: list[tuple[int, int]] = []
    for site in ("resid_pre", "k"):
        told.clear()
        chunked.append(
            patch_activations(small_model, pairs, site, metric="logit_diff", progress=lambda *a: told.append(a))
        )
        assert len(told) > 20
        assert told[-1][0] == told[-1][1], "progress ends at its total"
        assert [done for done, _ in told] == sorted(done for done, _ in told)
    for one, other in zip(whole, chunked, strict=True):
        np.testing.assert_allclose(one.per_prompt, other.per_prompt, atol=1e-5)


def test_prompts_do_not_influence_each_other(small_model: Model) -> None:
    pairs = PAIRS["from position 1 on, unequal, bos"]
    together = patch_activations(small_model, pairs, "v", metric="logit_diff")
    for row in range(len(pairs)):
        alone = pairs.take(slice(row, row + 1))
        alone = replace(
            alone,
            clean_tokens=alone.clean_tokens[:, : alone.lengths[0]],
            corrupted_tokens=alone.corrupted_tokens[:, : alone.lengths[0]],
        )
        one = patch_activations(small_model, alone, "v", metric="logit_diff")
        np.testing.assert_allclose(one.per_prompt[..., 0], together.per_prompt[..., row], atol=1e-5)


def test_fifty_prompts_on_the_bundled_tokenizer(small_model: Model, small_bridge) -> None:
    pairs = ioi_dataset(small_model, 50, corruption="abc", prepend_bos=False)
    ours = patch_activations(small_model, pairs, "z", metric="logit_diff")
    oracle = HookedRuns(small_bridge, pairs, Direction.DENOISING)
    theirs = oracle.patched("z", 1, 2, [list(range(length)) for length in pairs.lengths])
    np.testing.assert_allclose(ours.per_prompt[1, 2], theirs, atol=1e-4)


def test_rounding_between_the_runs_is_no_difference(demo_model: Model) -> None:
    """Identical prompts have nothing to recover, and nor have two runs that round differently."""
    for seed in range(5):
        pairs = ioi_dataset(demo_model, 1, corruption="ABB", seed=seed)
        assert patch_activations(demo_model, pairs, "z").undefined
    twins = ["The capital of France is", "The capital of Japan is"]
    pairs = prompt_pairs(demo_model, twins, twins[::-1], " Paris", " Rome")
    assert patch_activations(demo_model, pairs, "z").undefined, "the means are equal, prompt by prompt they are not"
    for size in (3, 30):
        clean = np.full(8, size, np.float32)
        rounded, changed = (clean * np.float32(1 - part) for part in (1e-6, 1e-3))
        assert Scale.of("logit_diff_recovered", clean, rounded).undefined
        assert not Scale.of("logit_diff_recovered", clean, changed).undefined


def test_bad_requests_say_what_is_allowed(small_model: Model) -> None:
    pairs = PAIRS["one prompt"]
    with pytest.raises(ChoiceError, match="resid_pre, resid_mid"):
        patch_activations(small_model, pairs, "head_out")
    with pytest.raises(ChoiceError, match="each, roles can"):
        patch_activations(small_model, pairs, "resid_pre", positions="all")
    with pytest.raises(ChoiceError, match="all, each, roles, IO"):
        patch_activations(small_model, pairs, "z", positions="S3")
    with pytest.raises(MetricError, match="logit_diff, logit_diff_recovered, prob, prob_diff, kl"):
        patch_activations(small_model, pairs, "z", metric="accuracy")
    with pytest.raises(ChoiceError, match="denoising or noising"):
        patch_activations(small_model, pairs, "z", direction="sideways")
    for wrong in ({"site": 3}, {"site": "z", "positions": 3}, {"site": "z", "direction": None}):
        with pytest.raises(ChoiceError):
            patch_activations(small_model, pairs, **wrong)
    with pytest.raises(PromptError, match="ids 0 to 50256"):
        patch_activations(small_model, replace(pairs, answers=np.array([[1, 50257]])), "z")
    with pytest.raises(PromptError, match="reads at most 1024"):
        patch_activations(small_model, random_pairs([1030]), "z")


def test_cancelling_leaves_the_next_result_as_it_was(small_model: Model) -> None:
    pairs = PAIRS["all tokens, equal"]
    before = patch_activations(small_model, pairs, "q", metric="logit_diff").per_prompt

    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise StopError

    with pytest.raises(StopError):
        patch_activations(small_model, pairs, "q", progress=stop)
    after = patch_activations(small_model, pairs, "q", metric="logit_diff").per_prompt
    np.testing.assert_array_equal(before, after)


def to_meta(model: Model) -> Model:
    """The same model with its weights on PyTorch's meta device: any tensor made elsewhere breaks a product."""
    weights = model.weights
    layers = tuple(
        replace(layer, **{name: tensor.to("meta") for name, tensor in vars(layer).items()}) for layer in weights.layers
    )
    rest = {name: tensor.to("meta") for name, tensor in vars(weights).items() if name != "layers"}
    return replace(model, device=torch.device("meta"), weights=replace(weights, layers=layers, **rest))


@pytest.mark.parametrize("metric", ["logit_diff", "prob", "kl"])
@pytest.mark.parametrize("site", SITES)
def test_everything_stays_on_the_models_device(small_model: Model, site: str, metric: str) -> None:
    pairs = PAIRS["from position 1 on, unequal, bos"]
    request = plan_request(small_model, pairs, site, Direction.NOISING, "each", metric)
    values, *_ = patch_cells(to_meta(small_model), pairs, request)
    assert values.device.type == "meta"
    assert values.shape == (4, 4 if site in HEAD_SITES else 1, 5, 4)
    estimated, *_ = estimate_block(to_meta(small_model), pairs, request)
    assert (estimated.device.type, estimated.shape) == ("meta", values.shape)


Cells = list[tuple[int, int | None]]
"""(layer, head); head None for a residual site."""


def check_sampled_cells(model: Model, oracle: HookedRuns, site: str, cells: Cells, atol: float = 1e-4) -> PatchResult:
    pairs = oracle.pairs
    ours = patch_activations(model, pairs, site, metric="logit_diff", positions=None)
    for layer, head in cells:
        if head is None:
            label = list(ours.axes.values())[1][-1]
            where = [[int(end)] for end in pairs.roles["END"]]
            assert label in ("END", str(pairs.roles["END"][0]))
            found = ours.per_prompt[layer, -1]
        else:
            where = [list(range(length)) for length in pairs.lengths]
            found = ours.per_prompt[layer, head]
        np.testing.assert_allclose(found, oracle.patched(site, layer, head, where), atol=atol)
    return ours


@pytest.mark.slow
def test_gpt2_shaped_model(gpt2_shaped_model: Model, gpt2_shaped_bridge) -> None:
    flipped = arena_pairs(gpt2_shaped_model).take(slice(0, 3))
    renamed = ioi_dataset(gpt2_shaped_model, 3, corruption="abc", prepend_bos=False)
    of_flipped, of_renamed = (
        HookedRuns(gpt2_shaped_bridge, pairs, Direction.DENOISING) for pairs in (flipped, renamed)
    )
    check_sampled_cells(gpt2_shaped_model, of_flipped, "q", [(0, 3), (7, 11)])
    check_sampled_cells(gpt2_shaped_model, of_flipped, "resid_pre", [(3, None), (11, None)])
    check_sampled_cells(gpt2_shaped_model, of_renamed, "z", [(0, 0), (7, 11), (11, 0)])


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("corruption", ["s2_flip", "abc"])
def test_bundled_model(demo_model: Model, demo_model_64: Model, demo_bridge, corruption: str, bos: bool) -> None:
    """Every prompt in float64, where two implementations agree to the last digits; the float32 means with those."""
    of_heads = [(head.layer, head.head) for head in (INDUCTION[0], INHIBITION[0], NEGATIVE[0])]
    of_layers = [(1, None), (SHAPE[0] - 1, None)]
    pairs = ioi_dataset(demo_model, 12, corruption=corruption, prepend_bos=bos)
    oracle = HookedRuns(demo_bridge, pairs, Direction.DENOISING)
    for site in SITES:
        cells = of_heads if site in HEAD_SITES else of_layers
        double = check_sampled_cells(demo_model_64, oracle, site, cells, atol=1e-8)
        single = patch_activations(demo_model, pairs, site, metric="logit_diff")
        np.testing.assert_allclose(single.values, double.values, atol=1e-4)


def test_two_hundred_prompts_within_a_small_budget(demo_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = ioi_dataset(demo_model, 200, corruption="abc")
    whole = patch_activations(demo_model, pairs, "z", metric="logit_diff")
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    small = patch_activations(demo_model, pairs, "z", metric="logit_diff")
    np.testing.assert_allclose(whole.per_prompt, small.per_prompt, atol=1e-4)


@pytest.mark.parametrize("text", ["0", "-5", "lots", "15", "1e3"])
def test_a_wrong_memory_setting_is_refused(small_model: Model, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", text)
    with pytest.raises(IOIError, match="at least 16"):
        patch_activations(small_model, PAIRS["one prompt"], "z")


def test_typed_prompts_of_another_task(small_model: Model) -> None:
    pairs = prompt_pairs(small_model, "The capital of France is", "The capital of Italy is", " Paris", " Rome")
    result = patch_activations(small_model, pairs, "resid_pre", metric="prob")
    assert result.values.shape == (4, 6)
    assert list(patch_activations(small_model, pairs, "z", positions="END").axes) == ["layer", "head"]
