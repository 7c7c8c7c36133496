import string
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ioi_core import Model, PromptError, PromptMismatchError, PromptPairs
from ioi_core.prompts.arena import arena25_pairs, arena_pairs
from ioi_core.prompts.corruptions import CORRUPTIONS
from ioi_core.prompts.names import IOI_LISTS, NAMES, read_data
from ioi_core.prompts.templates import TEMPLATES
from ioi_core.prompts.typed import prompt_pairs
from tests.core.prompts.prompt_checks import check_pairs, differing_positions, tokenizer_only_model
from tests.fuzz import cases

JOHN = "When John and Mary went to the shops, John gave the bag to"
FRANCE = "The capital of France is"


@pytest.fixture(scope="module")
def model() -> Model:
    return tokenizer_only_model()


def roles_of(pairs: PromptPairs, row: int = 0) -> dict[str, int]:
    return {role: int(where[row]) for role, where in pairs.roles.items()}


def refusal(model: Model, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(PromptError) as caught:
        prompt_pairs(model, *args, **kwargs)
    return str(caught.value)


# The published prompts


def test_the_eight_prompts_have_the_published_tokens_and_positions(model: Model) -> None:
    pairs = arena_pairs(model)
    check_pairs(model, pairs)
    assert pairs.clean_tokens.shape == (8, 15)
    when_john = [50256, 2215, 1757, 290, 5335, 1816, 284, 262, 12437, 11, 1757, 2921, 262, 6131, 284]
    assert pairs.clean_tokens[0].tolist() == when_john
    mary_john, tom_james, dan_sid, martin_amy = [5335, 1757], [4186, 3700], [6035, 15686], [5780, 14235]
    first_rows = [mary_john, tom_james, dan_sid, martin_amy]
    assert pairs.answers.tolist() == [row for answers in first_rows for row in (answers, answers[::-1])]
    assert {(a, b) for a, b in zip(pairs.roles["IO"], pairs.roles["S1"], strict=True)} == {(2, 4), (4, 2)}
    assert pairs.roles["S2"].tolist() == [10] * 8
    assert pairs.roles["END"].tolist() == [14] * 8
    assert (pairs.clean_tokens[:, 10] == pairs.answers[:, 1]).all()


def test_each_of_the_eight_is_corrupted_by_its_neighbour(model: Model) -> None:
    pairs = arena_pairs(model, prepend_bos=False)
    check_pairs(model, pairs)
    assert pairs.clean_tokens.shape == (8, 14)
    neighbours = [1, 0, 3, 2, 5, 4, 7, 6]
    assert (pairs.corrupted_tokens == pairs.clean_tokens[neighbours]).all()
    assert all(differing_positions(pairs, row) == {9} for row in range(8))


def test_the_25_prompts_are_rebuilt_from_templates_to_the_published_tokens(model: Model) -> None:
    pairs = arena25_pairs(model)
    check_pairs(model, pairs)
    rows = read_data("arena25.json")["rows"]
    assert len(pairs) == len(rows) == 25
    for k, row in enumerate(rows):
        length = len(row["clean_ids"]) - 1  # the published rows end with the answer
        assert pairs.clean_tokens[k, :length].tolist() == row["clean_ids"][:-1]
        assert pairs.corrupted_tokens[k, :length].tolist() == row["abc_ids"][:-1]
        assert pairs.lengths[k] == length
        assert pairs.answers[k, 0] == row["clean_ids"][-1]
        assert roles_of(pairs, k) == row["positions"]
        assert TEMPLATES[pairs.templates[k]].order == row["type"]


def test_roles_of_the_published_prompts_are_found_without_help(model: Model) -> None:
    for published in (arena_pairs(model), arena25_pairs(model, prepend_bos=True)):
        found = prompt_pairs(model, list(published.clean_text))
        assert found.answers.tolist() == published.answers.tolist()
        assert {k: v.tolist() for k, v in found.roles.items()} == {k: v.tolist() for k, v in published.roles.items()}


def test_known_names_are_distinct_and_one_token(model: Model) -> None:
    assert len(set(NAMES)) == len(NAMES) > 500
    assert set(IOI_LISTS["NAMES"]) < set(NAMES)
    assert [name for name in NAMES if len(model.encode(f" {name}")) != 1] == []


# Finding names


@pytest.mark.parametrize(
    ("prompt", "io", "s"),
    [
        (JOHN, " Mary", " John"),
        ("John and Mary went out. Mary gave it to", " John", " Mary"),  # opens the text: another token, the same name
        ('"John" and Mary met; "John gave it to', " Mary", " John"),
        ("When John and Mary met Johnathan, John gave it to", " Mary", " John"),  # Johnathan is not John
        ("In May, John and Mary flew to Paris. There John gave it to", " Mary", " John"),  # known names first
        ("When Obama and Clinton met, Obama gave it to", " Clinton", " Obama"),  # capitalised inside a sentence
        ("When Obama and Mary met. Then Obama gave it to", " Mary", " Obama"),  # "Then" opens a sentence
        ("“When” Obama and Mary met!\nYesterday Obama gave it to", " Mary", " Obama"),
        ("When Obama and I met Mary, Obama told", " Mary", " Obama"),  # I is no name
        ("When José and Mary's sister met, José told", " Mary", " José"),
        ("John saw Mary. John saw her. Then John told", " Mary", " John"),  # S2 is the last
    ],
)
def test_roles_are_found(model: Model, prompt: str, io: str, s: str) -> None:
    pairs = prompt_pairs(model, prompt)
    check_pairs(model, pairs)
    assert [model.token_text(token) for token in pairs.answers[0].tolist()] == [io, s]
    tokens = [model.token_text(token).strip() for token in pairs.clean_tokens[0].tolist()]
    places = [k for k, token in enumerate(tokens) if token == s.strip() and tokens[(k + 1) % len(tokens)] != "athan"]
    at = roles_of(pairs)
    assert (at["S1"], at["S2"]) == (places[0], places[-1])


def test_an_opening_name_is_another_token_of_the_same_name(model: Model) -> None:
    pairs = prompt_pairs(model, "John and Mary met. John told", prepend_bos=False)
    assert pairs.clean_tokens[0, [0, 5]].tolist() == [7554, 1757]  # "John", " John"
    assert pairs.answers.tolist() == [[5335, 1757]]
    assert roles_of(pairs) == {"IO": 2, "S1": 0, "S1+1": 1, "S2": 5, "END": 6}


def test_given_names_decide_where_several_would_do(model: Model) -> None:
    prompt = "When John, Mary and Tom met, John and Mary told"
    assert "'John' x 2, 'Mary' x 2, 'Tom' x 1" in refusal(model, prompt)
    pairs = prompt_pairs(model, prompt, io="Tom", s=" Mary")
    check_pairs(model, pairs)
    assert roles_of(pairs) == {"IO": 6, "S1": 4, "S1+1": 5, "S2": 11, "END": 12}


def test_any_other_task_has_end_only_and_needs_a_corrupted_prompt(model: Model) -> None:
    pairs = prompt_pairs(model, FRANCE, "The capital of Italy is", " Paris", "Rome")
    check_pairs(model, pairs)
    assert roles_of(pairs) == {"END": 5}
    assert pairs.answers.tolist() == [[6342, 10598]]
    assert "give its corrupted prompt" in refusal(model, FRANCE, io="Paris", s="Rome")
    absent = "When John and Mary met, John told"
    assert roles_of(prompt_pairs(model, absent, absent, "Tom", "John")) == {"END": 8}


def test_io_is_its_first_place(model: Model) -> None:
    pairs = prompt_pairs(model, "When Mary, John and Mary met, John told", io="Mary", s="John", prepend_bos=False)
    assert roles_of(pairs) == {"IO": 1, "S1": 3, "S1+1": 4, "S2": 8, "END": 9}


def test_a_number_is_an_answer_but_no_name(model: Model) -> None:
    sum_ = "When 7 and 3 are added, 7 is"
    assert roles_of(prompt_pairs(model, sum_, sum_, "3", "7")) == {"END": 9}


# What is refused, and how


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("",), ["empty", "[]"]),
        ((" \n",), ["empty", r"'\n'"]),
        (([],), ["empty list"]),
        ((JOHN + " ",), ["ends in white space", "' to', ' ']", "remove the white space"]),
        ((5,), ["must be text", "got 5"]),
        (([JOHN, 5],), ["prompt 2 of 2", "not text", "got 5"]),
        (([JOHN, b"x"],), ["prompt 2 of 2", "not text", "bytes"]),
        ((f"ab\udc80{JOHN}",), ["surrogate", "['ab']", "remove"]),
        (([JOHN] * 3, JOHN + " "), ["corrupted prompt 1 of 3", "white space"]),
        ((JOHN, 7), ["corrupted must be text", "got 7"]),
        ((JOHN, None, "Mary"), ["io without s"]),
        ((JOHN, None, None, "Mary"), ["s without io"]),
        ((JOHN, None, "Mary", " Mary"), ["io and s are both [' Mary']"]),
        ((JOHN, None, "", "Mary"), ["io must be one token, got 0"]),
        ((JOHN, None, "Johnathan", "Mary"), ["io must be one token, got 2", "' John', 'athan'"]),
        ((JOHN, None, "Mary", 3), ["s must be text"]),
        ((JOHN, None, ["Mary"], [None]), ["s is not text", "got None"]),
        ((JOHN, None, "Mary", "\ud800"), ["s has half of a character"]),
        (("hello",), ["give io", "no names", "['hello']"]),
        (("When John met Mary, he told",), ["give io", "'John' x 1, 'Mary' x 1"]),
        ((JOHN + " Mary",), ["both are repeated", "take it away"]),
        (("When Johnathan and Mary met, Johnathan told",), ["'Johnathan' is 2", "[' John', 'athan']"]),
        (("Nicole and Mary met. Nicole told",), ["'Nicole' is 2", "['Nic', 'ole']", "put a word before it"]),
        (('When "John" and Nicole met, "John told',), ["without a space before it", "['Nic', 'ole']"]),
        (([JOHN, FRANCE, JOHN], [JOHN, FRANCE, JOHN], "Mary", "John"), ["numbers 2 are no IOI prompts"]),
    ],
)
def test_refusals_say_what_was_got_and_what_to_change(model: Model, args: tuple[Any, ...], says: list[str]) -> None:
    message = refusal(model, *args)
    assert [part for part in says if part not in message] == [], message


