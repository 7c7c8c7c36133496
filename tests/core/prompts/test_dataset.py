import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioi_core import Model, PromptError, PromptPairs
from ioi_core.prompts.corruptions import CORRUPTIONS
from ioi_core.prompts.dataset import ioi_dataset
from ioi_core.prompts.names import IOI_LISTS
from ioi_core.prompts.templates import FAMILIES, TEMPLATES, Template
from tests.core.prompts.prompt_checks import check_pairs, tokenizer_only_model
from tests.fuzz import cases

# What stands at (first name, second name, S2); x, y, z are new names, each of its own.
EXPECTED = {
    "ABBA": {"clean": "ABB", "s2_flip": "ABA", "abc": "xyz", "ABB": "ABB", "CDD": "xyy", "BAA": "BAA", "BAB": "BAB"}
    | {"DCD": "xyx", "ABA": "ABA"},
    "BABA": {"clean": "BAB", "s2_flip": "BAA", "abc": "xyz", "ABB": "BAB", "CDD": "xyx", "BAA": "ABA", "BAB": "ABB"}
    | {"DCD": "xyy", "ABA": "BAA"},
}


@pytest.fixture(scope="module")
def model() -> Model:
    return tokenizer_only_model()


def names_in(template: Template, text: str) -> list[str]:
    """The names of a filled-in template in order, read from its text alone."""
    pattern = re.escape(template.text.removesuffix(" [A]"))
    for slot, choices in (("A", r"(\w+)"), ("B", r"(\w+)"), ("C", r"(\w+)"), ("PLACE", r"\w+"), ("OBJECT", r"\w+")):
        pattern = pattern.replace(re.escape(f"[{slot}]"), choices)
    match = re.fullmatch(pattern, text)
    assert match is not None, (template, text)
    return list(match.groups())


def letters(names: list[str], clean: dict[str, str]) -> str:
    """Names as letters: A, B, C of the clean prompt; x, y, z ... are others, by first appearance."""
    known = {name: letter for letter, name in clean.items()}
    for name in names:
        known.setdefault(name, "xyzuv"[len(known) - len(clean)])
    return "".join(known[name] for name in names)


def check_row(pairs: PromptPairs, row: int, corruption: str, model: Model) -> None:
    """The names of one row, read from its texts, follow the template and the corruption."""
    template = TEMPLATES[pairs.templates[row]]
    slots = [slot for slot in template.slots if slot in "ABC"]
    clean, corrupted = (names_in(template, texts[row]) for texts in (pairs.clean_text, pairs.corrupted_text))
    named = dict(zip(slots, clean, strict=True))
    assert [named[slot] for slot in slots] == clean
    assert len(set(named.values())) == len(named)
    assert [model.token_text(token) for token in pairs.answers[row].tolist()] == [f" {named['A']}", f" {named['B']}"]
    expected = EXPECTED[template.order]
    if "C" not in slots:
        assert letters(clean, named) == expected["clean"]
        assert letters(corrupted, named) == expected[corruption]
    elif corruption == "abc":
        assert letters(corrupted, named) == "xyzuv"
    else:
        kept = [name for slot, name in zip(slots, corrupted, strict=True) if slot == "C"]
        assert kept == [named["C"]] * 2
        others = [name for slot, name in zip(slots, corrupted, strict=True) if slot != "C"]
        assert letters(others, {k: v for k, v in named.items() if k != "C"}) == expected[corruption]
        assert named["C"] not in others


def same(one: PromptPairs, other: PromptPairs) -> bool:
    arrays = ("clean_tokens", "corrupted_tokens", "lengths", "answers", "templates")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)


# Templates


def test_templates_are_all_of_the_lists_and_their_twins() -> None:
    texts = {(family, text) for family, name in FAMILIES.items() for text in IOI_LISTS[name]}
    assert len(TEMPLATES) == 2 * len(texts) == 100
    assert texts < {(template.family, template.text) for template in TEMPLATES}
    for k, template in enumerate(TEMPLATES):
        assert template.number == k
        assert template.order == ("BABA" if k < 50 else "ABBA")
        assert template.slots.count("A") == 1
        assert template.slots.count("B") == 2
        assert template.text.endswith(" to [A]")


def test_numbers_are_the_documented_ones() -> None:
    starts = [TEMPLATES[k].family for k in (0, 14, 15, 29, 30, 37, 38, 45, 46, 49)]
    assert starts == [family for family in FAMILIES for _ in range(2)]
    assert TEMPLATES[3].text == IOI_LISTS["BABA_TEMPLATES"][3]
    assert TEMPLATES[96].text == IOI_LISTS["ABC_TEMPLATES"][0]
    assert TEMPLATES[55].text == "After [A] and [B] went to the [PLACE], [B] gave a [OBJECT] to [A]"
    assert TEMPLATES[46].text.startswith("Then, [B], [A] and [C] went to the [PLACE]. [B] and [C] gave")


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        ("mixed", [0, 50, 1, 51, 2, 52, 3, 53, 4, 54, 5, 55, 6, 56, 0]),
        ("BABA", [*range(15), 0]),
        ("ABBA", [*range(50, 65), 50]),
        ([7, 99, 7], [7, 99, 7, 7]),
        (range(3), [0, 1, 2, 0]),
    ],
)
def test_templates_go_round(model: Model, selection: Any, numbers: list[int]) -> None:
    assert ioi_dataset(model, len(numbers), templates=selection).templates.tolist() == numbers


