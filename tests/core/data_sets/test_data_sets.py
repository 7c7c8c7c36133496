"""Data sets: what published and hand-made files hold, read right or refused by row."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioi_core import Model, PromptError, PromptPairs, arena_pairs, ioi_dataset, pairs_as_csv, read_pairs, task_dataset
from ioi_core.data_sets.pairs import pairs_of
from ioi_core.data_sets.rows import as_text, parse_rows
from tests.core.prompts.prompt_checks import check_pairs, tokenizer_only_model
from tests.fuzz import cases

MARY = "When John and Mary went to the shops, John gave the bag to"
TWIN = "When John and Mary went to the shops, Mary gave the bag to"
FRANCE, ITALY = "The capital of France is", "The capital of Italy is"


@pytest.fixture(scope="module")
def model() -> Model:
    return tokenizer_only_model()


def saved(tmp_path: Path, data: str | bytes) -> Path:
    path = tmp_path / "data"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def assert_same(one: PromptPairs, other: PromptPairs) -> None:
    for name in ("clean_tokens", "corrupted_tokens", "lengths", "answers"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.roles.keys() == other.roles.keys()
    for role, positions in one.roles.items():
        np.testing.assert_array_equal(positions, other.roles[role])
    assert (one.clean_text, one.corrupted_text) == (other.clean_text, other.corrupted_text)
    assert (one.answer_sets, one.labels) == (other.answer_sets, other.labels)


FILES = {
    "csv": f'clean,corrupted,io,s\n"{MARY}","{TWIN}",Mary,John\n',
    "csv of Excel": f'\ufeffclean;corrupted;io;s\r\n"{MARY}";"{TWIN}";Mary;John\r\n',
    "tsv": f"clean\tcorrupted\tio\ts\n{MARY}\t{TWIN}\tMary\tJohn\n",
    "other order, other case, more columns": f'S,IO,x,Corrupted,Clean\nJohn,Mary,1,"{TWIN}","{MARY}"\n',
    "jsonl": json.dumps({"clean": MARY, "corrupted": TWIN, "io": "Mary", "s": "John"}) + "\n",
    "json list": json.dumps([{"clean": MARY, "corrupted": TWIN, "io": " Mary", "s": " John"}], indent=2),
    "EAP-IG, token ids": f'clean,corrupted_hard,correct_idx,incorrect_idx\n"{MARY}","{TWIN}",5335,1757\n',
    "auto-circuit": json.dumps(
        {"prompts": [{"clean": MARY, "corrupt": TWIN, "answers": [" Mary"], "wrong_answers": [" John"]}]}
    ),
    "feature-circuits": json.dumps(
        {"clean_prefix": MARY, "patch_prefix": TWIN, "clean_answer": " Mary", "patch_answer": " John"}
    ),
    "EWoK": f'Context1,Context2,Target1,Target2\n"{MARY}","{TWIN}",Mary,John\n',
    "csv that tells Excel its delimiter": f'sep=;\r\nclean;corrupted;io;s\r\n"{MARY}";"{TWIN}";Mary;John\r\n',
    "names of columns in other spellings": f'Clean Prompt,corrupted-prompt,IO,S\n"{MARY}","{TWIN}",Mary,John\n',
    "token ids that pandas wrote": f'clean,corrupted,correct_idx,incorrect_idx\n"{MARY}","{TWIN}",5335.0,1757.0\n',
    "blank lines first": f'\n  \r\n\t\nclean,corrupted,io,s\n"{MARY}","{TWIN}",Mary,John\n',
    "lines of a very old Mac": f'clean;corrupted;io;s\r"{MARY}";"{TWIN}";Mary;John\r"";;;\r',
    "one object on several lines": json.dumps({"clean": MARY, "corrupted": TWIN, "io": "Mary", "s": "John"}, indent=2),
    "choices": json.dumps({"prompt": MARY, "corrupted": TWIN, "choices": ["John", "Mary"], "answerKey": 1}),
    "choices in a table": f'prompt,corrupted,choices,answerKey\n"{MARY}","{TWIN}","[""Mary"", ""John""]",0\n',
    "found names, made twin": f'clean\n"{MARY}"\n',
    "empty cells": f'clean,corrupted,io,s\n"{MARY}",,,\n\n',
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_files_of_all_kinds_are_read_as_the_same_prompt(model: Model, tmp_path: Path, data: str) -> None:
    assert_same(read_pairs(model, saved(tmp_path, data)), arena_pairs(model)[0])


def test_a_byte_order_mark_that_was_pasted_is_no_part_of_the_first_name() -> None:
    for text in (FILES["csv"], FILES["jsonl"]):
        assert parse_rows("\ufeff" + text) == parse_rows(text)


def test_utf_16_with_its_mark_is_read(model: Model, tmp_path: Path) -> None:
    assert_same(read_pairs(model, str(saved(tmp_path, FILES["csv"].encode("utf-16")))), arena_pairs(model)[0])


def test_labels_and_sets_and_lines_are_read(model: Model, tmp_path: Path) -> None:
    rows = [
        {"clean": FRANCE, "corrupted": ITALY, "io": ["Paris", "France"], "s": "Rome", "label": "west"},
        {"clean": "Two\nlines of\ntext", "corrupted": "Two\nlines of\nwords", "io": "a", "s": ["b", "c"], "group": 7},
    ]
    pairs = read_pairs(model, saved(tmp_path, "\n".join(map(json.dumps, rows))), prepend_bos=False)
    assert pairs.labels == ("west", "7")
    assert pairs.clean_text[1] == "Two\nlines of\ntext"
    ids = {word: model.encode(f" {word}")[0] for word in ("Paris", "France", "Rome", "a", "b", "c")}
    assert pairs.answer_sets == (
        ((ids["Paris"], ids["France"]), (ids["Rome"],)),
        ((ids["a"],), (ids["b"], ids["c"])),
    )
    assert pairs.answers.tolist() == [[ids["Paris"], ids["Rome"]], [ids["a"], ids["b"]]]
    assert pairs.roles["END"].tolist() == (pairs.lengths - 1).tolist()
    assert set(pairs.roles) == {"END"}


def test_answers_without_a_space_are_taken_as_written(model: Model, tmp_path: Path) -> None:
    data = "clean,corrupted,io,s\nin the year 17,in the year 18,42,40\n"
    assert read_pairs(model, saved(tmp_path, data), answer_space=False).answers.tolist() == [[3682, 1821]]
    assert read_pairs(model, saved(tmp_path, data)).answers.tolist() == [[5433, 2319]]


def test_names_are_peoples_where_the_reader_is_told_so(model: Model, tmp_path: Path) -> None:
    met = "When {} and {} met, {} told"
    path = saved(tmp_path, f'clean\n"{met.format("Obama", "Clinton", "Obama")}"\n"{met.format("Tom", "Ann", "Tom")}"\n')
    pairs = read_pairs(model, path, corruption="abc", people=True)
    assert (len(pairs), pairs.people) == (2, True)
    with pytest.raises(PromptError, match=r"1 rows .* row 1: .*'Clinton' and 'Obama'"):
        read_pairs(model, path, corruption="abc")


def test_the_choice_that_is_right_is_told_by_its_number(model: Model) -> None:
    row = {"clean": FRANCE, "corrupted": ITALY, "choices": ["Rome", "Paris", "Madrid"]}
    pairs = pairs_of(model, parse_rows(json.dumps([row | {"answerKey": k} for k in range(3)]))).pairs
    assert pairs is not None
    [rome], [paris], [madrid] = (model.encode(f" {city}") for city in ("Rome", "Paris", "Madrid"))
    right, wrong = ((rome,), (paris,), (madrid,)), ((paris, madrid), (rome, madrid), (rome, paris))
    assert pairs.answer_sets == tuple(zip(right, wrong, strict=True))


def test_columns_that_mean_nothing_here_are_named() -> None:
    """A "corruped" column would else leave the twin to be made without a word."""
    [row] = parse_rows(f'clean,corruped,io,s,note,,corrupted,corrupt\n"{MARY}",x,Mary,John,,9,"{TWIN}",y\n')
    assert row.unread == ("corruped", "corrupt")
    [row] = parse_rows(json.dumps({"clean": MARY, "choices": ["Mary", "John"], "answerKey": 0, "meta": {"a": [1]}}))
    assert row.unread == ("meta",)


BAD_ROWS = {
    "a clean prompt that is empty": ({"clean": "", "io": "a", "s": "b"}, "it has no clean prompt"),
    "text wanted": ({"clean": 5}, "its clean is 5, text is wanted"),
    "an answer of two tokens": (
        {"clean": FRANCE, "corrupted": ITALY, "io": "Paris Rome", "s": "a"}, "must be one token",
    ),
    "several answers, one of two tokens": (
        {"clean": FRANCE, "corrupted": ITALY, "io": ["Paris", "Ulan Bator"], "s": "a"}, "must be one token",
    ),
    "an answer right and wrong": (
        {"clean": FRANCE, "corrupted": ITALY, "io": ["Paris", "Rome"], "s": "Rome"}, "stands there twice",
    ),
    "choices of which none is right": (
        {"clean": FRANCE, "corrupted": ITALY, "choices": ["Paris", "Rome"]}, "its answerKey is None: a number",
    ),
    "a choice that is not there": (
        {"clean": FRANCE, "corrupted": ITALY, "choices": ["Paris", "Rome"], "answerKey": 2}, "its answerKey is 2",
    ),
    "choices that are no list": ({"clean": FRANCE, "choices": "Paris", "answerKey": 0}, "its choices are 'Paris'"),
    "one answer only": ({"clean": FRANCE, "corrupted": ITALY, "io": "Paris"}, "got io without s"),
    "no twin": ({"clean": FRANCE, "io": "Paris", "s": "Rome"}, "corrupted"),
    "other lengths": ({"clean": FRANCE, "corrupted": "Italy", "io": "Paris", "s": "Rome"}, "tokens"),
    "an id beyond the vocabulary": (
        {"clean": FRANCE, "corrupted": ITALY, "correct_idx": 50257, "incorrect_idx": 1}, "ids 0 to 50256",
    ),
    "an id that is no number": ({"clean": FRANCE, "corrupted": ITALY, "correct_idx": "x", "incorrect_idx": 1}, "'x'"),
    "an id of half a character": (
        {"clean": FRANCE, "corrupted": ITALY, "correct_idx": 447, "incorrect_idx": 1}, "no text of its own",
    ),
    "a lone surrogate": ({"clean": FRANCE, "corrupted": ITALY, "io": ["a", "\ud800"], "s": "b"}, "half of a character"),
    "a label of half a character": ({"clean": MARY, "label": "\ud800"}, "its label has half of a character"),
    "a broken list": ({"clean": FRANCE, "corrupted": ITALY, "io": "[1,", "s": "b"}, "must be one token"),
    "an empty list": ({"clean": FRANCE, "corrupted": ITALY, "io": [], "s": "b"}, "a list of texts, is wanted"),
    "another kind": ({"clean": FRANCE, "corrupted": ITALY, "io": "Paris", "s": "Rome"}, "no IOI prompt and most of"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "says"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_cannot_be_used_is_listed_and_the_others_are_kept(model: Model, tmp_path: Path, row, says) -> None:
    path = saved(tmp_path, "\n".join(map(json.dumps, [{"clean": MARY}, row, {"clean": TWIN}])))
    with pytest.raises(PromptError, match="1 rows of the data set cannot be used: row 2: ") as refusal:
        read_pairs(model, path)
    assert says in str(refusal.value)
    assert read_pairs(model, path, skip=True).clean_text == (MARY, TWIN)


BAD_FILES = {
    "a space before a quote": f'label, clean, corrupted, io, s\nx, "{FRANCE}", "{ITALY}", Paris, Rome\n',
    "utf-16 without its mark": "clean,io,s\na,b,c\n".encode("utf-16-le"),
    "empty": "",
    "no rows": "clean,io,s\n",
    "no clean": "text,io,s\na,b,c\n",
    "two of one name": "clean,clean\na,b\n",
    "open quote": 'clean,io\n"When John',
    "not text": b"\x80\x81\xff",
    "half utf-16": b"\xff\xfea",
    "no object": "[1, 2]",
}


@pytest.mark.parametrize("data", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_data_set_is_refused_in_words(model: Model, tmp_path: Path, data) -> None:
    with pytest.raises(PromptError, match="data set"):
        read_pairs(model, saved(tmp_path, data), skip=True)


@pytest.mark.parametrize("path", ["/no/such/file", "", None, 3, "a\0b"])
def test_a_path_that_cannot_be_read_is_refused(model: Model, path) -> None:
    with pytest.raises(PromptError, match="cannot be read"):
        read_pairs(model, path)


def test_cells_too_many_are_one_rows_fault(model: Model) -> None:
    found = pairs_of(model, parse_rows(f"clean,io,s\n{MARY},Mary,John\n{MARY.replace(',', '')},Mary,John\n"))
    assert found.refused.keys() == {1}
    assert "put a text that holds ',' into quotes" in found.refused[1]
    assert found.pairs is not None


def exported(model: Model, pairs: PromptPairs) -> PromptPairs:
    again = pairs_of(model, parse_rows(pairs_as_csv(model, pairs)), prepend_bos=pairs.prepend_bos)
    assert not again.refused
    assert again.pairs is not None
    return again.pairs


def test_what_goes_out_comes_back_the_same(model: Model, tmp_path: Path) -> None:
    for pairs in (arena_pairs(model), ioi_dataset(model, 30, corruption="abc", prepend_bos=False)):
        assert_same(exported(model, pairs), pairs)
    for task in ("greater_than", "docstring", "capital"):
        pairs = task_dataset(model, task, 20)
        assert_same(exported(model, pairs), pairs)
    labelled = read_pairs(model, saved(tmp_path, f'clean,label\n"{MARY}","a, ""b"""\n"{TWIN}",\n'))
    assert labelled.labels == ('a, "b"', "")
    assert_same(exported(model, labelled), labelled)


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: not text[-1].isspace())


