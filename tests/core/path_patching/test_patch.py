"""Path patching against an independent appendix B, a model computed by hand, and its own identities."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ioi_core import (
    Direction,
    Head,
    HeadError,
    Model,
    PromptError,
    PromptPairs,
    arena_pairs,
    ioi_dataset,
    load_model,
    patch_activations,
    patch_paths,
    run,
)
from ioi_core.engine.recording import first_difference, record, record_source, swap_if_denoising
from ioi_core.engine.scoring import MetricError
from ioi_core.errors import ChoiceError, IOIError
from ioi_core.path_patching.edges import Paths, to_end
from ioi_core.path_patching.patch import patch_senders, path_groups, plan
from tests.models.bundled import BACKUP, INHIBITION, MOVERS, NEGATIVE
from tests.models.micro import A, B, C, D, E, micro_model, micro_pairs
from tests.models.random_gpt2 import save_random_gpt2
from tests.models.random_pairs import PAIRS, random_pairs
from tests.oracles.appendix_b import AppendixB
from tests.oracles.peers import oracle_bridge

RECEIVERS: dict[str, tuple[list[Head], str]] = {
    "logits": ([], "q"),
    "q of one head": ([Head(2, 1)], "q"),
    "q of heads in two layers": ([Head(3, 2), Head(1, 0), Head(3, 0)], "q"),
    "k of heads in three layers": ([Head(1, 3), Head(2, 2), Head(3, 1)], "k"),
    "v of heads in two layers": ([Head(2, 0), Head(2, 3), Head(1, 1)], "v"),
}


OF_THE_BUNDLED_MODEL: dict[str, tuple[list[Head], str]] = {
    "logits": ([], "q"),
    "q of the name movers": ([*MOVERS, *BACKUP], "q"),
    "k of the negative name mover": ([*NEGATIVE], "k"),
    "v of the S-inhibition heads": ([*INHIBITION], "v"),
}


def check_against_appendix_b(model: Model, bridge, pairs: PromptPairs, receivers: str, atol: float, **options) -> None:
    heads, name = (RECEIVERS | OF_THE_BUNDLED_MODEL)[receivers]
    direction = options.pop("direction", Direction.NOISING)
    ours = patch_paths(
        model,
        pairs,
        heads or "logits",
        receiver_input=name,
        direction=direction,
        metric="logit_diff",
        sender_position=options.get("position", "all"),
        through_mlps=options.get("through_mlps", True),
    )
    oracle = AppendixB(bridge, pairs, direction)
    last = max((head.layer for head in heads), default=model.cfg.n_layers)
    assert np.isnan(ours.values[last:]).all()
    assert np.isnan(ours.mlp_values[last:]).all()
    for layer in range(last):
        senders = [*(Head(layer, head) for head in range(model.cfg.n_heads)), layer]
        *theirs, of_mlp = oracle.logit_diffs(senders, heads, name, **options)
        np.testing.assert_allclose(ours.per_prompt[layer], torch.stack(theirs), atol=atol, err_msg=f"layer {layer}")
        np.testing.assert_allclose(ours.mlp_per_prompt[layer], of_mlp, atol=atol, err_msg=f"MLP {layer}")


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("receivers", RECEIVERS)
def test_every_kind_of_prompts_equals_appendix_b(small_model: Model, small_bridge, receivers, kind, direction) -> None:
    check_against_appendix_b(small_model, small_bridge, PAIRS[kind], receivers, 1e-4, direction=direction)


@pytest.mark.parametrize("through_mlps", [True, False])
@pytest.mark.parametrize("position", ["all", "S2", "END"])
@pytest.mark.parametrize("receivers", RECEIVERS)
def test_positions_and_frozen_mlps_equal_appendix_b(
    small_model: Model, small_bridge, receivers: str, position: str, through_mlps: bool
) -> None:
    pairs = PAIRS["from position 1 on, unequal, bos"]
    options = {"position": position, "through_mlps": through_mlps}
    check_against_appendix_b(small_model, small_bridge, pairs, receivers, 1e-4, **options)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_other_random_models_equal_appendix_b(tmp_path: Path, seed: int) -> None:
    folder = save_random_gpt2(tmp_path, 4, 32, 4, seed=seed)
    model, bridge = load_model(str(folder)), oracle_bridge(folder)
    for receivers in RECEIVERS:
        pairs = random_pairs([7, 10, 8], seed=seed, bos=seed % 2 == 0, differ_from=2)
        check_against_appendix_b(model, bridge, pairs, receivers, 1e-4)


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("corruption", ["s2_flip", "abc"])
def test_bundled_model_equals_appendix_b(demo_model_64: Model, demo_bridge, corruption: str, bos: bool) -> None:
    """In float64, where two implementations agree to the last digits; into the heads that the answer goes through."""
    pairs = ioi_dataset(demo_model_64, 6, corruption=corruption, prepend_bos=bos)
    assert len(set(pairs.lengths.tolist())) > 1
    for receivers in OF_THE_BUNDLED_MODEL:
        check_against_appendix_b(demo_model_64, demo_bridge, pairs, receivers, 1e-8)


@pytest.mark.slow
def test_gpt2_shaped_model_equals_appendix_b(gpt2_shaped_model: Model, gpt2_shaped_bridge) -> None:
    """A seeded sample of senders into the receivers that the paper uses."""
    rng = np.random.default_rng(0)
    pairs = arena_pairs(gpt2_shaped_model).take(slice(0, 2))
    oracle = AppendixB(gpt2_shaped_bridge, pairs, Direction.NOISING)
    for heads, name in (
        ([], "q"),
        ([Head(9, 9), Head(9, 6), Head(10, 0)], "q"),
        ([Head(7, 3), Head(7, 9), Head(8, 6), Head(8, 10)], "v"),
        ([Head(5, 5), Head(6, 9)], "k"),
    ):
        ours = patch_paths(gpt2_shaped_model, pairs, heads or "logits", receiver_input=name, metric="logit_diff")
        last = max((head.layer for head in heads), default=12)
        for _ in range(4):
            layer, head = int(rng.integers(last)), int(rng.integers(12))
            theirs = oracle.logit_diff(Head(layer, head), heads, name)
            np.testing.assert_allclose(ours.per_prompt[layer, head], theirs, atol=1e-4, err_msg=f"{layer}.{head}")
        theirs = oracle.logit_diff(last - 1, heads, name)
        np.testing.assert_allclose(ours.mlp_per_prompt[last - 1], theirs, atol=1e-4)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# Clean tokens 1 2, corrupted 1 5: the mean of "token" at END is 1.5 and 3, and 1 at the first position in both.
CLEAN = (A + B) * 1.5 * (1 + C) + D * C * (A + B) * (1 + 1.5) / 2 + 1 + sigmoid(E * (A + B) * 1.5)
BY_HAND: dict[tuple[str, bool], list[float]] = {  # (receiver, through MLPs) -> effects of 0.0, 0.1, MLP 0
    ("logits", True): [A * 1.5 * (1 + C), B * 1.5 * (1 + C), (A + B) * 1.5 * C],
    ("logits", False): [A * 1.5, B * 1.5, (A + B) * 1.5 * C],
    ("1.0 v", True): [D * C * A * 1.5 / 2, D * C * B * 1.5 / 2, D * C * (A + B) * 1.5 / 2],
    ("1.0 v", False): [0, 0, D * C * (A + B) * 1.5 / 2],
    ("1.0 q", True): [0, 0, 0],
    ("1.1 q", True): [sigmoid(E * 1.5 * (A + B + x)) - sigmoid(E * 1.5 * (A + B)) for x in (A, B, 0)],
    ("1.1 k", True): [0, 0, 0],
    ("1.1 v", True): [0, 0, 0],
}


@pytest.mark.parametrize(("receiver", "through_mlps"), BY_HAND)
def test_micro_model_by_hand(demo_model: Model, receiver: str, through_mlps: bool) -> None:
    model, pairs = micro_model(demo_model), micro_pairs()
    head, _, name = receiver.partition(" ")
    chosen = "logits" if receiver == "logits" else [Head.parse(head)]
    result = patch_paths(
        model, pairs, chosen, receiver_input=name or "q", metric="logit_diff", through_mlps=through_mlps
    )
    assert result.clean == pytest.approx(CLEAN, abs=1e-6)
    effects = [*(result.values[0] - CLEAN), result.mlp_values[0] - CLEAN]
    np.testing.assert_allclose(effects, BY_HAND[receiver, through_mlps], atol=1e-6)


@pytest.mark.parametrize("direction", Direction)
def test_all_paths_of_the_last_layer_are_the_total_effect(small_model: Model, direction: Direction) -> None:
    """No head stands above the last layer: its direct effect and its total effect are the same intervention."""
    for pairs in PAIRS.values():
        paths = patch_paths(small_model, pairs, direction=direction, metric="logit_diff")
        heads = patch_activations(small_model, pairs, "z", direction=direction, metric="logit_diff")
        np.testing.assert_allclose(paths.per_prompt[-1], heads.per_prompt[-1], atol=1e-4)
        options = {"direction": direction, "metric": "logit_diff"}
        mlps = patch_activations(small_model, pairs, "mlp_out", positions="roles", **options)
        np.testing.assert_allclose(paths.mlp_per_prompt[-1], mlps.per_prompt[-1, -1], atol=1e-4)


def test_all_paths_into_the_one_head_above_are_the_total_effect(demo_model: Model) -> None:
    """In the micro model only 1.0 v, 1.1 q and the logits read layer 0, and their effects add up."""
    model, pairs = micro_model(demo_model), micro_pairs()
    total = patch_activations(model, pairs, "z", direction=Direction.NOISING, metric="logit_diff")
    parts = [
        patch_paths(model, pairs, [head], receiver_input=name, metric="logit_diff").values[0] - CLEAN
        for head, name in ((Head(1, 0), "v"), (Head(1, 1), "q"))
    ]
    direct = patch_paths(model, pairs, metric="logit_diff").values[0] - CLEAN
    np.testing.assert_allclose(direct + sum(parts), total.values[0] - CLEAN, atol=1e-6)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("rows", [slice(None), slice(7)])
def test_twins_among_the_prompts_are_not_run_again(small_model: Model, direction: Direction, rows: slice) -> None:
    """All eight prompts are each other's twins; without the last one, one twin is missing and all are run."""
    pairs = arena_pairs(small_model).take(rows)
    tokens = swap_if_denoising(direction, pairs.clean_tokens, pairs.corrupted_tokens)
    receives, gives = (torch.tensor(of_run) for of_run in tokens)
    names, start = ("z", "mlp_out", "resid_post"), first_difference(pairs)
    with torch.inference_mode():
        base = record(small_model, receives, ("k", "v", *names))
        source = record_source(small_model, pairs, direction, names, base)
        expected = record(small_model, gives, names)
    for found, layer, own in zip(source, expected, base, strict=True):
        assert found.keys() == set(names)
        assert bool(found["z"][:, :start].isnan().all()) == (len(pairs) == 7), "what was not run must not be read"
        for name in names:
            torch.testing.assert_close(found[name][:, start:], layer[name][:, start:], atol=1e-5, rtol=0)
            assert not torch.allclose(found[name][:, start:], own[name][:, start:], atol=1e-3)


