"""Head scores on random repeated tokens: by hand, and against Hugging Face's attentions entry by entry."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from ioi_core import Model, PromptError, head_scores, load_model
from ioi_core.attention.repeated_tokens import _repeated_tokens
from tests.models.hand_made import looking_back
from tests.models.random_gpt2 import save_random_gpt2


def slow_scores(folder: Path, tokens: np.ndarray) -> np.ndarray:
    """[score layer head] from the stored weights, nothing folded, one entry of one pattern at a time."""
    gpt2 = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    n = tokens.shape[1] // 2
    with torch.no_grad():
        patterns = gpt2(torch.tensor(tokens), output_attentions=True).attentions
    shape = (3, len(patterns), patterns[0].shape[1])
    scores = np.zeros(shape)
    for layer, pattern in enumerate(patterns):
        for head in range(shape[2]):
            found = ([], [], [])
            for row in pattern[:, head].numpy():
                found[0].extend(row[i, i - 1] for i in range(1, 2 * n))
                found[1].extend(row[i, i - n] for i in range(n, 2 * n))
                found[2].extend(row[i, i - n + 1] for i in range(n, 2 * n))
            scores[:, layer, head] = [np.mean(values) for values in found]
    return scores


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_equal_hugging_faces_attentions(seed: int, tmp_path: Path) -> None:
    folder = save_random_gpt2(tmp_path, 3, 48, 4, seed=seed, sharpness=2)
    model = load_model(str(folder))
    ours = head_scores(model, n=7, batch=4, seed=seed)
    slow = slow_scores(folder, _repeated_tokens(model, 7, 4, seed))
    np.testing.assert_allclose(ours.values, slow, atol=1e-5)
    assert np.ptp(slow, axis=2).max() > 0.05, "the heads must differ, or this test shows nothing about them"
    assert list(ours.axes) == ["score", "layer", "head"]
    assert ours.axes["score"] == ("previous_token", "duplicate_token", "induction")
    np.testing.assert_allclose(ours.per_prompt.mean(-1), ours.values, atol=1e-6)
    assert ours.n_prompts == 4


def test_scores_of_heads_that_look_back_a_fixed_distance(demo_model: Model) -> None:
    """Of tokens that repeat after 4: distance 1 is the previous token, 4 the duplicate, 3 the one after it.

    Before position d a head that looks d back has nothing there and attends to all alike, so that positions 1 to 3
    give it a previous-token score of (1/2 + 1/3 + 1/4) / 7 for d = 4, one term less for 3, two less for 2.
    """
    found = head_scores(looking_back(demo_model, [1, 4, 3, 2], n_ctx=8), n=4, batch=3).values[:, 0]
    by_hand = [
        [1, 13 / 84, 10 / 84, 6 / 84],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
    ]
    np.testing.assert_allclose(found, by_hand, atol=1e-6)


def test_tokens_are_random_repeated_seeded_and_never_the_control_token(demo_model: Model) -> None:
    tokens = _repeated_tokens(demo_model, 50, 400, 3)
    assert (tokens[:, :50] == tokens[:, 50:]).all()
    assert tokens.min() >= 0
    assert tokens.max() < 50256
    assert tokens.min() < 50, "uniform over all ids: the lowest of 20,000 draws is a low one"
    assert tokens.max() > 50200
    assert len(np.unique(tokens)) > 15_000
    assert (tokens == _repeated_tokens(demo_model, 50, 400, 3)).all()
    assert (tokens != _repeated_tokens(demo_model, 50, 400, 4)).mean() > 0.99


def test_scores_are_reproducible_and_do_not_depend_on_the_memory_budget(
    small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = head_scores(small_model, n=200, batch=6, seed=5)
    again = head_scores(small_model, n=200, batch=6, seed=5)
    assert (first.per_prompt == again.per_prompt).all()
    told: list[tuple[int, int]] = []
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    in_parts = head_scores(small_model, n=200, batch=6, seed=5, progress=lambda *at: told.append(at))
    np.testing.assert_allclose(in_parts.per_prompt, first.per_prompt, atol=1e-6)
    assert told == [(done, 4 * 3) for done in range(1, 13)], "the small budget runs two sequences at a time"
    assert not np.allclose(first.values, head_scores(small_model, n=200, batch=6, seed=6).values, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n": 1}, r"random tokens before they repeat.*from 2 to 512, got 1"),
        ({"n": 513}, r"reads 1024.*from 2 to 512, got 513"),
        ({"n": "50"}, r"from 2 to 512, got '50'"),
        ({"n": True}, r"from 2 to 512, got True"),
        ({"batch": 0}, r"batch, the number of sequences, must be a whole number from 1 to 10000, got 0"),
        ({"batch": 2.5}, r"got 2\.5"),
        ({"seed": -1}, r"seed must be a whole number from 0 .*, got -1"),
    ],
)
def test_wrong_arguments_are_refused_in_words(small_model: Model, arguments: dict, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        head_scores(small_model, **arguments)


def test_a_model_of_a_tiny_context_is_refused_in_words(small_model: Model) -> None:
    tiny = replace(small_model, cfg=replace(small_model.cfg, n_ctx=3))
    with pytest.raises(PromptError, match="at most 3 tokens: two repeated ones need 4"):
        head_scores(tiny)


def test_an_exception_in_progress_cancels(small_model: Model) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        head_scores(small_model, n=5, batch=2, progress=stop)
