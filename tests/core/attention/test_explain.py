"""The split of an attention logit against TransformerLens's scores and activations, and a model by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ioi_core import Head, HeadError, Model, PromptError, arena_pairs, explain_attention, ioi_dataset
from tests.models.bundled import INHIBITION, MOVERS
from tests.models.micro import A, B, E, micro_model, micro_pairs
from tests.models.random_pairs import PAIRS


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("head", [Head(0, 1), Head(2, 3), Head(3, 0)])
def test_each_side_sums_to_transformer_lens_attention_score(small_model: Model, small_bridge, head: Head, kind) -> None:
    pairs = PAIRS[kind]
    swapped = replace(pairs, roles=pairs.roles | {"IO": np.minimum(pairs.roles["IO"], pairs.roles["END"])})
    with torch.no_grad():
        _, cache = small_bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
    rows, ends = np.arange(len(pairs)), pairs.roles["END"]
    for key in ("IO", 0):
        keys = swapped.roles["IO"] if key == "IO" else np.zeros(len(pairs), dtype=int)
        scores = cache[f"blocks.{head.layer}.attn.hook_attn_scores"].numpy()[rows, head.head, ends, keys]
        pattern = cache[f"blocks.{head.layer}.attn.hook_pattern"].numpy()[rows, head.head, ends, keys]
        split = explain_attention(small_model, swapped, head, "END", key)
        np.testing.assert_allclose(split.logits, scores, atol=1e-4)
        np.testing.assert_allclose(split.attention, pattern, atol=1e-5)
        for side in range(2):
            np.testing.assert_allclose(split.per_prompt[side].sum(0), scores, atol=1e-4)
            assert split.values[side].sum() == pytest.approx(scores.mean(), abs=1e-4)


def test_every_component_equals_a_slow_split(small_model: Model, small_bridge) -> None:
    """Each share from TransformerLens's cached outputs, weights and LayerNorm scale, one component at a time."""
    pairs, head = PAIRS["one token, unequal, bos"], Head(3, 2)
    split = explain_attention(small_model, pairs, head, "END", 1)
    with torch.no_grad():
        _, cache = small_bridge.run_with_cache(torch.tensor(pairs.clean_tokens))
        attention = small_bridge.blocks[3].attn
        matrices = {"query": (attention.W_Q[2], attention.b_Q[2]), "key": (attention.W_K[2], attention.b_K[2])}
        for row, end in enumerate(pairs.roles["END"]):
            other = {
                "query": cache["blocks.3.attn.hook_k"][row, 1, 2],
                "key": cache["blocks.3.attn.hook_q"][row, end, 2],
            }
            for side, (name, pos) in enumerate((("query", int(end)), ("key", 1))):
                W, b = matrices[name]
                scale = cache["blocks.3.ln1.hook_scale"][row, pos]
                for component, ours in zip(split.axes["component"], split.per_prompt[side, :, row], strict=True):
                    if component == "bias":
                        expected = b @ other[name] / 4
                    else:
                        wrote = slow_write(small_bridge, cache, component, row, pos)
                        expected = ((wrote - wrote.mean()) / scale) @ W @ other[name] / 4
                    assert ours == pytest.approx(float(expected), abs=1e-4), (name, component)


def slow_write(bridge, cache, component: str, row: int, pos: int) -> torch.Tensor:
    """What one component wrote at one position, from TransformerLens's cache."""
    if component in ("embed", "pos_embed"):
        return cache[f"hook_{component}"][
            row if component == "embed" else min(row, len(cache["hook_pos_embed"]) - 1), pos
        ]
    if "." in component:
        layer, head = map(int, component.split("."))
        return cache[f"blocks.{layer}.attn.hook_z"][row, pos, head] @ bridge.blocks[layer].attn.W_O[head]
    layer, what = component.split("_", 1)
    return cache[f"blocks.{layer}.hook_mlp_out"][row, pos] if what == "mlp_out" else bridge.blocks[int(layer)].attn.b_O


def test_micro_model_by_hand(demo_model: Model) -> None:
    """1.1 asks with E times "early" at END, (A + B) 1.5, for the number of the token at each key."""
    model, pairs = micro_model(demo_model), micro_pairs()
    for key in (0, 1):
        split = explain_attention(model, pairs, Head(1, 1), "END", key)
        shares = {
            side: dict(zip(split.axes["component"], split.values[n], strict=True)) for n, side in enumerate(SIDES)
        }
        number, asked = key + 1, E * (A + B) * 1.5
        assert split.logits[0] == pytest.approx(asked * number, abs=1e-6)
        for component, value in shares["query"].items():
            expected = {"0.0": E * A * 1.5 * number, "0.1": E * B * 1.5 * number}.get(component, 0)
            assert value == pytest.approx(expected, abs=1e-6), component
        for component, value in shares["key"].items():
            assert value == pytest.approx(asked * number if component == "embed" else 0, abs=1e-6), component


SIDES = ("query", "key")


@pytest.mark.parametrize("bos", [True, False])
def test_bundled_models_name_movers_ask_with_s_inhibition(demo_model: Model, demo_model_64: Model, bos: bool) -> None:
    pairs = ioi_dataset(demo_model, 20, prepend_bos=bos)
    for head in MOVERS:
        split, exact = (explain_attention(model, pairs, head) for model in (demo_model, demo_model_64))
        np.testing.assert_allclose(split.per_prompt.sum(1), np.tile(split.logits, (2, 1)), rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(split.values, exact.values, atol=1e-3)
        assert split.attention.mean() > 0.5
        for_io_not_s = split.values[0] - explain_attention(demo_model, pairs, head, key="S1").values[0]
        most = [split.axes["component"][n] for n in for_io_not_s.argsort()[::-1][: len(INHIBITION)]]
        assert set(most) == {str(inhibition) for inhibition in INHIBITION}


def test_bad_requests_say_what_is_allowed(small_model: Model) -> None:
    pairs = arena_pairs(small_model)
    cases = [
        ({"head": Head(4, 0)}, HeadError, "heads 0-3"),
        ({"query": "S9"}, PromptError, "use IO, S1"),
        ({"key": 99}, PromptError, "from 0 to 14"),
        ({"key": -1}, PromptError, "from 0 to 14"),
        ({"key": None}, PromptError, "not known here"),
        ({"query": "S1", "key": "END"}, PromptError, "comes after the query"),
    ]
    for options, error, says in cases:
        with pytest.raises(error, match=says):
            explain_attention(small_model, pairs, **({"head": Head(1, 1)} | options))