def test_equal_prompts_give_exactly_the_baseline(small_model: Model) -> None:
    pairs = PAIRS["one token, unequal, bos"]
    same = replace(pairs, corrupted_tokens=pairs.clean_tokens)
    logits, rows = run(small_model, pairs.clean_tokens, pairs.roles["END"]), np.arange(len(pairs))
    expected = logits[rows, pairs.answers[:, 0]] - logits[rows, pairs.answers[:, 1]]
    for heads, name in RECEIVERS.values():
        result = patch_paths(small_model, same, heads or "logits", receiver_input=name, metric="logit_diff")
        defined = result.per_prompt[~np.isnan(result.values)]
        assert (defined == result.unpatched).all()
        np.testing.assert_allclose(result.unpatched, expected, atol=1e-4)


def test_freezing_everything_and_patching_nothing_gives_the_baseline(small_model: Model) -> None:
    """Senders that send the base run's own output, into every kind of receiver."""
    pairs, largest = PAIRS["from position 1 on, unequal, bos"], 0.0
    ends = pairs.roles["END"]
    with torch.inference_mode():
        paths = Paths.record(small_model, pairs, Direction.NOISING, through_mlps=True, include_mlps=True)
        silent, base = replace(paths, source=paths.base), paths.base[-1]["resid_post"]
        for position, (heads, name) in itertools.product(("all", "S2"), list(RECEIVERS.values())[1:]):
            receivers = {
                layer: [h.head for h in heads if h.layer == layer] for layer in sorted({h.layer for h in heads})
            }
            groups = path_groups(pairs, position, max(receivers))
            assert groups
            for group in groups:
                expected = base[list(group.prompts), group.end][:, None]
                changed, unchanged = (to_end(some, name, receivers, group) for some in (paths, silent))
                torch.testing.assert_close(unchanged, expected.expand_as(unchanged), atol=1e-4, rtol=0)
                largest = max(largest, float((changed - expected).abs().max()))
        assert largest > 0.1
        *_, final = silent.residuals(range(len(pairs)), ends[:, None], range(4))
        expected = base[range(len(pairs)), list(ends)][:, None]
        torch.testing.assert_close(final[:, :, 0], expected.expand_as(final[:, :, 0]), atol=1e-4, rtol=0)