def test_an_unknown_corruption_is_refused_with_those_allowed(model: Model) -> None:
    assert "'flip': allowed are s2_flip, abc, ABB" in refusal(model, JOHN, corruption="flip")
    assert "unknown corruption None" in refusal(model, JOHN, corruption=None)


def test_prompts_of_other_lengths_do_not_line_up(model: Model) -> None:
    longer = JOHN.replace("the bag", "the big bag")
    with pytest.raises(PromptMismatchError) as caught:
        prompt_pairs(model, JOHN, longer)
    message = str(caught.value)
    assert "first differ at token 12: clean 14 tokens" in message
    assert "' the', ' bag', ' to']" in message
    assert "corrupted 15 tokens" in message
    assert "' the', ' big', ' bag'" in message


@pytest.mark.parametrize("column", ["corrupted", "io", "s"])
def test_columns_of_other_lengths_are_refused(model: Model, column: str) -> None:
    columns: dict[str, Any] = {"corrupted": JOHN, "io": "Mary", "s": "John"}
    columns[column] = [columns[column]] * 3
    with pytest.raises(PromptMismatchError, match=f"{column} has 3 rows, the prompts have 2"):
        prompt_pairs(model, [JOHN, JOHN], **columns)


def test_the_context_counts_the_bos() -> None:
    small = tokenizer_only_model(n_ctx=14)
    assert prompt_pairs(small, JOHN, prepend_bos=False).lengths.tolist() == [14]
    assert "15 tokens long with its BOS, tokenizer-only reads at most 14: take out at least 1" in refusal(small, JOHN)


