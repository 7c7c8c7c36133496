"""The forward pass, the lens and attribution against TransformerLens and, independently, Hugging Face's GPT-2."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from ioi_core import (
    ChoiceError,
    Model,
    PromptError,
    PromptPairs,
    attribute_heads,
    attribute_layers,
    estimate_patching,
    lens_tokens,
    logit_lens,
    patch_activations,
    predictions,
    run,
)
from tests.models.random_pairs import random_pairs
from tests.oracles.peers import oracle_gpt2

LENGTHS = [15, 9, 21, 15, 1, 2]


@pytest.fixture(params=[False, True], ids=["no_bos", "bos"])
def pairs(request: pytest.FixtureRequest) -> PromptPairs:
    return random_pairs(LENGTHS, bos=request.param)


def log_probs(logits: torch.Tensor | np.ndarray) -> np.ndarray:
    return torch.as_tensor(logits).log_softmax(-1).numpy()


def hf_log_probs(gpt2: torch.nn.Module, pairs: PromptPairs) -> np.ndarray:
    """Each row run alone and unpadded: padding cannot leak into the oracle."""
    with torch.no_grad():
        rows = [
            gpt2(torch.tensor(tokens[None, :length])).logits[0, -1]
            for tokens, length in zip(pairs.clean_tokens, pairs.lengths, strict=True)
        ]
    return log_probs(torch.stack(rows))


def logit_diffs(logits: np.ndarray, answers: np.ndarray) -> np.ndarray:
    rows = np.arange(len(answers))
    return logits[rows, answers[:, 0]] - logits[rows, answers[:, 1]]


def test_run_equals_hugging_face(small_model: Model, small_gpt2: torch.nn.Module, pairs: PromptPairs) -> None:
    ours = run(small_model, pairs.clean_tokens, pairs.roles["END"])
    theirs = hf_log_probs(small_gpt2, pairs)
    np.testing.assert_allclose(log_probs(ours), theirs, atol=1e-4)
    np.testing.assert_allclose(logit_diffs(ours, pairs.answers), logit_diffs(theirs, pairs.answers), atol=1e-4)


def test_run_equals_transformer_lens(small_model: Model, small_bridge, pairs: PromptPairs) -> None:
    ours = run(small_model, pairs.clean_tokens, pairs.roles["END"])
    with torch.no_grad():
        theirs = small_bridge(torch.tensor(pairs.clean_tokens))
    theirs = theirs[torch.arange(len(pairs)), torch.tensor(pairs.roles["END"])]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)  # same processing, so the raw logits too


@pytest.mark.slow
def test_gpt2_shaped_model_equals_both_oracles(
    gpt2_shaped_model: Model, gpt2_shaped_folder: Path, gpt2_shaped_bridge
) -> None:
    pairs = random_pairs([15, 19, 12], bos=True)
    ours = run(gpt2_shaped_model, pairs.clean_tokens, pairs.roles["END"])
    np.testing.assert_allclose(log_probs(ours), hf_log_probs(oracle_gpt2(gpt2_shaped_folder), pairs), atol=1e-4)
    tokens, ends = torch.tensor(pairs.clean_tokens), torch.tensor(pairs.roles["END"])
    with torch.no_grad():
        logits, cache = gpt2_shaped_bridge.run_with_cache(tokens)
    np.testing.assert_allclose(log_probs(ours), log_probs(logits[torch.arange(3), ends]), atol=1e-4)
    check_attribution(gpt2_shaped_model, gpt2_shaped_bridge, cache, pairs)


def check_attribution(model: Model, bridge, cache, pairs: PromptPairs) -> None:
    """Lens, layers and heads against TransformerLens's ActivationCache, row by row at its own END."""
    lens = logit_lens(model, pairs)
    layers, heads = attribute_layers(model, pairs), attribute_heads(model, pairs)
    for row, (end, (io, s)) in enumerate(zip(pairs.roles["END"], pairs.answers, strict=True)):
        direction = bridge.W_U[:, io] - bridge.W_U[:, s]
        bias = float(bridge.b_U[io] - bridge.b_U[s])
        where = slice(int(end), int(end) + 1)
        stages, labels = cache.accumulated_resid(layer=-1, incl_mid=True, pos_slice=where, return_labels=True)
        stages = cache.apply_ln_to_stack(stages, layer=-1, pos_slice=where)[:, row, 0]
        np.testing.assert_allclose(lens.per_prompt[:, row], (stages @ direction).detach() + bias, atol=1e-4)
        assert list(lens.axes["stage"]) == list(labels)
        parts, part_labels = cache.decompose_resid(layer=-1, pos_slice=where, return_labels=True)
        parts = cache.apply_ln_to_stack(parts, layer=-1, pos_slice=where)[:, row, 0]
        assert list(layers.axes["component"]) == [*part_labels, "bias"]
        np.testing.assert_allclose(layers.per_prompt[:-1, row], (parts @ direction).detach(), atol=1e-4)
        np.testing.assert_allclose(layers.per_prompt[-1, row], bias, atol=1e-5)
        by_head = cache.stack_head_results(layer=-1, pos_slice=where)
        by_head = cache.apply_ln_to_stack(by_head, layer=-1, pos_slice=where)[:, row, 0]
        np.testing.assert_allclose(heads.per_prompt[..., row].ravel(), (by_head @ direction).detach(), atol=1e-4)


