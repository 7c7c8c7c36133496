"""Twins of one corruption for prompts that have others."""

import dataclasses

import numpy as np
import pytest

from ioi_core import Model, PromptError, PromptPairs, prompt_pairs
from ioi_core.prompts.arena import arena_pairs
from ioi_core.prompts.corruptions import CORRUPTIONS
from ioi_core.prompts.twins import with_twins


def test_abc_twins_change_names_alone(demo_model: Model) -> None:
    classic = arena_pairs(demo_model)
    twins = with_twins(demo_model, classic, "abc")
    names = np.zeros(classic.clean_tokens.shape, dtype=bool)
    for role in ("IO", "S1", "S2"):
        names[np.arange(len(classic)), classic.roles[role]] = True
    assert ((twins.corrupted_tokens != twins.clean_tokens) == names).all()
    for row, answers in zip(twins.corrupted_tokens, classic.answers, strict=True):
        assert not set(answers.tolist()) & set(row.tolist()), "no twin names IO or S"


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_only_the_corrupted_side_is_another(demo_model: Model, corruption: str) -> None:
    classic = arena_pairs(demo_model)
    twins = with_twins(demo_model, classic, corruption)
    for field in dataclasses.fields(PromptPairs):
        if not field.name.startswith("corrupted"):
            assert getattr(twins, field.name) is getattr(classic, field.name)
    io, s = ([demo_model.token_text(token) for token in column] for column in classic.answers.T.tolist())
    typed = prompt_pairs(demo_model, list(classic.clean_text), None, io, s, corruption=corruption)
    assert (twins.corrupted_tokens == typed.corrupted_tokens).all()
    assert twins.corrupted_text == typed.corrupted_text


def test_prompts_without_roles_have_no_twins(demo_model: Model) -> None:
    france = prompt_pairs(demo_model, "The capital of France is", "The capital of Italy is", " Paris", " Rome")
    with pytest.raises(PromptError, match=r"these prompts have no IO, .* only END: choose prompts in which one name"):
        with_twins(demo_model, france, "abc")
