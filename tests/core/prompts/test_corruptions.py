"""Corrupted twins of typed prompts: each does what its corruption says, or is refused."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioi_core import Model, PromptError, UnknownNameError, with_twins
from ioi_core.prompts.corruptions import CORRUPTIONS
from ioi_core.prompts.names import NAMES
from ioi_core.prompts.typed import prompt_pairs
from tests.core.prompts.prompt_checks import check_pairs, differing_positions, tokenizer_only_model

JOHN = "When John and Mary went to the shops, John gave the bag to"


@pytest.fixture(scope="module")
def model() -> Model:
    return tokenizer_only_model()


def refusal(model: Model, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(PromptError) as caught:
        prompt_pairs(model, *args, **kwargs)
    return str(caught.value)


def test_the_s2_flip_changes_s2_only(model: Model) -> None:
    pairs = prompt_pairs(model, JOHN)
    assert pairs.corrupted_text == ("When John and Mary went to the shops, Mary gave the bag to",)
    assert differing_positions(pairs, 0) == {10}


def test_abc_gives_every_place_its_own_new_name(model: Model) -> None:
    prompt = "John and Mary met. Mary saw John: John told"
    pairs = prompt_pairs(model, prompt, io="Mary", s="John", corruption="abc")
    check_pairs(model, pairs)
    changed = sorted(differing_positions(pairs, 0))
    assert changed == [1, 3, 6, 8, 10]
    new = [model.token_text(int(pairs.corrupted_tokens[0, k])).strip() for k in changed]
    assert len({*new, "John", "Mary"}) == 7
    assert set(new) <= set(NAMES)
    again = prompt_pairs(model, prompt, io="Mary", s="John", corruption="abc")
    assert again.corrupted_text == pairs.corrupted_text


def test_abc_never_brings_in_a_name_that_the_text_has(model: Model) -> None:
    left = NAMES[-4:]
    others = ", ".join(name for name in NAMES[:-4] if name not in ("Mary", "John"))
    pairs = prompt_pairs(
        tokenizer_only_model(n_ctx=2048),
        f"So {others}, Mary and John met. John told",
        None,
        "Mary",
        "John",
        corruption="abc",
    )
    new = [pairs.corrupted_tokens[0, k] for k in differing_positions(pairs, 0)]
    assert len(new) == 3
    assert {model.token_text(int(token)).strip() for token in new} <= set(left)


def test_abc_runs_out_of_names_politely(model: Model) -> None:
    message = refusal(tokenizer_only_model(n_ctx=4096), "Mary saw" + ", John" * 900 + " and", corruption="abc")
    assert "901 times, too often" in message


@pytest.mark.parametrize(
    ("corruption", "abba", "baba"),
    [
        ("ABB", "(Mary) and (John) met, (John) told", "(John) and (Mary) met, (John) told"),
        ("CDD", r"(?P<C>\w+) and (?P<D>\w+) met, (?P=D) told", r"(?P<D>\w+) and (?P<C>\w+) met, (?P=D) told"),
        ("BAA", "(John) and (Mary) met, (Mary) told", "(Mary) and (John) met, (Mary) told"),
        ("BAB", "(John) and (Mary) met, (John) told", "(Mary) and (John) met, (John) told"),
        ("DCD", r"(?P<D>\w+) and (?P<C>\w+) met, (?P=D) told", r"(?P<C>\w+) and (?P<D>\w+) met, (?P=D) told"),
        ("ABA", "(Mary) and (John) met, (Mary) told", "(John) and (Mary) met, (Mary) told"),
    ],
)
def test_signal_flips_of_typed_prompts(model: Model, corruption: str, abba: str, baba: str) -> None:
    prompts = ["When Mary and John met, John told", "When John and Mary met, John told"]
    pairs = prompt_pairs(model, prompts, corruption=corruption)
    check_pairs(model, pairs)
    for text, pattern in zip(pairs.corrupted_text, (abba, baba), strict=True):
        match = re.fullmatch(f"When {pattern}", text)
        assert match is not None, text
        if corruption in ("CDD", "DCD"):
            assert len({match["C"], match["D"], "John", "Mary"}) == 4


def test_signal_flips_need_the_pattern_they_name(model: Model) -> None:
    message = refusal(model, "John saw Mary. John saw her. Then John told", corruption="BAA")
    assert "needs io once and s twice" in message
    assert "io x 1 and s x 3" in message


def test_the_s2_flip_exchanges_the_names_wherever_one_was_named_before(model: Model) -> None:
    """Who was named once is now named as often as the other was: never are both repeated if one was not."""
    pairs = prompt_pairs(model, "John saw Mary. John saw her. Then John told")
    assert pairs.corrupted_text == ("John saw Mary. Mary saw her. Then Mary told",)
    both = prompt_pairs(model, "When Mary, John and Mary met, John told", io="Mary", s="John")
    assert both.corrupted_text == ("When Mary, John and John met, Mary told",)


@given(
    names=st.lists(st.sampled_from(["Mary", "John"]), min_size=3, max_size=9).filter(
        lambda names: names.count("John") > 1 and "Mary" in names
    )
)
def test_the_s2_flip_of_any_order_is_the_prompt_with_both_names_exchanged(model: Model, names: list[str]) -> None:
    """That prompt's signal is the reverse; only where each name first stands the names keep their order."""
    text = "so " + " saw ".join(names) + " and"
    pairs = prompt_pairs(model, text, io="Mary", s="John")
    [twin] = pairs.corrupted_text
    flipped = [word for word in twin.split() if word in ("Mary", "John")]
    exchanged = [{"Mary": "John", "John": "Mary"}[name] for name in names]
    first = {names.index("Mary"), names.index("John")}
    assert [name for k, name in enumerate(flipped) if k not in first] == [
        name for k, name in enumerate(exchanged) if k not in first
    ]
    assert [flipped[k] for k in first] == [names[k] for k in first]
    assert flipped.count("Mary") == names.count("John")
    assert twin.replace("Mary", "John") == text.replace("Mary", "John")


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_new_first_names_take_the_place_of_names_only(model: Model, corruption: str) -> None:
    animals = "blue red dog cat blue red cat"
    if corruption in ("abc", "CDD", "DCD"):
        message = refusal(model, animals, io="dog", s="cat", corruption=corruption)
        assert "fits people's names, not 'dog' and 'cat'" in message
        assert "' cat', ' blue'" in message
    else:
        [twin] = prompt_pairs(model, animals, io="dog", s="cat", corruption=corruption).corrupted_text
        assert sorted(set(twin.split())) == ["blue", "cat", "dog", "red"]
    cities = "red Paris blue London red Paris blue"
    assert "fits people's names" in refusal(model, cities, io="London", s="Paris", corruption="abc")


