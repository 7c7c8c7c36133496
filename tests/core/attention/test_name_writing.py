"""Attention against output: by TransformerLens's cache prompt by prompt, by its own identity, and by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ioi_core import Model, PromptError, PromptPairs, attention_and_writing, attribute_heads, ioi_dataset
from ioi_core.attention.name_writing import PLACES
from tests.models.hand_made import copying, looking_back
from tests.models.random_pairs import random_pairs


@torch.no_grad()
def by_transformer_lens(bridge, pairs: PromptPairs) -> tuple[np.ndarray, np.ndarray]:
    """[name layer head batch] attention and writing, every prompt by itself and without padding."""
    attention, written = [], []
    for row, length in enumerate(pairs.lengths):
        _, cache = bridge.run_with_cache(torch.tensor(pairs.clean_tokens[[row], :length]))
        end, n_layers = int(pairs.roles["END"][row]), bridge.cfg.n_layers
        scale = cache["ln_final.hook_scale"][0, end]
        looked, wrote = np.zeros((2, 3, n_layers, bridge.cfg.n_heads))
        for layer in range(n_layers):
            W_O = bridge.blocks[layer].attn.W_O
            for head in range(bridge.cfg.n_heads):
                o = cache["z", layer][0, end, head] @ W_O[head]
                for place, role in enumerate(PLACES):
                    token = pairs.answers[row, 0 if role == "IO" else 1]
                    wrote[place, layer, head] = (o / scale) @ bridge.unembed.W_U[:, token]
                    looked[place, layer, head] = cache["pattern", layer][0, head, end, pairs.roles[role][row]]
        attention.append(looked)
        written.append(wrote)
    return np.stack(attention, -1), np.stack(written, -1)


@pytest.mark.parametrize("bos", [True, False])
def test_it_equals_transformer_lens(small_model: Model, small_bridge, bos: bool) -> None:
    pairs = ioi_dataset(small_model, 9, prepend_bos=bos)
    assert len(set(pairs.lengths)) > 1
    found = attention_and_writing(small_model, pairs)
    attention, written = by_transformer_lens(small_bridge, pairs)
    np.testing.assert_allclose(found.attention, attention, atol=1e-5)
    np.testing.assert_allclose(found.per_prompt, written, atol=1e-4)
    np.testing.assert_allclose(found.values, written.mean(-1), atol=1e-4)
    assert (found.metric, found.unit, found.n_prompts) == ("written", "logits", 9)
    assert np.abs(written[0] - written[1]).max() > 0.1, "names must differ, or this test shows nothing about them"


def test_the_names_of_the_bundled_model_equal_transformer_lens(demo_model_64: Model, demo_bridge) -> None:
    pairs = ioi_dataset(demo_model_64, 6)
    found = attention_and_writing(demo_model_64, pairs)
    attention, written = by_transformer_lens(demo_bridge, pairs)
    np.testing.assert_allclose(found.attention, attention, atol=1e-8)
    np.testing.assert_allclose(found.per_prompt, written, atol=1e-8)


def test_io_minus_s_is_the_direct_effect(demo_model: Model) -> None:
    pairs = ioi_dataset(demo_model, 20)
    found = attention_and_writing(demo_model, pairs)
    direct = attribute_heads(demo_model, pairs).per_prompt
    np.testing.assert_allclose(found.per_prompt[0] - found.per_prompt[1], direct, atol=1e-4)
    np.testing.assert_array_equal(found.per_prompt[1], found.per_prompt[2])
    assert np.abs(direct).max() > 1


def test_a_head_that_copies_writes_what_it_looks_at(demo_model: Model) -> None:
    """Heads that attend evenly and write gain times each token: every name once, S twice, others hardly at all."""
    model = copying(demo_model, [1.0, -1.0])
    tokens = np.array([[5335, 1757, 11, 1757]])
    pairs = replace(
        random_pairs([4]), clean_tokens=tokens, corrupted_tokens=tokens, answers=np.array([[5335, 1757]]),
        roles={"IO": np.array([0]), "S1": np.array([1]), "S2": np.array([3]), "END": np.array([3])},
    )  # fmt: skip
    found = attention_and_writing(model, pairs)
    np.testing.assert_allclose(found.attention, 0.25, atol=1e-6)
    io, s = found.per_prompt[0, 0, :, 0], found.per_prompt[1, 0, :, 0]
    np.testing.assert_allclose(io[0], -io[1], rtol=1e-5)
    assert s[0] > io[0] > 0


def test_attention_is_that_from_end(demo_model: Model) -> None:
    model = looking_back(demo_model, [1, 2, 3], 8)
    pairs = replace(
        random_pairs([6]),
        roles={"IO": np.array([2]), "S1": np.array([3]), "S2": np.array([4]), "END": np.array([5])},
    )
    attention = attention_and_writing(model, pairs).attention[:, 0, :, 0]
    np.testing.assert_allclose(attention, np.eye(3)[::-1], atol=1e-4)


def test_chunks_change_nothing_and_are_told(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, told = ioi_dataset(small_model, 7), []
    whole = attention_and_writing(small_model, pairs)
    monkeypatch.setattr("ioi_core.engine.tensors.TOKENS_PER_CHUNK", 3 * pairs.clean_tokens.shape[1])
    in_parts = attention_and_writing(small_model, pairs, progress=lambda *at: told.append(at))
    np.testing.assert_allclose(in_parts.per_prompt, whole.per_prompt, atol=1e-5)
    np.testing.assert_allclose(in_parts.attention, whole.attention, atol=1e-6)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_prompts_without_names_are_refused(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 2)
    with pytest.raises(PromptError, match="no IO, S1, S2"):
        attention_and_writing(small_model, replace(pairs, roles={"END": pairs.roles["END"]}))
