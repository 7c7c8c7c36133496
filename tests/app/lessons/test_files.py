"""Lesson files: what is refused, with file and line; what a teacher adds; and files that mean harm."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lessons.files.library import BUNDLED, library
from app.lessons.files.marked_yaml import MOST_BYTES, LessonError, read_text
from app.lessons.files.reading import lesson_of
from app.lessons.keys.analyses import ANALYSES
from app.lessons.keys.rules import RULES
from tests import ROOT

GOOD = (BUNDLED / "model.yaml").read_text(encoding="utf-8")
LINES = GOOD.splitlines()


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(LINES, 1) if text in line)


def refusal(raw: str | bytes, name: str = "mine") -> str:
    raw = raw.encode() if isinstance(raw, str) else raw
    with pytest.raises(LessonError) as error:
        lesson_of(read_text(raw, f"{name}.yaml"), name)
    return str(error.value)


@pytest.mark.parametrize(
    ("was", "now", "at", "said"),
    [
        ("minutes: 8", "minutes: soon", "minutes: 8", "'minutes' must be a number from 1 to 180"),
        ("minutes: 8", "minutes: .nan", "minutes: 8", "'minutes' must be a number"),
        ("prompts: classic", "prompts: own", "prompts: classic", "classic, generated are allowed"),
        ("about:", "abuot:", "", "a lesson lacks the field 'about'"),
        ("more:", "author: me\nmore:", "more:", "a lesson has no field 'author': its fields are"),
        ("    margin: 2", "    figure: {caption: x}\n    margin: 2", "margin: 2", "'figure' has no field 'caption'"),
        ("    margin: 2", "    figure: {note: '{secret}'}\n    margin: 2", "margin: 2", "there is no {secret} here"),
        ("terms_after: [logit_diff", "terms_after: [logits", "terms_after: [logit_diff", "no term of the"),
        ("rule: value", "rule: largest cell", "rule: value", "does not read these numbers: range, value do"),
        ("rule: value", "rule: magic", "rule: value", "there is no such rule"),
        ("run: predictions, read: times", "run: os.system, read: times", "read: times", "predictions, logit_lens"),
        ("read: times", "read: everything", "read: times", "'read' is 'everything'"),
        ("margin: 2", "margin: [2]", "margin: 2", "'margin' must be a number"),
        ("{times} times as likely.", "{__class__} times", "say:", "there is no {__class__} here"),
        ("page: prompt, with: {part", "page: secret, with: {part", "part_answers", "'page' is 'secret'"),
        ('part_answers: "true"', 'part_everything: "true"', "part_answers", "no page's address has a parameter"),
        ("terms: [logit, ", "terms: [logits, ", "terms: [logit, ", "no term of the"),
        ("kind: number, low: 1", "kind: cell, low: 1", "kind: number, low: 1", "questions of the kind 'number'"),
        ("low: 1, high: 100", "low: 100, high: 1", "low: 1, high: 100", "'low' must be below 'high'"),
        ("unit: times", "unit: ''", "unit: times", "'unit' is empty"),
        ("title: The model and its task", "title: " + 90 * "x", "title: The model", "at most 80 are allowed"),
        ("title: The model and its task", "title: [a]", "title: The model", "'title' must be text"),
        ("title: The model and its task", "title: a\ntitle: b", "minutes: 8", "'title' is there twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_line(was: str, now: str, at: str, said: str):
    assert was in GOOD
    message = refusal(GOOD.replace(was, now, 1))
    assert said in message
    assert message.startswith(f"mine.yaml, line {line_of(at) if at else 1}: ")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"title: \xff", "line 1: the file is not UTF-8"),
        (b"title: x\n\nmore: \xe9", "line 3: the file is not UTF-8"),
        (b"", "the file is empty"),
        (b"- a\n- b\n", "a lesson must be a mapping"),
        (b"title: [\n", "line 2: no YAML"),
        (b"a: \x00", "no YAML"),
        (b"title: !!python/object/apply:os.system ['true']", "tags, directives"),
        (b"%YAML 1.1\n---\ntitle: x", "tags, directives"),
        (b"? [a]\n: b", "a field's name must be text"),
        (b"a: &a [x, x]\nb: *a", "line 1: aliases and anchors"),
        (b"[" * 5000, "too deep"),
        (b"a:\n" + b"".join(b" " * n + b"- \n" for n in range(1, 40)), "no YAML|too deep|a lesson"),
        (b"#" * (MOST_BYTES + 1), "longer than 100,000 bytes"),
    ],
)
def test_files_that_mean_harm_are_refused_in_words(raw: bytes, said: str):
    assert re.search(said, refusal(raw))


def test_a_bomb_of_aliases_builds_nothing():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "aliases and anchors" in refusal("\n".join(lines))


@given(st.binary(max_size=300) | st.text(alphabet="abc:-[]{}&*!%\"'#|>?, \n\t", max_size=200).map(str.encode))
def test_whatever_a_file_holds_it_is_refused_in_words(raw: bytes):
    assert refusal(raw).startswith("mine.yaml, line ")


@pytest.mark.parametrize("name", ["Mine", "my lesson", "../mine", "1st", 41 * "a"])
def test_a_file_has_a_name_that_fits_an_address(name: str):
    assert "small letters, digits and _" in refusal(GOOD, name)


def test_a_teachers_folder_adds_lessons_and_lists_what_it_cannot_use(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(GOOD.replace("The model and its task", "Mine"), encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("title: x", encoding="utf-8")
    (tmp_path / "first.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "notes.txt").write_text("no lesson")
    (tmp_path / ".hidden.yaml").write_text("no lesson")
    found = library(tmp_path)
    assert [(lesson.id, lesson.title) for lesson in found.lessons if not lesson.bundled] == [("mine", "Mine")]
    assert sorted(line.split(":")[0] for line in found.refused) == [
        "bad.yaml, line 1", "first.yaml, line 1", "folder.yaml, line 1",
    ]  # fmt: skip
    assert not any(str(tmp_path) in line for line in found.refused)
    (tmp_path / "bad.yaml").write_text(GOOD, encoding="utf-8")
    assert "bad" in {lesson.id for lesson in library(tmp_path).lessons}
    assert library(tmp_path / "gone").refused == ("The folder of IOI_LESSONS cannot be read any more.",)


def test_what_teachers_are_told_to_write_can_be_read_and_is_all_there_is():
    text = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    assert lesson_of(read_text(example.encode(), "mine.yaml"), "mine").steps[0].rule == "largest heads"
    told = {
        row[1]: set(re.findall(r"`([^`]*)`", row[2])) for row in re.finditer(r"^\| `(\w+)` \| (.*?) \|", text, re.M)
    }
    reads = {name: set(analysis.reads) for name, analysis in ANALYSES.items()}
    assert {name: found for name, found in told.items() if name in ANALYSES} == reads
    assert all(f"`{rule}`" in text for rule in RULES)
    for analysis in ANALYSES.values():
        assert all(f"`{name}`" in text for name in analysis.parameters)
