"""Copy scores: by hand, and against the definition spelled out on Hugging Face's stored weights, nothing folded."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from ioi_core import (
    DEMO_MODEL_DIR,
    ChoiceError,
    Head,
    HeadError,
    Model,
    PromptError,
    copied_tokens,
    copy_scores,
    load_model,
)
from ioi_core.prompts.names import IOI_LISTS
from tests.models.bundled import BACKUP, DUPLICATE, INHIBITION, MOVERS, NEGATIVE, PREVIOUS
from tests.models.hand_made import copying
from tests.models.random_gpt2 import save_random_gpt2

NAMES = ["Mary", " John", "Tom", "James", "Dan", "Sid", "Martin", "Amy"]
MANY = 15_000  # of 50,257: a random head has a name's own token among so many in about a third of the cases


@torch.no_grad()
def stored_logits(gpt2: GPT2LMHeadModel, head: Head, token: int, sign: int, *, value_bias: bool = True) -> np.ndarray:
    """What METHODS 4 defines, one head and one token at a time, LayerNorm weights and all biases explicit."""
    body, d_model, d_head = gpt2.transformer, gpt2.config.n_embd, gpt2.config.n_embd // gpt2.config.n_head
    embedded = body.wte.weight[token]
    x = embedded + body.h[0].mlp(body.h[0].ln_2(embedded))
    block = body.h[head.layer]
    rows = slice(head.head * d_head, (head.head + 1) * d_head)
    W_V = block.attn.c_attn.weight[:, 2 * d_model :][:, rows]
    v = block.ln_1(x) @ W_V
    if value_bias:
        v = v + block.attn.c_attn.bias[2 * d_model :][rows]
    return gpt2.lm_head(body.ln_f(sign * (v @ block.attn.c_proj.weight[rows]))).numpy()


def stored_copies(gpt2: GPT2LMHeadModel, ids: list[int], top_k: int, **options: bool) -> np.ndarray:
    """[sign layer head name] by sorting all logits; equal ones (to 1e-4) share the better place."""
    copied = np.zeros((2, gpt2.config.n_layer, gpt2.config.n_head, len(ids)))
    for index, sign in enumerate((1, -1)):
        for layer in range(gpt2.config.n_layer):
            for head in range(gpt2.config.n_head):
                for name, token in enumerate(ids):
                    logits = stored_logits(gpt2, Head(layer, head), token, sign, **options)
                    kth = np.sort(logits)[::-1][top_k - 1]
                    copied[index, layer, head, name] = logits[token] > kth - 1e-4
    return copied


def stored_gpt2(folder: Path) -> GPT2LMHeadModel:
    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float64).eval()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_scores_of_random_models_equal_the_definition(seed: int, tmp_path: Path) -> None:
    folder = save_random_gpt2(tmp_path, 3, 48, 4, seed=seed)
    model, gpt2 = load_model(str(folder), dtype="float64"), stored_gpt2(folder)
    ids = [model.encode(f" {name.strip()}")[0] for name in NAMES]
    for top_k in (5, MANY):
        ours, theirs = copy_scores(model, NAMES, top_k=top_k), stored_copies(gpt2, ids, top_k)
        np.testing.assert_array_equal(ours.per_prompt, theirs)
        np.testing.assert_allclose(ours.values, theirs.mean(-1))
    assert 0.1 < theirs.mean() < 0.6, "both answers must occur"
    without_bias = stored_copies(gpt2, ids, MANY, value_bias=False)
    assert (without_bias != theirs).any(), "the stored b_V must matter, or this test shows nothing about it"


def test_scores_of_the_bundled_model_equal_the_definition(demo_model: Model) -> None:
    """Trained weights, float32, the default top 5."""
    ids = [demo_model.encode(f" {name.strip()}")[0] for name in NAMES]
    ours = copy_scores(demo_model, NAMES)
    np.testing.assert_array_equal(ours.per_prompt, stored_copies(stored_gpt2(DEMO_MODEL_DIR), ids, 5))
    assert ours.names == tuple(name.strip() for name in NAMES)
    assert 0 < ours.values.mean() < 1


def test_default_names_are_those_of_the_data_set(demo_model: Model) -> None:
    ours = copy_scores(demo_model)
    assert ours.names == IOI_LISTS["NAMES"]
    assert ours.n_prompts == len(IOI_LISTS["NAMES"])
    assert list(ours.axes) == ["sign", "layer", "head"]
    assert ours.axes["sign"] == ("positive", "negative")
    copying_heads, opposing = ({Head(*map(int, at)) for at in np.argwhere(share > 0.5)} for share in ours.values)
    assert {*MOVERS, *BACKUP} <= copying_heads
    assert {*NEGATIVE} <= opposing
    assert not opposing & {*MOVERS, *BACKUP}
    assert not copying_heads & {*PREVIOUS, *DUPLICATE, *INHIBITION, *NEGATIVE}, "they say where a name is, not which"


def test_a_head_that_copies_and_one_that_writes_the_opposite(demo_model: Model) -> None:
    model = copying(demo_model, [1.0, -1.0, 3.0])
    np.testing.assert_array_equal(copy_scores(model, top_k=1).values[:, 0], [[1, 0, 1], [0, 1, 0]])


def test_equal_logits_share_the_better_place(demo_model: Model) -> None:
    """A head that writes nothing leaves all tokens equal: none is ahead of a name."""
    model = copying(demo_model, [0.0])
    np.testing.assert_array_equal(copy_scores(model, top_k=1).values[:, 0], [[1], [1]])


def test_scores_do_not_depend_on_the_memory_budget(small_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = copy_scores(small_model, top_k=MANY)
    assert (whole.per_prompt == copy_scores(small_model, top_k=MANY).per_prompt).all()
    told: list[tuple[int, int]] = []
    monkeypatch.setenv("IOI_ENGINE_MEMORY_MB", "16")
    in_parts = copy_scores(small_model, top_k=MANY, progress=lambda *at: told.append(at))
    assert (in_parts.per_prompt == whole.per_prompt).all()
    assert told[-1][0] == told[-1][1] == len(told) > 4


@pytest.mark.parametrize("sign", ["positive", "negative"])
def test_copied_tokens_equal_the_definition(small_model: Model, small_folder: Path, sign: str) -> None:
    gpt2, tokens = stored_gpt2(small_folder), [5335, 1757, 0]
    for head in (Head(0, 1), Head(3, 2)):
        found = copied_tokens(small_model, head, tokens, top_k=4, sign=sign)
        for row, token in enumerate(tokens):
            logits = stored_logits(gpt2, head, token, 1 if sign == "positive" else -1)
            best = np.argsort(-logits)[:4]
            assert found.ids[row].tolist() == best.tolist()
            centred = logits - logits.mean()  # the processed unembedding is centred over the vocabulary
            np.testing.assert_allclose(found.values[row], centred[best], atol=1e-4)
            np.testing.assert_allclose(found.own[row], centred[token], atol=1e-4)
    assert found.axes["token"] == (" Mary", " John", "!")


def test_copied_tokens_and_scores_agree(demo_model: Model) -> None:
    """Of equal logits the lower id comes first, so " Mary" stands before "Mary" or shares its place."""
    scores = copy_scores(demo_model)
    ids = np.array([demo_model.encode(f" {name}")[0] for name in scores.names])
    for head in (MOVERS[0], INHIBITION[0], NEGATIVE[0]):
        top = copied_tokens(demo_model, head, ids).ids
        in_top = (top == ids[:, None]).any(1)
        np.testing.assert_array_equal(scores.per_prompt[0, head.layer, head.head], in_top)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"names": ["Mary", "Wolfeschlegel"]}, "a name to copy must be one token, got"),
        ({"names": []}, "empty list"),
        ({"names": 7}, "list of texts, got 7"),
        ({"names": ["Mary", None]}, "a name to copy"),
        ({"top_k": 0}, "top_k must be a whole number from 1 to 50257, got 0"),
        ({"top_k": "5"}, "top_k .* got '5'"),
    ],
)
def test_wrong_arguments_are_refused_in_words(demo_model: Model, arguments: dict, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        copy_scores(demo_model, **arguments)


@pytest.mark.parametrize(
    ("tokens", "options", "said"),
    [
        ([5335], {"sign": "both"}, "sign 'both' is not known: use positive or negative"),
        ([], {}, "at least one token id"),
        ("Mary", {}, "list of at least one token id, got 'Mary'"),
        ([50257], {}, "a token id must be a whole number from 0 to 50256, got 50257"),
        ([[1, 2]], {}, "list of at least one token id"),
        ([5335], {"top_k": 50258}, "top_k must be"),
    ],
)
def test_wrong_tokens_are_refused_in_words(demo_model: Model, tokens: object, options: dict, said: str) -> None:
    with pytest.raises(ChoiceError if "sign" in options else PromptError, match=said):
        copied_tokens(demo_model, Head(0, 0), tokens, **options)


def test_a_head_that_does_not_exist_is_refused(demo_model: Model) -> None:
    beyond = Head(demo_model.cfg.n_layers, 0)
    with pytest.raises(HeadError, match=rf"head {beyond.layer}\.0 does not exist"):
        copied_tokens(demo_model, beyond, [5335])


@pytest.mark.gpt2
def test_gpt2_small_has_the_published_copy_scores(gpt2: Model) -> None:
    """Wang et al., section 3.1 and 3.4; tolerance .05, since their sample of names and prompts is not published."""
    positive, negative = copy_scores(gpt2).values
    assert min(positive[9, 9], positive[9, 6], positive[10, 0]) > 0.95 - 0.05
    assert positive.mean() < 0.20 + 0.05
    assert np.mean([negative[10, 7], negative[11, 10]]) == pytest.approx(0.98, abs=0.05)
    assert negative.mean() == pytest.approx(0.12, abs=0.05)