@pytest.mark.parametrize("corruption", ["abc", "CDD"])
@pytest.mark.parametrize(
    ("prompt", "io", "s"),
    [
        ("Cat and Dog and Cat", "Dog", "Cat"),
        ("The Red and Blue teams met, the Red team told the", "Blue", "Red"),
        ("When France and Spain signed a treaty, France gave", "Spain", "France"),
        ("When Paris and London met, Paris told", "London", "Paris"),
        ("When Mary and Spain met, Mary told", "Spain", "Mary"),
    ],
)
def test_capitals_alone_make_no_people(model: Model, prompt: str, io: str, s: str, corruption: str) -> None:
    with pytest.raises(UnknownNameError, match="known neither as a first name nor by a title: if they are") as caught:
        prompt_pairs(model, prompt, io=io, s=s, corruption=corruption)
    assert f"'{io}'" in str(caught.value)


@pytest.mark.parametrize(("io", "s"), [("Clinton", "Obama"), ("Mary", "Obama")])
def test_who_is_said_to_be_a_person_gives_place_to_first_names(model: Model, io: str, s: str) -> None:
    met = f"When {s} and {io} met, {s} told"
    pairs = prompt_pairs(model, met, people=True)
    assert pairs.corrupted_text == (f"When {s} and {io} met, {io} told",)
    for twins in (with_twins(model, pairs[:1], "abc"), prompt_pairs(model, met, corruption="abc", people=True)):
        match = re.fullmatch(r"When (\w+) and (\w+) met, (\w+) told", twins.corrupted_text[0])
        assert match is not None
        assert len({*match.groups(), io, s}) == 5
        assert set(match.groups()) <= set(NAMES)
    with pytest.raises(UnknownNameError, match=r"not .*'Obama' in .* say so where the prompts are made"):
        with_twins(model, prompt_pairs(model, met), "abc")