def test_attribution_equals_transformer_lens(small_model: Model, small_bridge, pairs: PromptPairs) -> None:
    with torch.no_grad():
        _, cache = small_bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
        check_attribution(small_model, small_bridge, cache, pairs)


def test_contributions_sum_to_logit_diff(small_model: Model, pairs: PromptPairs) -> None:
    logit_diff = logit_diffs(run(small_model, pairs.clean_tokens, pairs.roles["END"]), pairs.answers)
    layers, heads = attribute_layers(small_model, pairs), attribute_heads(small_model, pairs)
    np.testing.assert_allclose(layers.per_prompt.sum(0), logit_diff, atol=1e-4)
    attention = [label.endswith("attn_out") for label in layers.axes["component"]]
    np.testing.assert_allclose(heads.per_prompt.sum(1) + heads.bias_per_prompt, layers.per_prompt[attention], atol=1e-4)
    assert np.abs(heads.bias).min() > 1e-4, "the random b_O must matter, or this test shows nothing about it"
    assert abs(layers.values[-1]) > 1e-4, "the random b_U must matter"
    np.testing.assert_allclose(layers.values, layers.per_prompt.mean(1), atol=1e-6)


@pytest.mark.parametrize("scale", ["final", "per_layer"])
def test_last_lens_stage_is_the_model(small_model: Model, pairs: PromptPairs, scale: str) -> None:
    logit_diff = logit_diffs(run(small_model, pairs.clean_tokens, pairs.roles["END"]), pairs.answers)
    lens = logit_lens(small_model, pairs, scale=scale)
    assert lens.values.shape == (9,)
    np.testing.assert_allclose(lens.per_prompt[-1], logit_diff, atol=1e-4)


def test_per_layer_lens_unembeds_each_stage(small_model: Model, small_bridge, pairs: PromptPairs) -> None:
    """The true logit lens: TransformerLens's own ln_final and unembedding on each accumulated residual."""
    lens = logit_lens(small_model, pairs, scale="per_layer")
    rows, ends = torch.arange(len(pairs)), torch.tensor(pairs.roles["END"])
    with torch.no_grad():
        _, cache = small_bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
        stages = cache.accumulated_resid(layer=-1, incl_mid=True)[:, rows, ends]
        for stage, resid in enumerate(stages):
            logits = small_bridge.unembed(small_bridge.ln_final(resid[:, None]))[:, 0].numpy()
            np.testing.assert_allclose(lens.per_prompt[stage], logit_diffs(logits, pairs.answers), atol=1e-4)


def test_lens_tokens_equal_an_unembedding_of_each_layer(small_model: Model, small_bridge, pairs: PromptPairs) -> None:
    track = pairs.answers
    lens = lens_tokens(small_model, pairs.clean_tokens, top_k=3, track=track)
    with torch.no_grad():
        _, cache = small_bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
        stages = [cache["resid_pre", layer] for layer in range(4)] + [cache["resid_post", 3]]
        for stage, resid in enumerate(stages):
            probs = small_bridge.unembed(small_bridge.ln_final(resid)).softmax(-1)
            for row, length in enumerate(pairs.lengths):
                top = probs[row, :length].topk(3)
                np.testing.assert_allclose(lens.probs[stage, row, :length], top.values, atol=1e-6)
                assert np.isnan(lens.probs[stage, row, length:]).all()
                picked = probs[row, :length][:, torch.tensor(track[row])]
                np.testing.assert_allclose(lens.track_probs[stage, row, :length], picked, atol=1e-6)
                order = probs[row, :length].argsort(-1, descending=True)
                got = np.take_along_axis(order.numpy(), lens.track_ranks[stage, row, :length], axis=1)
                by_rank = np.take_along_axis(probs[row, :length].numpy(), got, axis=1)
                np.testing.assert_allclose(by_rank, picked, rtol=1e-4, atol=1e-9)


def test_last_lens_row_is_the_models_output(small_model: Model, pairs: PromptPairs) -> None:
    lens = lens_tokens(small_model, pairs.clean_tokens, top_k=4)
    logits = torch.tensor(run(small_model, pairs.clean_tokens, pairs.roles["END"])).softmax(-1).topk(4)
    rows = np.arange(len(pairs))
    np.testing.assert_allclose(lens.probs[-1, rows, pairs.roles["END"]], logits.values, rtol=1e-4)
    np.testing.assert_array_equal(lens.ids[-1, rows, pairs.roles["END"]], logits.indices)