def test_text_that_looks_like_the_special_token_is_text(model: Model) -> None:
    pairs = prompt_pairs(model, f"<|endoftext|>{JOHN}", prepend_bos=False)
    check_pairs(model, pairs)
    assert pairs.lengths.tolist() == [14 + 7]
    assert model.token_text(int(pairs.clean_tokens[0, 0])) == "<"


@pytest.mark.parametrize(
    "inside", ["\t", "\n", "\r\n", "  ", "\u00a0", "\u200b", "\u2028", "\ufeff", "<|endoftext|>", "\x00"]
)
@pytest.mark.parametrize("place", ["{0}When John and Mary met, John told", "When John and Mary met,{0} John told"])
def test_nothing_is_stripped_cut_or_joined(model: Model, inside: str, place: str) -> None:
    text = place.format(inside)
    pairs = prompt_pairs(model, text, text, "Mary", "John")
    check_pairs(model, pairs)
    assert pairs.clean_text == pairs.corrupted_text == (text,)
    for tokens in (pairs.clean_tokens, pairs.corrupted_tokens):
        assert model.tokenizer.decode(tokens[0, 1:].tolist(), clean_up_tokenization_spaces=False) == text


@pytest.mark.parametrize("end", [" ", "\t", "\n", "\r\n", "\u00a0", "\u2028"])
def test_white_space_at_the_end_is_refused_not_taken_away(model: Model, end: str) -> None:
    assert "ends in white space" in refusal(model, JOHN + end)