def test_words_in_small_letters_are_no_people_whatever_is_said(model: Model) -> None:
    for prompt, io in (("blue red dog cat blue red cat", "dog"), ("the cat and Obama met, the cat told", "Obama")):
        with pytest.raises(UnknownNameError, match="'cat'"):
            prompt_pairs(model, prompt, io=io, s="cat", corruption="abc", people=True)


def test_in_a_sentence_of_the_published_templates_whoever_is_named_is_a_person(model: Model) -> None:
    told = "Then, Obama and Clinton went to the store. Obama gave a drink to"
    [twin] = prompt_pairs(model, told, corruption="abc").corrupted_text
    match = re.fullmatch(r"Then, (\w+) and (\w+) went to the store. (\w+) gave a drink to", twin)
    assert match is not None
    assert len({*match.groups(), "Obama", "Clinton"}) == 5
    assert set(match.groups()) <= set(NAMES)


@pytest.mark.parametrize("corruption", ["s2_flip", "abc"])
def test_no_part_of_a_longer_name_is_replaced(model: Model, corruption: str) -> None:
    """Of "John Smith" a twin would make "Mary Smith": another person, and Smith is still named twice."""
    full = "When John Smith and Mary Jones met, John Smith told"
    message = refusal(model, full, io="Mary", s="John", corruption=corruption)
    assert "'John' is part of the longer name 'John Smith'" in message
    assert "or give the corrupted prompt" in message
    brown = "When John Q. Brown and Mary met, John Q. Brown told"
    for short, name in ((brown, "John Q. Brown"), (brown.replace("John Q.", "J."), "J. Brown")):
        message = refusal(model, short, io="Mary", s="Brown", corruption=corruption)
        assert f"'Brown' is part of the longer name '{name}'" in message
    given = prompt_pairs(model, full, "When Tom Brown and Amy Reed met, Dan Bell told", io="Mary", s="John")
    assert {role: int(at[0]) for role, at in given.roles.items()} == {"IO": 5, "S1": 2, "S1+1": 3, "S2": 9, "END": 11}


@pytest.mark.parametrize(("prompt", "s", "other"), [
    ("When JOHN and Mary met, John saw John", "John", "JOHN"),
    ("When José and Mary met, José saw Jose\u0301", "José", "Jose\u0301"),
])  # fmt: skip
def test_no_twin_leaves_a_name_in_other_letters(model: Model, prompt: str, s: str, other: str) -> None:
    for corruption in ("s2_flip", "abc"):
        message = refusal(model, prompt, io="Mary", s=s, corruption=corruption)
        assert f"{other!r} in [" in message
        assert "is io or s in other letters" in message
    may = prompt_pairs(model, "When may and May met Tom, May saw", io="Tom", s="May")
    assert may.corrupted_text == ("When may and May met Tom, Tom saw",)


@pytest.mark.parametrize(("io", "s"), [("Jones", "Smith"), ("Green", "Brown"), ("Green", "King")])
def test_a_title_is_no_part_of_the_name(model: Model, io: str, s: str) -> None:
    mr = f"When Mr. {s} and Mr. {io} met, Mr. {s} told"
    assert prompt_pairs(model, mr, io=io, s=s).corrupted_text == (f"When Mr. {s} and Mr. {io} met, Mr. {io} told",)
    [new] = prompt_pairs(model, mr, io=io, s=s, corruption="abc").corrupted_text
    match = re.fullmatch(r"When Mr. (\w+) and Mr. (\w+) met, Mr. (\w+) told", new)
    assert match is not None
    assert len({*match.groups(), io, s}) == 5


@pytest.mark.parametrize("corruption", ["CDD", "DCD"])
def test_signal_flips_never_fall_back_on_the_old_names(model: Model, corruption: str) -> None:
    everyone = ", ".join(name for name in NAMES if name not in ("Mary", "John"))
    prompt = f"So {everyone}; Mary and John met. John told"
    message = refusal(tokenizer_only_model(n_ctx=2048), prompt, io="Mary", s="John", corruption=corruption)
    assert "too often for a new name each (0 are left)" in message


def test_a_twin_that_would_read_as_other_tokens_is_refused(model: Model) -> None:
    message = refusal(model, "'x met dog. Then x saw", io="dog", s="x", corruption="BAB")
    assert "reads as other tokens" in message
