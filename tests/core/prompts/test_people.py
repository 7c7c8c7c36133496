"""Only a whole name counts: sentences full of titles, initials, hyphens and accents, each read rightly or refused."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ioi_core import Model, NotIOIError, PromptError
from ioi_core.prompts.names import NAMES
from ioi_core.prompts.typed import prompt_pairs
from tests.core.prompts.prompt_checks import check_pairs, tokenizer_only_model
from tests.fuzz import cases


@pytest.fixture(scope="module")
def model() -> Model:
    return tokenizer_only_model()


# How a sentence may show a name, as (what stands there, the whole name). In the first, the name stands alone; in the
# second it is a word of a longer name; in the third it is only a piece of a word.
ALONE = [("{}", "{}"), ('"{}"', "{}"), ("‘{}’", "{}"), ("({})", "{}"), ("{}'s", "{}"), ("{}’s", "{}"), ("*{}*", "{}")]
LONGER = [
    "Mr. {}", "Mrs {}", "Dr. {}", "Prof. {}", "Sir {}", "King {}", "{} Smith", "Barack {}", "J. {}", "{} F. Doe",
    "{} F.", "{} van Beethoven", "{} the Baptist", "{} II", "J.R.R. {}", "Mr. {} Smith", "{} Q",
]  # fmt: skip
PIECES = [
    "{}-Laure", "Jean-{}", "{}‑Laure", "O'{}", "D’{}", "{}\u0301", "{}athan", "{}2", "2{}", "{}_", "_{}", "{}_Smith",
    "@{}", "{}/Zoë", "{}.com", "{}\u200b", "Mc{}", "{}\u00adx", "{}&Sons",
    "O`{}", "{}(Laure)", "{}:Laure", "{}<b>Laure", "[x]{}", '{}"Laure', "{}“Laure”", "<b>{}</b>", "{}|Zoë",
]  # fmt: skip
FORMS = [*ALONE, *((form, form) for form in (*LONGER, *PIECES)), ("CAPITALS", "CAPITALS")]
OPENERS = [
    "When ",
    "On Monday, ",
    "In Paris, ",
    'He said: "When ',
    "Yesterday, in May, ",
    "Friends ",
    "",
    "I saw that ",
]
FRAMES = ["{}{} and {} met, {} told", "{}{}, a friend, met {}. Then {} told", "{}{} met {} in London. {} told"]


def shown_as(form: tuple[str, str], name: str) -> tuple[str, str]:
    if form[0] == "CAPITALS":
        return name.upper(), name.upper()
    return form[0].format(name), form[1].format(name)


@cases(1500)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
    forms=st.tuples(*[st.one_of(st.sampled_from(ALONE), st.sampled_from(FORMS))] * 3),
    same=st.booleans(),
    abba=st.booleans(),
    opener=st.sampled_from(OPENERS),
    frame=st.sampled_from(FRAMES),
)
@example(["Jones", "Smith"], (("Mrs. {}",) * 2, ("Mr. {}",) * 2, ("{}", "{}")), True, False, "When ", FRAMES[0])
def test_a_sentence_of_names_in_any_form_is_read_rightly_or_refused(
    model: Model,
    names: list[str],
    forms: tuple[tuple[str, str], ...],
    same: bool,
    abba: bool,
    opener: str,
    frame: str,
) -> None:
    io, s1 = (shown_as(form, name) for form, name in zip(forms, names, strict=False))
    s2 = s1 if same else shown_as(forms[2], names[1])
    first, second = (io, s1) if abba else (s1, io)
    text = frame.format(opener, first[0], second[0], s2[0])
    right = [f" {io[1]}", f" {s1[1]}"]
    plain = {form[1] for form in forms[: 2 if same else 3]} == {"{}"}
    try:
        pairs = prompt_pairs(model, text)
    except NotIOIError:
        assert not plain, f"{text} is plain and was asked about"
    except PromptError:
        pass  # a name of several tokens, such as one in quotes
    else:
        check_pairs(model, pairs)
        assert s1[1] == s2[1], f"{text} names nobody twice"
        assert [model.token_text(token) for token in pairs.answers[0].tolist()] == right


@cases(1000)
@given(
    names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
    forms=st.lists(st.tuples(st.booleans(), st.sampled_from(FORMS)), min_size=1, max_size=6),
)
def test_given_names_occur_as_whole_words_only(
    model: Model, names: list[str], forms: list[tuple[bool, tuple[str, str]]]
) -> None:
    text, at = "so", {True: [], False: []}
    for is_s, form in forms:
        written, _ = shown_as(form, names[is_s])
        whole = form in ALONE or form[0] in LONGER
        if whole:
            at[is_s].append(len(text) + 1 + form[0].index("{"))
        text += f" {written} saw"
    try:
        pairs = prompt_pairs(model, text, text, names[0], names[1], prepend_bos=False)
    except PromptError:
        quoted = [names[is_s] for is_s, form in forms if form[0] in ('"{}"', "‘{}’", "({})", "*{}*")]
        assert any(len(model.encode(name)) > 1 for name in quoted), "only a name without its space may be two tokens"
        return
    check_pairs(model, pairs)
    if len(at[True]) < 2 or not at[False]:
        assert set(pairs.roles) == {"END"}
        return
    offsets = model.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    token_at = {k: number for number, (start, stop) in enumerate(offsets) for k in range(start, stop)}
    assert pairs.roles["S1"].tolist() == [token_at[at[True][0]]]
    assert pairs.roles["S2"].tolist() == [token_at[at[True][-1]]]
    assert pairs.roles["IO"].tolist() == [token_at[at[False][0]]]


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("When Mr. Smith and Mrs. Jones met, Mr. Smith told", ["'Mr. Smith' x 2", "'Mrs. Jones' x 1"]),
        ("When John Smith and Mary Jones met, John Smith told", ["'John Smith' x 2", "'Mary Jones' x 1"]),
        ("When J. Smith and Mary met, J. Smith told", ["'J. Smith' x 2", "'Mary' x 1"]),
        ("When John and Mary met, JOHN told", ["'John' x 1", "'JOHN' x 1"]),
        ("John went to Paris. Then John told", ["'John' x 2", "'Paris' x 1"]),  # a place is nobody
        ("On Monday, Obama met her. Then Obama told", ["found 'Obama' x 2 in"]),
        ("John speaks French. John told", ["'John' x 2", "'French' x 1"]),
        ("When John, Mary and Obama met, John told", ["'Obama' x 1"]),  # which of two is IO?
        ("When Obama, John and Mary met, John told", ["'Obama' x 1"]),
        ("When John and Mary met Anne-Laure, John told", ["'Anne-Laure' x 1"]),
        ("When John and Mary met Mr. Smith, John told", ["'Mr. Smith' x 1"]),
        ("When John and Mary met John Smith, John told", ["'John Smith' x 1"]),
        # A surname that is an ordinary word in small letters, or itself a title.
        ("When Mary and Mr. Brown met John, John told", ["'Mr. Brown' x 1"]),
        ("When Mary and Mrs. Cook met John, John told", ["'Mrs. Cook' x 1"]),
        ("After Dr. Young and Tom met Ann, Tom told", ["'Dr. Young' x 1"]),
        ("After Mr. King and Tom met Ann, Tom told", ["'Mr. King' x 1", "'Tom' x 2", "'Ann' x 1"]),
        ("When J. Brown and Tom met Ann, Tom told", ["'J. Brown' x 1"]),
        ("J. Brown and Tom met Ann, Tom told", ["'J. Brown' x 1"]),
        ("Barack Obama and Tom met Ann, Tom told", ["'Barack Obama' x 1"]),
        ("Barack Obama met Mary. Barack Obama told", ["'Mary' x 1"]),
        ("When John and Mary went to John's house, Mary told", ["'John' x 2", "'Mary' x 2"]),
        ("WHEN JOHN AND MARY MET, JOHN TOLD", ["'JOHN AND MARY MET' x 1"]),
    ],
)
def test_what_is_no_plain_pair_of_names_is_asked_about(model: Model, prompt: str, found: list[str]) -> None:
    with pytest.raises(NotIOIError, match=r"give io .* and s ") as caught:
        prompt_pairs(model, prompt)
    assert [part for part in found if part not in str(caught.value)] == [], caught.value
    assert str(caught.value).count(". ") - prompt.count(". ") <= 1 + str(caught.value).count("Mr. ")


@pytest.mark.parametrize(
    "listed",
    [
        "<b>Obama</b>, Tom and Mary", "<b>Obama</b> and Tom and Mary", '"Obama", Tom and Mary', "“Obama”, Tom and Mary",
        "*Obama*, Tom and Mary", "(Obama), Tom and Mary", "[Obama] [Tom] [Mary]", "Obama , Tom and Mary",
        "Obama; Tom; Mary", "Obama & Tom and Mary", "Obama / Tom / Mary", "Obama—Tom—Mary", "Obama,Tom and Mary",
        "Tom, Mary and <b>Obama</b>", "Tom, Mary & Obama", "Tom, Mary or Obama", "Obama und Tom und Mary",
        "Obama’s, Tom’s and Mary’s friends", "Obama (44), Tom (30) and Mary",
    ],
)  # fmt: skip
def test_a_third_name_in_the_list_is_asked_about_whatever_signs_stand_beside_it(model: Model, listed: str) -> None:
    """Any of the other two may be the answer; that the app does not know the third is no reason to pass over it."""
    with pytest.raises(NotIOIError, match=r"Obama[^ ]* x 1"):
        prompt_pairs(model, f"When {listed} went to the store, Tom told")


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("Anne-Laure", "[' Anne', '-', 'La', 'ure']"),
        ("Anne(Laure)", "[' Anne', '(', 'La', 'ure']"),
        ("Anne:Laure", "[' Anne', ':', 'La', 'ure']"),
        ("Anne<b>Laure", "[' Anne', '<', 'b', '>', 'La', 'ure']"),
        ("O'Brien", "[' O', \"'\", 'Brien']"),
        ("O`Grant", "[' O', '`', 'Grant']"),
        ("John2", "[' John', '2']"),
    ],
)
def test_a_name_of_several_tokens_is_refused_with_its_tokens(model: Model, name: str, tokens: str) -> None:
    with pytest.raises(PromptError) as caught:
        prompt_pairs(model, f"When {name} and Peter met, {name} told")
    assert "a name must be one token" in str(caught.value)
    assert tokens in str(caught.value)


def test_an_accent_counts_in_one_unicode_form_and_is_refused_in_the_other(model: Model) -> None:
    composed = "When José and Mary met, José told"
    pairs = prompt_pairs(model, composed)
    assert [model.token_text(token) for token in pairs.answers[0].tolist()] == [" Mary", " José"]
    for apart in (unicodedata.normalize("NFD", composed), composed.replace("é", "e\u0301", 1)):
        with pytest.raises(PromptError, match=r"' Jose', "):
            prompt_pairs(model, apart)


@pytest.mark.parametrize(
    ("prompt", "io", "s"),
    [
        ("When John and Mary met Johnathan, John told", " Mary", " John"),  # who else is there is not considered
        ("In Paris, John and Mary met. Paris is where John told", " Mary", " John"),
        ("When Obama and Clinton met in Paris, Obama told", " Clinton", " Obama"),
        ("When John (Paris) and Mary (London) met, John told", " Mary", " John"),
        ("In Paris / John and Mary met. John told", " Mary", " John"),
        ("A Story About Obama\nJohn and Mary met. John told", " Mary", " John"),
        ("The story by Obama: John and Mary met. John told", " Mary", " John"),
        ("word word When Mary and John met, John told", " Mary", " John"),
        ("word word Mary John John", " Mary", " John"),  # a name has no word twice
        ("When Father, Mother, Mary and John met. Then Mary told", " John", " Mary"),  # a title alone is no name
        ("He said: “When Mary and John met, John told", " Mary", " John"),  # "When" opens what he said
        ("When Mary and John went to the store. Brown bags were there. John told", " Mary", " John"),
        ("<|endoftext|>John and Mary met, John told", " Mary", " John"),  # what stands for BOS is no part of a name
        ("When John—a friend—and Mary met, ‘John’ told", " Mary", " John"),
    ],
)
def test_what_stands_beside_the_names_does_not_matter(model: Model, prompt: str, io: str, s: str) -> None:
    pairs = prompt_pairs(model, prompt, prompt)
    assert [model.token_text(token) for token in pairs.answers[0].tolist()] == [io, s]