# Batches


def test_rows_of_other_lengths_are_padded_and_roles_are_per_row(model: Model) -> None:
    pairs = prompt_pairs(model, [JOHN, "Then Tom met Sid. Sid told"])
    check_pairs(model, pairs)
    assert pairs.lengths.tolist() == [15, 8]
    assert pairs.roles["S2"].tolist() == [10, 6]
    assert pairs.templates.tolist() == [0, 1]


def test_one_answer_serves_all_rows_or_each_row_has_its_own(model: Model) -> None:
    both = prompt_pairs(
        model, [FRANCE, "The capital of Spain is"], "The capital of Italy is", ["Paris", "Madrid"], "Rome"
    )
    check_pairs(model, both)
    assert both.answers[:, 1].tolist() == [10598, 10598]
    assert both.answers[0, 0] != both.answers[1, 0]
    assert both.corrupted_text == ("The capital of Italy is",) * 2


@pytest.mark.parametrize("column", [tuple, np.array, pd.Series])
def test_a_column_of_texts_is_a_list_of_them(model: Model, column: Any) -> None:
    clean, twins = [JOHN, JOHN.replace("John", "Tom")], [JOHN.replace(", John", ", Mary")] * 2
    pairs = prompt_pairs(model, column(clean), column(twins), column(["Mary"] * 2), column(["John", "Tom"]))
    assert (pairs.clean_text, pairs.corrupted_text) == (tuple(clean), tuple(twins))
    assert pairs.answers.tolist() == [[5335, 1757], [5335, 4186]]


# Any text at all