@cases(100)
@given(texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_any_text_goes_out_and_comes_back(model: Model, texts: list[tuple[str, str]]) -> None:
    rows = [{"clean": clean, "corrupted": clean, "io": "a", "s": "b", "label": label} for clean, label in texts]
    found = pairs_of(model, parse_rows("\n".join(map(json.dumps, rows))))
    assert found.pairs is not None
    check_pairs(model, found.pairs)
    assert found.pairs.clean_text == tuple(clean for clean, _ in texts)
    assert_same(exported(model, found.pairs), found.pairs)


HEADINGS = (
    "clean,io,s", "clean\tcorrupted\tio\ts\tlabel", "sep=;\nclean;io;s", "clean, corrupted, io, s", "\ufeffclean;label",
    "prompt,choices,answerKey", "clean,correct_idx,incorrect_idx,answer_space", "[", '{"clean": 1', '{"prompts": [',
)  # fmt: skip
CELLS = (
    f'"{MARY}"', f' "{TWIN}"', MARY, "Mary", " John", '["Mary"', '"[""Mary"", ""John""]"', "0", "5335.0", "true", "",
    '"', ",", ";", "\t", "\n", "\r\n", "\r", "\0", "]", "}",
    json.dumps({"clean": MARY, "choices": ["a", "b"], "answerKey": 1}),
    f'"{MARY}",Mary,John\n', f'"{MARY}";Mary;John\n', f'"{MARY}","[""John"", ""Mary""]",1\n',
    f"{MARY}\t{TWIN}\tMary\tJohn\tx\n",
)  # fmt: skip
LIKE_A_FILE = st.builds(
    lambda heading, cells, codec: "\n".join([heading, "".join(cells)]).encode(codec, "replace"),
    st.sampled_from(HEADINGS),
    st.lists(st.sampled_from(CELLS) | st.sampled_from(",,,\n\n") | st.text(max_size=20), max_size=16),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]),
)


