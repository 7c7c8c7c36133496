"""A model that is a tokenizer and sizes only, and what must hold for any pairs that come out of the prompt code."""

import numpy as np
import torch
from transformers import GPT2TokenizerFast

from ioi_core import DEMO_MODEL_DIR, END_OF_TEXT, ROLES, Model, ModelConfig, PromptPairs
from ioi_core.model.weights import Weights


def tokenizer_only_model(n_ctx: int = 1024) -> Model:
    """No layers and weights of width 1: enough for prompts, which need the tokenizer and the context length."""
    tokenizer = GPT2TokenizerFast.from_pretrained(DEMO_MODEL_DIR)
    tokenizer.backend_tokenizer.encode_special_tokens = True
    cfg = ModelConfig(n_layers=0, n_heads=1, d_model=1, d_head=1, d_mlp=1, d_vocab=50257, n_ctx=n_ctx, eps=1e-5)
    weights = Weights(
        W_E=torch.zeros(50257, 1),
        W_pos=torch.zeros(n_ctx, 1),
        layers=(),
        W_U=torch.zeros(1, 50257),
        b_U=torch.zeros(50257),
    )
    return Model("tokenizer-only", cfg, tokenizer, torch.device("cpu"), "none", weights)


def check_pairs(model: Model, pairs: PromptPairs) -> None:
    """Everything that holds for any pairs, typed or generated."""
    n, first = len(pairs), int(pairs.prepend_bos)
    assert pairs.clean_tokens.shape == pairs.corrupted_tokens.shape == (n, pairs.lengths.max())
    assert set(pairs.roles) in ({"END"}, set(ROLES))
    for array in (pairs.clean_tokens, pairs.corrupted_tokens, pairs.answers, *pairs.roles.values()):
        assert array.dtype == np.int64
        assert not array.flags.writeable
    for tokens, texts in ((pairs.clean_tokens, pairs.clean_text), (pairs.corrupted_tokens, pairs.corrupted_text)):
        for row, text, length in zip(tokens, texts, pairs.lengths, strict=True):
            assert row[first:length].tolist() == model.encode(text)
            assert (row[:first] == END_OF_TEXT).all()
            assert (row[length:] == END_OF_TEXT).all()
            assert END_OF_TEXT not in row[first:length]
    assert (pairs.roles["END"] == pairs.lengths - 1).all()
    for io, s in pairs.answers.tolist():
        assert io != s
        assert model.token_text(io)[0] == model.token_text(s)[0] == " "
    if len(pairs.roles) > 1:
        check_roles(model, pairs)


def check_roles(model: Model, pairs: PromptPairs) -> None:
    """The names stand where the roles say, and S nowhere before S1 or after S2, IO nowhere before its role."""
    for k in range(len(pairs)):
        at = {role: int(where[k]) for role, where in pairs.roles.items()}
        io, s = (model.token_text(token).strip() for token in pairs.answers[k].tolist())
        start, length = int(pairs.prepend_bos), int(pairs.lengths[k])
        texts = {p: model.token_text(int(pairs.clean_tokens[k, p])).removeprefix(" ") for p in range(start, length)}
        assert texts[at["IO"]] == io
        assert texts[at["S1"]] == texts[at["S2"]] == s
        assert at["S1"] < at["S1+1"] == at["S1"] + 1 <= at["S2"] <= at["END"]


def differing_positions(pairs: PromptPairs, row: int) -> set[int]:
    """Where the clean and the corrupted tokens of one row differ."""
    return set(np.flatnonzero(pairs.clean_tokens[row] != pairs.corrupted_tokens[row]).tolist())
