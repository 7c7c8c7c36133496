"""Answers as tokens, with and without a leading space."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioi_core import Model, PromptError
from ioi_core.prompts.answers import other_form
from ioi_core.prompts.twins import with_twins
from ioi_core.prompts.typed import prompt_pairs
from tests.core.prompts.prompt_checks import tokenizer_only_model

WAR = "The war lasted from the year 1741 to the year 17"
WAR_TWIN = "The war lasted from the year 1701 to the year 17"


@pytest.fixture(scope="module")
def model() -> Model:
    return tokenizer_only_model()


def test_a_space_is_put_in_front_unless_answers_are_taken_as_written(model: Model) -> None:
    spaced = prompt_pairs(model, WAR, WAR_TWIN, "42", "40")
    assert spaced.answers.tolist() == [[5433, 2319]]
    assert prompt_pairs(model, WAR, WAR_TWIN, " 42", " 40").answers.tolist() == spaced.answers.tolist()
    written = prompt_pairs(model, WAR, WAR_TWIN, "42", "40", answer_space=False)
    assert written.answers.tolist() == [[3682, 1821]]
    assert prompt_pairs(model, WAR, WAR_TWIN, " 42", "40", answer_space=False).answers.tolist() == [[5433, 1821]]


def test_answers_as_written_still_have_roles_and_twins(model: Model) -> None:
    prompt = "When John and Mary met, John told"
    pairs = prompt_pairs(model, prompt, io="Mary", s="John", answer_space=False)
    assert [model.token_text(token) for token in pairs.answers[0].tolist()] == ["Mary", "John"]
    assert {role: int(at[0]) for role, at in pairs.roles.items()} == {"IO": 4, "S1": 2, "S1+1": 3, "S2": 7, "END": 8}
    twins = with_twins(model, pairs, "abc")
    assert twins.answers is pairs.answers
    assert twins.corrupted_text == prompt_pairs(model, prompt, corruption="abc").corrupted_text


def test_found_names_have_their_space(model: Model) -> None:
    pairs = prompt_pairs(model, "John and Mary met. John told", answer_space=False)
    assert [model.token_text(token) for token in pairs.answers[0].tolist()] == [" Mary", " John"]


@pytest.mark.parametrize(
    ("io", "s", "space", "says"),
    [
        ("Paris, Rome", "Rome", True, "io must be one token, got 3: [' Paris', ',', ' Rome'] (with a space in front)"),
        ("1741", "40", False, "io must be one token, got 2: ['17', '41'] (as written"),
        ("42", "Zoology club", True, "s must be one token, got 3: ["),
        ("42 ", "40", True, "io must be one token, got 2: [' 42', ' ']"),
        ("\t42", "40", True, r"[' ', '\t', '42']"),
        ("42\n", "40", False, r"['42', '\n']"),
        ("\u00a042", "40", False, "io must be one token, got 2"),
        ("<|endoftext|>", "40", True, "io must be one token, got 7: [' <', '|', 'end'"),
        ("40", "<|endoftext|>", False, "s must be one token, got 7: ['<', '|', 'end'"),
        ("", "40", True, "io must be one token, got 0: []"),
        ("42", "42", False, "io and s are both ['42']"),
        (["42", "42"], ["40", "4 0"], False, "s 2 of 2 must be one token, got 2"),
        (["42", "4 2"], "40", False, "io 2 of 2 must be one token, got 2"),
        ("4 2", "40", False, "io must be one token, got 2"),  # typed once for both prompts
    ],
)
def test_refusals_name_the_answer_and_its_tokens(model: Model, io: Any, s: Any, space: bool, says: str) -> None:
    with pytest.raises(PromptError, match=re.escape(says)):
        prompt_pairs(model, [WAR] * 2, WAR_TWIN, io, s, answer_space=space)


@given(st.integers(0, 50256))
def test_the_other_form_of_the_other_form_is_the_answer(model: Model, token: int) -> None:
    text, other = model.token_text(token), other_form(model, token)
    if other is None:
        assert len(model.encode(text[1:] if text[0] == " " else f" {text}")) != 1
    else:
        assert {text, model.token_text(other)} == {text.removeprefix(" "), f" {text.removeprefix(' ')}"} or "  " in text


def test_other_forms(model: Model) -> None:
    assert other_form(model, 5433) == 3682
    assert other_form(model, 3682) == 5433
    [nicole] = model.encode(" Nicole")
    assert other_form(model, nicole) is None