def test_a_sender_elsewhere_has_no_path_to_the_logits(small_model: Model) -> None:
    pairs = PAIRS["from position 1 on, unequal, bos"]
    elsewhere = pairs.roles["END"] - [1, 0, 1, 1]  # in the second prompt the role stands at END itself
    result = patch_paths(small_model, replace(pairs, roles=pairs.roles | {"S2": elsewhere}), sender_position="S2")
    whole, at_end = (patch_paths(small_model, pairs, sender_position=where) for where in ("all", "END"))
    np.testing.assert_array_equal(whole.values, at_end.values)
    np.testing.assert_allclose(result.effects[..., 1], whole.effects[..., 1], atol=1e-5)
    assert (result.effects[..., [0, 2, 3]] == 0).all()


METRICS: dict[str, Callable[[np.ndarray, float, float], np.ndarray]] = {
    "logit_diff": lambda raw, clean, corrupted: raw,
    "logit_diff_change": lambda raw, clean, corrupted: (raw - clean) / (clean - corrupted),
    "percent_of_clean": lambda raw, clean, corrupted: 100 * (raw - clean) / clean,
    "logit_diff_recovered": lambda raw, clean, corrupted: (raw - corrupted) / (clean - corrupted),
}


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_ratios_of_means(demo_model: Model, metric: str, direction: Direction) -> None:
    pairs = arena_pairs(demo_model)
    raw = patch_paths(demo_model, pairs, direction=direction, metric="logit_diff")
    ours = patch_paths(demo_model, pairs, direction=direction, metric=metric)
    expected = METRICS[metric](raw.values, raw.clean, raw.corrupted)
    np.testing.assert_allclose(ours.values, expected, atol=1e-4 * max(1, np.abs(expected).max()))
    np.testing.assert_allclose(ours.per_prompt.mean(-1), ours.values, atol=1e-4)
    base = raw.clean if direction is Direction.NOISING else raw.corrupted
    unpatched = METRICS[metric](np.array(base), raw.clean, raw.corrupted)
    assert ours.unpatched.mean() == pytest.approx(float(unpatched), abs=1e-5)
    assert (ours.clean, ours.corrupted) == (raw.clean, raw.corrupted)
    assert ours.gaps is None if metric == "logit_diff" else ours.gaps.mean() == pytest.approx(1, abs=1e-5)


