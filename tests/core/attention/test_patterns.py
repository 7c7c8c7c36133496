"""Attention patterns against TransformerLens's, row by row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ioi_core import Model, PromptPairs, attention_patterns, ioi_dataset, load_model, role_attention
from tests.models.random_gpt2 import save_random_gpt2
from tests.models.random_pairs import random_pairs
from tests.oracles.peers import oracle_gpt2


@pytest.mark.parametrize("bos", [True, False])
def test_patterns_equal_transformer_lens(small_model: Model, small_bridge, bos: bool) -> None:
    pairs = random_pairs([9, 5, 12], bos=bos)
    plain = attention_patterns(small_model, pairs.clean_tokens)
    weighted = attention_patterns(small_model, pairs.clean_tokens, weighted=True)
    with torch.no_grad():
        _, cache = small_bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
    for layer in range(4):
        pattern = cache["pattern", layer]
        written = torch.einsum("bkhd,hdm->bkhm", cache["v", layer], small_bridge.blocks[layer].attn.W_O).norm(dim=-1)
        by_value = pattern * written.permute(0, 2, 1)[:, :, None]
        for row, length in enumerate(pairs.lengths):
            for ours, theirs in ((plain, pattern), (weighted, by_value)):
                found = ours.values[row, layer]
                np.testing.assert_allclose(
                    found[:, :length, :length], theirs[row, :, :length, :length].detach(), atol=1e-5
                )
                assert np.isnan(found[:, length:]).all()
                assert np.isnan(found[:, :, length:]).all()
    assert (plain.unit, weighted.unit) == ("probability", "norm written")


def test_plain_patterns_are_causal_distributions(small_model: Model) -> None:
    values = attention_patterns(small_model, random_pairs([10]).clean_tokens).values
    np.testing.assert_allclose(values.sum(-1), 1, atol=1e-5)
    assert (np.triu(values, 1) == 0).all()


def slow_role_attention(folder: Path, pairs: PromptPairs) -> np.ndarray:
    """[query_role key_role layer head batch]: Hugging Face's own attentions, each row run alone and unpadded."""
    gpt2 = oracle_gpt2(folder)
    gpt2.set_attn_implementation("eager")
    roles, rows = list(pairs.roles), []
    for row, length in enumerate(pairs.lengths):
        with torch.no_grad():
            patterns = gpt2(torch.tensor(pairs.clean_tokens[[row], :length]), output_attentions=True).attentions
        found = np.zeros((len(roles), len(roles), len(patterns), patterns[0].shape[1]))
        for q, query in enumerate(roles):
            for k, key in enumerate(roles):
                for layer, pattern in enumerate(patterns):
                    found[q, k, layer] = pattern[0, :, pairs.roles[query][row], pairs.roles[key][row]]
        rows.append(found)
    return np.stack(rows, -1)


@pytest.mark.parametrize("bos", [True, False])
def test_attention_between_roles_equals_hugging_face(tmp_path: Path, bos: bool) -> None:
    folder = save_random_gpt2(tmp_path, 3, 48, 4, seed=int(bos), sharpness=2)
    model = load_model(str(folder))
    pairs = ioi_dataset(model, 9, prepend_bos=bos)  # both orders of the names, lengths that differ
    assert len(set(pairs.lengths)) > 1
    found = role_attention(model, pairs)
    assert found.axes["query_role"] == found.axes["key_role"] == ("IO", "S1", "S1+1", "S2", "END")
    slow = slow_role_attention(folder, pairs)
    np.testing.assert_allclose(found.per_prompt, slow, atol=1e-5)
    np.testing.assert_allclose(found.values, slow.mean(-1), atol=1e-5)
    assert np.ptp(slow, axis=3).max() > 0.3, "the heads must differ, or this test shows nothing about them"


def test_no_role_attends_to_a_later_one(small_model: Model) -> None:
    found = role_attention(small_model, ioi_dataset(small_model, 4))
    roles = found.axes["query_role"]
    for query, key in (("S1", "S2"), ("S2", "END"), ("IO", "S2"), ("S1", "S1+1")):
        assert (found.per_prompt[roles.index(query), roles.index(key)] == 0).all()


def test_role_attention_does_not_depend_on_the_chunks(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, told = ioi_dataset(small_model, 7), []
    whole = role_attention(small_model, pairs)
    monkeypatch.setattr("ioi_core.engine.tensors.TOKENS_PER_CHUNK", 3 * pairs.clean_tokens.shape[1])
    in_parts = role_attention(small_model, pairs, progress=lambda *at: told.append(at))
    np.testing.assert_allclose(in_parts.per_prompt, whole.per_prompt, atol=1e-6)
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_prompts_of_another_task_have_end_alone(small_model: Model) -> None:
    pairs = ioi_dataset(small_model, 2)
    other = replace(pairs, roles={"END": pairs.roles["END"]})
    found = role_attention(small_model, other)
    assert found.values.shape == (1, 1, 4, 4)
    np.testing.assert_array_equal(found.values[0, 0], role_attention(small_model, pairs).values[-1, -1])