# Prompts


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_every_template_with_every_corruption(model: Model, corruption: str) -> None:
    pairs = ioi_dataset(model, 300, seed=3, templates=list(range(100)), corruption=corruption)
    check_pairs(model, pairs)
    for row in range(300):
        check_row(pairs, row, corruption, model)
    padded = pairs.clean_tokens == 50256
    assert (padded.sum(1) == pairs.lengths.max() - pairs.lengths + 1).all()
    assert len(set(pairs.lengths.tolist())) > 5


@cases(150)
@given(
    n=st.integers(1, 30),
    seed=st.integers(0, 2**40),
    templates=st.one_of(
        st.sampled_from(["mixed", "ABBA", "BABA"]), st.lists(st.integers(0, 99), min_size=1, max_size=9)
    ),
    corruption=st.sampled_from(CORRUPTIONS),
    prepend_bos=st.booleans(),
)
def test_any_request_gives_prompts_with_distinct_names_in_their_roles(
    model: Model, n: int, seed: int, templates: Any, corruption: str, prepend_bos: bool
) -> None:
    pairs = ioi_dataset(model, n, seed=seed, templates=templates, corruption=corruption, prepend_bos=prepend_bos)
    check_pairs(model, pairs)
    assert len(pairs) == n
    for row in range(n):
        check_row(pairs, row, corruption, model)
        at = {role: int(where[row]) for role, where in pairs.roles.items()}
        clean = pairs.clean_tokens[row].tolist()
        io, s = pairs.answers[row].tolist()
        assert [k for k, token in enumerate(clean) if token == io] == [at["IO"]]
        assert [k for k, token in enumerate(clean) if token == s] == [at["S1"], at["S2"]]


def test_25_mixed_prompts_are_balanced(model: Model) -> None:
    pairs = ioi_dataset(model, 25)
    assert sorted(Counter(TEMPLATES[k].order for k in pairs.templates).values()) == [12, 13]
    per_template = Counter(pairs.templates.tolist())
    assert len(per_template) == 14
    assert set(per_template.values()) == {1, 2}


def test_names_places_and_objects_vary(model: Model) -> None:
    pairs = ioi_dataset(model, 400)
    assert len(set(pairs.answers[:, 0].tolist())) > 90
    text = " ".join(pairs.clean_text)
    assert [word for word in (*IOI_LISTS["PLACES"], *IOI_LISTS["OBJECTS"]) if f" {word}" not in text] == []


def test_the_seed_decides_all(model: Model) -> None:
    assert same(ioi_dataset(model, 40, seed=1), ioi_dataset(model, 40, seed=1))
    assert not same(ioi_dataset(model, 40, seed=1), ioi_dataset(model, 40, seed=2))


def test_a_longer_data_set_begins_with_the_shorter_one(model: Model) -> None:
    assert ioi_dataset(model, 60).clean_text[:20] == ioi_dataset(model, 20).clean_text


def test_corruption_and_bos_leave_the_clean_prompts_alone(model: Model) -> None:
    plain = ioi_dataset(model, 30)
    assert {ioi_dataset(model, 30, corruption=name).clean_text for name in CORRUPTIONS} == {plain.clean_text}
    without = ioi_dataset(model, 30, prepend_bos=False)
    assert np.array_equal(without.clean_tokens, plain.clean_tokens[:, 1:])
    assert np.array_equal(without.roles["S2"], plain.roles["S2"] - 1)


# What is refused


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"n": 0}, "from 1 to 100000, got 0"),
        ({"n": 10**5 + 1}, "got 100001"),
        ({"n": 10**5000}, "got int"),
        ({"n": 2.0}, "got 2.0"),
        ({"n": True}, "got True"),
        ({"n": "3"}, "got '3'"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"templates": "BAAB"}, "unknown templates 'BAAB': allowed are \"mixed\""),
        ({"templates": []}, "list of length 0: allowed are"),
        ({"templates": 3}, "unknown templates 3"),
        ({"templates": [100]}, "from 0 to 99, got 100"),
        ({"templates": [0, -1]}, "from 0 to 99, got -1"),
        ({"templates": ["x"]}, "got 'x'"),
        ({"corruption": "ABC"}, "unknown corruption 'ABC': allowed are s2_flip, abc, ABB"),
        ({"corruption": None}, "unknown corruption None"),
    ],
)
def test_refusals_say_what_was_got_and_what_is_allowed(model: Model, request_: dict[str, Any], says: str) -> None:
    with pytest.raises(PromptError, match=re.escape(says)):
        ioi_dataset(model, **{"n": 4, **request_})


def test_prompts_longer_than_the_context_are_refused() -> None:
    small = tokenizer_only_model(n_ctx=20)
    with pytest.raises(PromptError, match="tokenizer-only reads at most 20"):
        ioi_dataset(small, 14)
    assert ioi_dataset(small, 3, templates=[0]).lengths.tolist() == [16, 16, 16]


def test_whole_numbers_of_numpy_are_whole_numbers(model: Model) -> None:
    assert same(ioi_dataset(model, np.int64(5), seed=np.int64(2)), ioi_dataset(model, 5, seed=2))