def test_metrics_without_a_scale_are_undefined(small_model: Model) -> None:
    pairs = PAIRS["one prompt"]
    same = replace(pairs, corrupted_tokens=pairs.clean_tokens)
    result = patch_paths(small_model, same)
    assert np.isnan(result.values).all()
    assert np.isnan(result.mlp_values).all()
    assert "nothing to recover" in result.undefined
    tie = replace(pairs, answers=pairs.answers[:, [0, 0]])
    result = patch_paths(small_model, tie, metric="percent_of_clean")
    assert np.isnan(result.values).all()
    assert "no per cent" in result.undefined


def test_no_path_is_nan_and_said(small_model: Model) -> None:
    result = patch_paths(small_model, PAIRS["all tokens, equal"], [Head(2, 0), Head(1, 3)])
    assert np.isnan(result.values).tolist() == [[layer >= 2] * 4 for layer in range(4)]
    assert np.isnan(result.mlp_values).tolist() == [False, False, True, True]
    assert result.undefined == "senders in layer 2 and above have no path to any receiver"
    assert result.receivers == (Head(1, 3), Head(2, 0))
    assert not np.isnan(patch_paths(small_model, PAIRS["all tokens, equal"]).values).any()
    lowest = patch_paths(small_model, PAIRS["all tokens, equal"], [Head(0, 0)])
    assert np.isnan(lowest.values).all()


