"""Attention patterns against TransformerLens's, row by row."""

import numpy as np
import pytest
import torch

from ioi_core import Model, attention_patterns
from tests.random_models import random_pairs


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