UNICODE = st.text(st.characters(categories=("L", "M", "N", "P", "S", "Z", "C")), max_size=60)
NAME_PIECES = (" John", "John", " Mary", "Mary", " Nicole", "Nicole", " Johnathan", " Obama", " 日本", " Zoë")
PLAIN_PIECES = (" the", "x", "é", ",", ". ", "!", '"', "'", "'s", "\x00", "\u200b", "<|endoftext|>")
RARE_PIECES = (" ", "\n", "\t", "\u2028", "\ud83d")
PIECES = st.sampled_from((*NAME_PIECES, *PLAIN_PIECES, *RARE_PIECES))
ANY_SENTENCE = st.lists(PIECES, max_size=12).map("".join)
THREE_NAMES = st.lists(st.sampled_from(PLAIN_PIECES), max_size=6).flatmap(
    lambda plain: st.permutations([" John", " John", " Mary", *plain]).map("".join)
)
LONG = st.builds(lambda text, times: text * times, UNICODE, st.integers(1, 400))
ANY_TEXT = st.one_of(UNICODE, ANY_SENTENCE, THREE_NAMES, st.sampled_from([JOHN, FRANCE]))
ROWS = st.one_of(ANY_TEXT, LONG, st.lists(ANY_TEXT, max_size=3))
ANSWER = st.one_of(st.none(), UNICODE, PIECES)
ANSWERS = st.one_of(st.just((None, None)), st.permutations(["John", " Mary", "Paris"]), st.tuples(ANSWER, ANSWER))


@cases(1500)
@given(
    clean=ROWS,
    corrupted=st.one_of(st.none(), st.just("the same"), ROWS),
    answers=ANSWERS,
    corruption=st.sampled_from(CORRUPTIONS),
    prepend_bos=st.booleans(),
)
@example(clean=JOHN, corrupted="\ud800", answers=(None, None), corruption="abc", prepend_bos=True)
@example(clean=JOHN + "\x00", corrupted=None, answers=(None, None), corruption="abc", prepend_bos=False)
@example(clean="A" * 50_000, corrupted=None, answers=("A", "B"), corruption="abc", prepend_bos=False)
def test_any_text_gives_pairs_or_a_prompt_error(
    model: Model, clean: Any, corrupted: Any, answers: Any, corruption: str, prepend_bos: bool
) -> None:
    twin = clean if corrupted == "the same" else corrupted
    try:
        pairs = prompt_pairs(model, clean, twin, answers[0], answers[1], corruption=corruption, prepend_bos=prepend_bos)
    except PromptError as error:
        message = str(error)
        assert message.encode("utf-8")
        assert len(message) < 1500
    else:
        check_pairs(model, pairs)
        assert list(pairs.clean_text) == ([clean] if isinstance(clean, str) else clean)


FILLER = st.text(string.ascii_lowercase + string.digits + " ,;:-_!?.(日é", max_size=20).map(str.strip)


@cases(400)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
    fillers=st.tuples(FILLER, FILLER, FILLER, FILLER),
    abba=st.booleans(),
    corruption=st.sampled_from(("s2_flip", "abc", "CDD", "BAA", "BAB")),
)
def test_roles_and_twins_of_any_sentence_with_two_known_names(
    model: Model, names: list[str], fillers: tuple[str, ...], abba: bool, corruption: str
) -> None:
    io, s = names
    first, second = (io, s) if abba else (s, io)
    opening, middle, then, ending = fillers
    prompt = f"so {opening} {first} x{middle} {second} x{then} {s} {ending} to"  # x: names side by side are one
    pairs = prompt_pairs(model, prompt, corruption=corruption)
    check_pairs(model, pairs)
    assert [model.token_text(token) for token in pairs.answers[0].tolist()] == [f" {io}", f" {s}"]
    at = roles_of(pairs)
    assert (at["IO"] < at["S1"]) == abba
    places = {at["IO"], at["S1"], at["S2"]}
    assert [k for k, token in enumerate(pairs.clean_tokens[0]) if token in pairs.answers[0]] == sorted(places)
    changed = {"s2_flip": {at["S2"]}, "BAB": {at["IO"], at["S1"]}}.get(corruption, places)
    assert differing_positions(pairs, 0) == changed
    if corruption == "abc":
        assert len({*pairs.corrupted_tokens[0, sorted(places)], *pairs.answers[0]}) == 5
