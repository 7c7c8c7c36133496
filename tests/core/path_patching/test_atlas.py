"""The edge atlas against TransformerLens's own, an independent appendix B, and path patching edge by edge."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformer_lens import patching as tl_patching

from ioi_core import Direction, Head, Model, arena_pairs, edge_atlas, patch_paths
from ioi_core.errors import IOIError
from tests.models.random_pairs import PAIRS, random_pairs
from tests.oracles.appendix_b import AppendixB
from tests.oracles.hooked_runs import logit_diff

EDGES = [((0, 1), (1, 0)), ((0, 3), (3, 2)), ((1, 2), (2, 3)), ((2, 0), (3, 1)), ((1, 1), (3, 3))]


@pytest.mark.parametrize("receiver_input", ["q", "k", "v"])
def test_equals_transformer_lens(small_model: Model, small_bridge, receiver_input: str) -> None:
    pairs = random_pairs([7, 7], differ_from=2)
    clean, corrupted = torch.tensor(pairs.clean_tokens), torch.tensor(pairs.corrupted_tokens)
    with torch.no_grad():
        caches = [small_bridge.run_with_cache(tokens)[1] for tokens in (clean, corrupted)]
        theirs = tl_patching.get_act_patch_direct_path_all_sources(
            small_bridge, corrupted, *caches, lambda logits: logit_diff(logits, pairs).mean(), receiver_input, False
        ).numpy()
    ours = edge_atlas(small_model, pairs, receiver_input, direction=Direction.DENOISING, through_mlps=False)
    defined = ~np.isnan(ours.values)
    assert defined.sum() == 6 * 16
    np.testing.assert_allclose(ours.values[defined], theirs[defined], atol=1e-4)
    assert (theirs[~defined] == 0).all()
    assert np.abs(ours.effects[defined]).max() > 0.01


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("receiver_input", ["q", "k", "v"])
def test_edges_equal_appendix_b(small_model: Model, small_bridge, receiver_input: str, direction: Direction) -> None:
    pairs = PAIRS["from position 1 on, unequal, bos"]
    ours = edge_atlas(small_model, pairs, receiver_input, direction=direction)
    oracle = AppendixB(small_bridge, pairs, direction)
    for sender, receiver in EDGES:
        theirs = oracle.logit_diff(Head(*sender), [Head(*receiver)], receiver_input)
        np.testing.assert_allclose(ours.per_prompt[*sender, *receiver], theirs, atol=1e-4)


@pytest.mark.parametrize("metric", ["logit_diff", "logit_diff_change", "percent_of_clean", "logit_diff_recovered"])
def test_every_edge_is_path_patchings(demo_model_64: Model, metric: str) -> None:
    pairs = arena_pairs(demo_model_64)
    atlas = edge_atlas(demo_model_64, pairs, "k", metric=metric)
    for head in demo_model_64.heads:
        one = patch_paths(demo_model_64, pairs, [head], receiver_input="k", metric=metric)
        np.testing.assert_allclose(atlas.values[:, :, head.layer, head.head], one.values, atol=1e-7)
    np.testing.assert_array_equal(atlas.unpatched, one.unpatched)


def test_axes_and_what_has_no_path(small_model: Model) -> None:
    atlas = edge_atlas(small_model, PAIRS["one token, unequal, bos"])
    assert list(atlas.axes) == ["sender_layer", "sender_head", "receiver_layer", "receiver_head"]
    for sender, receiver in itertools.product(range(4), range(4)):
        assert np.isnan(atlas.values[sender, :, receiver]).all() == (receiver <= sender)
    assert len(atlas.to_frame()) == 256
    assert "no path" in atlas.undefined


def test_equal_prompts_change_nothing(small_model: Model) -> None:
    pairs = PAIRS["one token, equal"]
    atlas = edge_atlas(small_model, replace(pairs, corrupted_tokens=pairs.clean_tokens))
    defined = ~np.isnan(atlas.values)
    assert (atlas.effects[defined] == 0).all()
    assert defined.sum() == 6 * 16


def test_small_budget_and_blocks_change_no_number(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = random_pairs([30, 44, 30, 37] * 2, differ_from=1)
    whole = edge_atlas(small_model, pairs, "v")
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    parts: dict[str, np.ndarray] = {}
    np.testing.assert_allclose(edge_atlas(small_model, pairs, "v", parts=parts).values, whole.values, atol=1e-4)
    assert len({name.split(" positions")[0] for name in parts}) > 3, "prompts of one length were cut"


def test_a_cancelled_atlas_is_resumed(small_model: Model) -> None:
    """What was finished is kept, nothing of it is computed again, and the numbers are those of one go."""
    pairs = PAIRS["from position 1 on, unequal, bos"]
    whole, parts = edge_atlas(small_model, pairs), {}

    def stop(done: int, total: int) -> None:
        if 2 * done > total:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        edge_atlas(small_model, pairs, progress=stop, parts=parts)
    kept = dict(parts)
    assert kept
    told: list[tuple[int, int]] = []
    resumed = edge_atlas(small_model, pairs, progress=lambda *x: told.append(x), parts=parts)
    np.testing.assert_array_equal(resumed.values, whole.values)
    assert all(parts[name] is part for name, part in kept.items())
    assert len(parts) > len(kept)
    assert told[-1][0] == told[-1][1]
    marked = {name: np.full_like(part, 7.0) for name, part in parts.items()}
    from_parts = edge_atlas(small_model, pairs, parts=marked)
    assert (from_parts.values[~np.isnan(from_parts.values)] == 7).all()


@pytest.mark.parametrize("damage", [lambda part: part[:-1], lambda part: part * np.nan])
def test_a_damaged_part_is_computed_again(small_model: Model, damage) -> None:
    pairs, parts = PAIRS["one token, equal"], {}
    whole = edge_atlas(small_model, pairs, parts=parts)
    name = next(iter(parts))
    parts[name] = damage(parts[name])
    np.testing.assert_array_equal(edge_atlas(small_model, pairs, parts=parts).values, whole.values)


def test_bad_requests_say_what_is_allowed(small_model: Model) -> None:
    pairs = PAIRS["one token, equal"]
    for options, says in (
        ({"receiver_input": "z"}, "use q, k or v"),
        ({"direction": "up"}, "denoising or noising"),
        ({"metric": "kl"}, "logit_diff_change"),
    ):
        with pytest.raises(IOIError, match=says):
            edge_atlas(small_model, pairs, **options)