def test_predictions_equal_hugging_face(small_model: Model, small_gpt2: torch.nn.Module, pairs: PromptPairs) -> None:
    found = predictions(small_model, pairs, top_k=7)
    theirs = hf_log_probs(small_gpt2, pairs)
    np.testing.assert_allclose(found.clean_logit_diff, logit_diffs(theirs, pairs.answers), atol=1e-4)
    top = torch.tensor(theirs).topk(7)
    np.testing.assert_array_equal(found.top_ids[0], top.indices)
    np.testing.assert_allclose(found.top_probs[0], top.values.exp(), rtol=1e-3)
    of_io = np.take_along_axis(theirs, pairs.answers[:, :1], 1)
    best, worst = ((theirs > of_io + rounding).sum(1) for rounding in (1e-5, -1e-5))  # neighbours 1e-5 apart may swap
    assert (worst - best < 10).all()
    assert ((best <= found.answer_ranks[0, :, 0]) & (found.answer_ranks[0, :, 0] <= worst)).all()


def test_padding_changes_nothing(small_model: Model) -> None:
    pairs = random_pairs([7, 30])
    alone = run(small_model, pairs.clean_tokens[:1, :7], pairs.roles["END"][:1])
    np.testing.assert_allclose(run(small_model, pairs.clean_tokens, pairs.roles["END"])[:1], alone, atol=1e-5)


def test_many_rows_run_in_chunks(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = random_pairs([5, 8, 6, 7, 8, 3, 4])
    whole = (
        logit_lens(small_model, pairs),
        attribute_heads(small_model, pairs),
        lens_tokens(small_model, pairs.clean_tokens),
    )
    monkeypatch.setattr("ioi_core.engine.tensors.TOKENS_PER_CHUNK", 16)
    told: list[tuple[int, int]] = []
    parts = (
        logit_lens(small_model, pairs, progress=lambda done, total: told.append((done, total))),
        attribute_heads(small_model, pairs),
        lens_tokens(small_model, pairs.clean_tokens),
    )
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-5)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_eight_threads_give_bitwise_the_single_thread_results(small_model: Model) -> None:
    batches = [random_pairs([15, 9, 12], seed=seed) for seed in range(5)]
    calls = [
        call
        for pairs in batches
        for call in (
            lambda p=pairs: run(small_model, p.clean_tokens, p.roles["END"]),
            lambda p=pairs: logit_lens(small_model, p).per_prompt,
            lambda p=pairs: attribute_layers(small_model, p).per_prompt,
            lambda p=pairs: attribute_heads(small_model, p).per_prompt,
            lambda p=pairs: lens_tokens(small_model, p.clean_tokens).probs,
            lambda p=pairs: patch_activations(small_model, p, "k", metric="logit_diff").per_prompt,
            lambda p=pairs: estimate_patching(small_model, p, "resid_pre", metric="logit_diff").per_prompt,
            lambda p=pairs: predictions(small_model, p).answer_probs,
        )
    ]
    alone = [call() for call in calls]

    def visitor(number: int) -> list[tuple[int, np.ndarray]]:
        order = np.random.default_rng(number).integers(0, len(calls), 50)
        return [(int(index), calls[index]()) for index in order]

    with ThreadPoolExecutor(8) as pool:
        results = [result for answers in pool.map(visitor, range(8)) for result in answers]
    assert len(results) == 400
    different = [index for index, found in results if found.tobytes() != alone[index].tobytes()]
    assert different == []


def test_an_exception_in_progress_cancels_and_leaves_the_model_unchanged(small_model: Model) -> None:
    pairs = random_pairs([9, 9])
    before = logit_lens(small_model, pairs).values.copy()

    class StopError(Exception):
        pass

    def stop(_done: int, _total: int) -> None:
        raise StopError

    for analysis in (logit_lens, attribute_layers, attribute_heads, predictions):
        with pytest.raises(StopError):
            analysis(small_model, pairs, progress=stop)
    np.testing.assert_array_equal(logit_lens(small_model, pairs).values, before)


@pytest.mark.parametrize(
    ("tokens", "positions", "message"),
    [
        ([[50257]], [0], "ids 50257 to 50257"),
        ([[-1, 5]], [0], "ids -1 to 5"),
        ([[1, 2]], [2], "rows have positions 0 to 1"),
        ([[1, 2]], [-3], "rows have positions 0 to 1"),
        ([[1, 2]], [0, 1], "one a row"),
        ([[1, 2, 3], [1, 2, 50256]], [2, 2], "position 2 of row 2 is padding: the row has 2 tokens"),
        ([[1] * 1025], [0], "reads at most 1024"),
        ([[]], [0], "at least one"),
    ],
)
def test_tokens_out_of_range_are_refused(
    small_model: Model, tokens: list[list[int]], positions: list[int], message: str
) -> None:
    with pytest.raises(PromptError, match=message):
        run(small_model, np.array(tokens, dtype=np.int64), np.array(positions))


def test_unknown_scale_is_refused(small_model: Model) -> None:
    with pytest.raises(ChoiceError, match="final or per_layer"):
        logit_lens(small_model, random_pairs([5]), scale="layerwise")