@cases(1000)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | LIKE_A_FILE)
def test_any_bytes_are_pairs_or_a_prompt_error(model: Model, data: bytes) -> None:
    try:
        found = pairs_of(model, parse_rows(as_text(data)))
    except PromptError:
        return
    if found.pairs is not None:
        check_pairs(model, found.pairs)
    assert found.pairs is not None or found.refused


def test_what_goes_out_says_how_its_answers_are_written(model: Model, tmp_path: Path) -> None:
    """Whatever the reader's own setting: "42" stays "42"."""
    pairs = task_dataset(model, "greater_than", 3)
    path = saved(tmp_path, pairs_as_csv(model, pairs))
    for answer_space in (True, False):
        assert_same(read_pairs(model, path, answer_space=answer_space), pairs)
    with pytest.raises(PromptError, match="its answer_space is 'maybe': true or false is wanted"):
        read_pairs(model, saved(tmp_path, f'clean,answer_space\n"{MARY}",maybe\n'))


def test_columns_are_taken_by_their_name_not_by_what_is_in_them(model: Model) -> None:
    row = {"clean": MARY, "corrupted": "", "corrupted_hard": "When x and y went to the shops, x gave the bag to"}
    [read] = parse_rows(json.dumps(row))
    assert read.corrupted is None
    for twice in ('{"clean": "a b", "Clean": "c d"}', '{"clean": "a b", "io": "x", "io": "y"}'):
        [read] = parse_rows(twice)
        assert "each field once" in str(read.refused)


def test_an_answer_in_two_spellings_is_no_two_answers(model: Model) -> None:
    for io, s in ((" John", "John"), (["Mary", "Mary"], "John")):
        found = pairs_of(model, parse_rows(json.dumps({"clean": MARY, "io": io, "s": s, "answer_space": False})))
        assert found.pairs is None
        assert len(found.refused) == 1