def test_mlps_can_be_left_out(small_model: Model) -> None:
    pairs = PAIRS["all tokens, equal"]
    for receivers in ("logits", [Head(3, 0)]):
        with_mlps, without = (patch_paths(small_model, pairs, receivers, include_mlps=x) for x in (True, False))
        assert without.mlp_values is None
        np.testing.assert_allclose(without.values, with_mlps.values, atol=1e-5)


def test_a_small_memory_budget_changes_no_number(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = random_pairs([30, 44, 30, 37] * 4, differ_from=1)
    results = []
    for megabytes in ("1024", "16"):
        monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", megabytes)
        chosen = [(heads or "logits", name) for heads, name in RECEIVERS.values()]
        results.append([patch_paths(small_model, pairs, heads, receiver_input=name) for heads, name in chosen])
    for whole, cut in zip(*results, strict=True):
        np.testing.assert_allclose(cut.per_prompt, whole.per_prompt, atol=1e-4)
        np.testing.assert_allclose(cut.mlp_per_prompt, whole.mlp_per_prompt, atol=1e-4)


def test_progress_ends_at_its_total_and_cancelling_leaves_nothing(small_model: Model) -> None:
    pairs = PAIRS["from position 1 on, unequal, bos"]
    for heads, name in RECEIVERS.values():
        seen: list[tuple[int, int]] = []
        before = patch_paths(
            small_model, pairs, heads or "logits", receiver_input=name, progress=lambda *x, seen=seen: seen.append(x)
        )
        assert seen == sorted(seen)
        assert seen[-1][0] == seen[-1][1] > 0
        assert {total for _, total in seen} == {seen[-1][1]}

        def stop(done: int, total: int) -> None:
            if 3 * done > total:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            patch_paths(small_model, pairs, heads or "logits", receiver_input=name, progress=stop)
        after = patch_paths(small_model, pairs, heads or "logits", receiver_input=name)
        np.testing.assert_array_equal(before.values, after.values)


def test_bad_requests_say_what_is_allowed(small_model: Model) -> None:
    pairs = PAIRS["one token, equal"]
    cases: list[tuple[dict[str, object], type[IOIError], str]] = [
        ({"receivers": []}, HeadError, "at least one head"),
        ({"receivers": "output"}, HeadError, 'receivers are "logits" or heads: .output. is not a head'),
        ({"receivers": ["9.9"]}, HeadError, "head 9.9 does not exist"),
        ({"receivers": [Head(4, 0)]}, HeadError, "heads 0-3 in layers 0-3"),
        ({"receivers": 7}, HeadError, "heads are wanted, got 7"),
        ({"receiver_input": "z"}, ChoiceError, "use q, k or v"),
        ({"receiver_input": None}, ChoiceError, "use q, k or v"),
        ({"sender_position": "S3"}, ChoiceError, "all, "),
        ({"direction": "sideways"}, ChoiceError, "denoising or noising"),
        ({"metric": "prob"}, MetricError, "logit_diff_change"),
        ({"metric": ["logit_diff"]}, MetricError, "logit_diff_change"),
    ]
    for options, error, says in cases:
        with pytest.raises(error, match=says):
            patch_paths(small_model, pairs, **options)
    with pytest.raises(PromptError):
        patch_paths(small_model, replace(pairs, clean_tokens=pairs.clean_tokens + 50000))


def test_everything_stays_on_the_models_device(small_model: Model) -> None:
    """PyTorch's `meta` device refuses to mix with the CPU: what forgets the device fails here without a GPU."""
    weights = small_model.weights
    meta = replace(
        small_model,
        device=torch.device("meta"),
        weights=replace(
            weights,
            **{name: getattr(weights, name).to("meta") for name in ("W_E", "W_pos", "W_U", "b_U")},
            layers=tuple(
                replace(layer, **{name: weight.to("meta") for name, weight in vars(layer).items()})
                for layer in weights.layers
            ),
        ),
    )
    pairs = PAIRS["from position 1 on, unequal, bos"]
    for (heads, name), position in itertools.product(RECEIVERS.values(), ("all", "S2")):
        request = plan(meta, pairs, heads or "logits", name, position, "noising", "logit_diff", True, True)
        with torch.inference_mode():
            values, *_ = patch_senders(meta, pairs, request, None)
        assert values.device.type == "meta"


@pytest.mark.gpt2
def test_signs_of_the_published_figures(gpt2: Model) -> None:
    """Wang et al. figures 3 and 5, ARENA's 25 prompts: percentages were published as colours only, signs are clear."""
    from ioi_core import arena25_pairs

    pairs = arena25_pairs(gpt2)
    direct = patch_paths(gpt2, pairs).values
    assert all(direct[layer, head] < -0.02 for layer, head in ((9, 9), (9, 6), (10, 0)))
    assert all(direct[layer, head] > 0.02 for layer, head in ((10, 7), (11, 10)))
    name_movers = [Head(9, 9), Head(9, 6), Head(10, 0)]
    queries = patch_paths(gpt2, pairs, name_movers, receiver_input="q").values
    assert all(queries[layer, head] < -0.01 for layer, head in ((7, 3), (7, 9), (8, 6), (8, 10)))
    s_inhibition = [Head(7, 3), Head(7, 9), Head(8, 6), Head(8, 10)]
    values = patch_paths(gpt2, pairs, s_inhibition, receiver_input="v").values
    strongest = np.argsort(values, axis=None)[:8]
    assert sum(divmod(int(n), 12) in {(0, 1), (3, 0), (5, 5), (6, 9)} for n in strongest) >= 3
    induction = patch_paths(gpt2, pairs, [Head(5, 5), Head(6, 9)], receiver_input="k").values
    strongest = np.argsort(induction, axis=None)[:6]
    assert sum(divmod(int(n), 12) in {(2, 2), (4, 11)} for n in strongest) == 2
