"""The rows of a data set, read from CSV, TSV or JSONL; names of columns that published sets have are known as well."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ioi_core.errors import PromptError
from ioi_core.inputs import shown

COLUMNS = {
    "clean": ("clean", "clean_prompt", "clean_prefix", "prompt", "context1"),
    "corrupted": (
        "corrupted", "corrupt", "corrupted_prompt", "corrupted_hard", "counterfactual", "patch_prefix", "context2",
    ),
    "io": ("io", "answer", "answers", "correct", "correct_answer", "clean_answer", "io_name", "target1"),
    "s": (
        "s", "wrong_answer", "wrong_answers", "incorrect", "incorrect_answer", "corrupted_answer", "patch_answer",
        "s_name", "target2",
    ),
    "io_id": ("correct_idx", "clean_answer_idx"),
    "s_id": ("incorrect_idx", "corrupted_answer_idx"),
    "choices": ("choices",),
    "right_choice": ("answerkey", "answer_key"),
    "answer_space": ("answer_space",),
    "label": ("label", "group", "template", "template_idx"),
}  # fmt: skip
"""What a column holds -> the names it is known by, in any case, with spaces or hyphens for _; the first one of a row
counts. `_id`: token ids; `choices`: all answers, of which the number `right_choice`, from 0, is right.

The names are those of MIB's and EAP-IG's CSV files, of auto-circuit's, circuit-finder's and feature-circuits' JSON
and of EWoK's tables.
"""

_LISTS = frozenset((*COLUMNS["io"], *COLUMNS["s"], *COLUMNS["choices"]))
_DELIMITERS = "\t,;"
_BLANK_LINES = re.compile(r"\A(?:[^\S\n\r]*[\n\r])+")
_EXCELS_DELIMITER = re.compile(r"\Asep=(.)\r?\n")


@dataclass(frozen=True)
class DataRow:
    """One row as it stands in the file.

    Attributes:
        number: from 1, a heading not counted.
        io, s: answers as texts or token ids; none where the file has none.
        answer_space: put a space before answers without one; None where the file does not say.
        unread: names of its columns that hold something and mean nothing here; a column without a name is none.
        refused: why the row cannot be read.
    """

    number: int
    clean: str = ""
    corrupted: str | None = None
    io: tuple[str | int, ...] = ()
    s: tuple[str | int, ...] = ()
    label: str = ""
    answer_space: bool | None = None
    unread: tuple[str, ...] = ()
    refused: str | None = None


def as_text(data: bytes) -> str:
    """Return the text of a file.

    Raises:
        PromptError: it is not UTF-8 (UTF-16 only with its byte order mark).
    """
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise PromptError(
            f"the data set is no text in UTF-8 (it has a byte {byte:#04x})",
            "save the data set as CSV, TSV or JSONL in UTF-8",
        ) from None


def parse_rows(text: str) -> list[DataRow]:
    """Return the rows of a data set: JSON lines, a JSON list, or a table that begins with its column names.

    Raises:
        PromptError: no text, no rows, no column that holds the clean prompts, or no table at all.
    """
    if not isinstance(text, str):
        raise PromptError(f"a data set's rows are text, got {shown(text)}: give what stands in the file")
    text = text.removeprefix("\ufeff")  # the mark of a file, pasted with its text
    start = text.lstrip()[:1]
    records = list(_json_records(text) if start in ("{", "[") else _table_records(text))
    if not records:
        raise PromptError("the data set has no rows", "put at least one row below the column names")
    return [_row(number, record) for number, record in enumerate(records, 1)]


def _json_records(text: str) -> Iterator[dict[str, Any] | str]:
    """Yield a mapping for each row, or the reason why it is none."""
    whole = _json(text)
    if isinstance(whole, dict) and isinstance(whole.get("prompts"), list):  # auto-circuit's files
        whole = whole["prompts"]
    if isinstance(whole, dict):
        whole = [whole]
    if isinstance(whole, list):
        yield from (_mapping(record) for record in whole)
        return
    for line in text.split("\n"):
        if line.strip():
            yield _mapping(_json(line))


def _json(text: str) -> Any:
    """Return what JSON text says, None where it is none, or names a field of an object twice."""
    try:
        return json.loads(text, object_pairs_hook=_fields)
    except (ValueError, RecursionError):
        return None


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = {_as_known(name): value for name, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a field stands there twice")
    return fields


def _mapping(record: object) -> dict[str, Any] | str:
    if not isinstance(record, dict):
        return 'it is not a JSON object such as {"clean": ..., "io": ..., "s": ...} that has each field once'
    return record


def _table_records(text: str) -> Iterator[dict[str, Any] | str]:
    text = _BLANK_LINES.sub("", text)
    heading = re.split(r"[\n\r]", text, maxsplit=1)[0]
    # The one that splits the heading into most columns: a spreadsheet may write semicolons.
    delimiter = max(_DELIMITERS, key=heading.count)
    if said := _EXCELS_DELIMITER.match(text):
        delimiter, text = said[1], text[said.end() :]
    table = _table(text, delimiter)
    if not table:
        raise PromptError("the data set is empty", "write column names and at least one row")
    names = [_as_known(name) for name in table[0]]
    if not set(names) & set(COLUMNS["clean"]):
        zeros = " (it has zero bytes, as UTF-16 without its mark and files of spreadsheets do)" * ("\0" in text)
        raise PromptError(
            f"the data set has no column named clean: its first row is {', '.join(map(shown, table[0][:8]))}{zeros}",
            "write column names into the first row: clean, corrupted, io, s and, if you like, label",
        )
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise PromptError(f"the data set has two columns named {shown(twice[0])}", "give each column its own name")
    for cells in table[1:]:
        if len(cells) > len(names):
            wanted = f"{len(names)} are wanted: put a text that holds {shown(delimiter)} into quotes"
            yield f"it has {len(cells)} cells, {wanted}"
        else:
            read = [_list_cell(cell) if name in _LISTS else cell for name, cell in zip(names, cells, strict=False)]
            yield dict(zip(names, read, strict=False))


def _table(text: str, delimiter: str) -> list[list[str]]:
    """Return the rows that are not blank, cell by cell.

    Raises:
        PromptError: quotes that end nowhere, or that a space before them makes a part of the text.
    """

    def read(*, skip: bool) -> list[list[str]]:
        lines = io.StringIO(text, newline="")
        return [row for row in csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=skip) if any(row)]

    try:
        table = read(skip=False)
    except csv.Error as error:
        raise PromptError(
            f"the data set is no table: {error}", "put a text with quotes in it into quotes, and double its own"
        ) from None
    with suppress(csv.Error):  # quotes that only begin a text are a part of it
        if [[cell.lstrip(" ") for cell in row] for row in table] != [
            [cell.lstrip(" ") for cell in row] for row in read(skip=True)
        ]:
            raise PromptError(
                f"a space between {shown(delimiter)} and a quote makes the quote a part of the data set's text",
                f"take away the space between {shown(delimiter)} and the quote",
            )
    return table


def _as_known(name: str) -> str:
    """Return a column's name as `COLUMNS` has it."""
    return re.sub(r"[\s-]+", "_", name.strip().casefold())


def _list_cell(cell: str) -> Any:
    """Return a JSON list in a table's cell as a list, any other cell as it is."""
    return answers if cell.startswith("[") and isinstance(answers := _json(cell), list) else cell


def _row(number: int, record: dict[str, Any] | str) -> DataRow:
    if isinstance(record, str):
        return DataRow(number, refused=record)
    try:
        clean = _cell(record, "clean")
        if clean is None:
            raise _UnreadableError("it has no clean prompt")
        io, s = _answers(record, "io"), _answers(record, "s")
        space = _answer_space(_value(record, "answer_space"))
        read = {_name(record, column) for column in COLUMNS}
        unread = tuple(name for name, cell in record.items() if name and name not in read and cell not in ("", None))
        return DataRow(number, clean, _cell(record, "corrupted"), io, s, _cell(record, "label") or "", space, unread)
    except _UnreadableError as error:
        return DataRow(number, refused=str(error))


class _UnreadableError(Exception):
    """A cell cannot be read."""


def _value(record: Mapping[str, Any], column: str) -> Any:
    """Return what a row has in a column; None if it has nothing there."""
    name = _name(record, column)
    return None if name is None or record[name] == "" else record[name]


def _name(record: Mapping[str, Any], column: str) -> str | None:
    """Return the first of a column's known names that a row has."""
    return next((name for name in COLUMNS[column] if name in record), None)


def _cell(record: Mapping[str, Any], column: str) -> str | None:
    value = _value(record, column)
    if column == "label" and isinstance(value, int | float):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise _UnreadableError(f"its {column} is {shown(value)}, text is wanted")
    return value


def _answers(record: Mapping[str, Any], name: str) -> tuple[str | int, ...]:
    value = _value(record, name)
    if value is None:
        identifier = _value(record, f"{name}_id")
        return _chosen(record, name) if identifier is None else (_token_id(name, identifier),)
    answers = tuple(value) if isinstance(value, list) else (value,)
    if not answers or not all(isinstance(answer, str) and answer for answer in answers):
        raise _UnreadableError(f"its {name} is {shown(value)}: a text, or a list of texts, is wanted")
    return answers


def _chosen(record: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the choice that is right, or those that are wrong; none where a row has no choices."""
    choices, right = _value(record, "choices"), _value(record, "right_choice")
    if choices is None:
        return ()
    texts = tuple(choices) if isinstance(choices, list) else ()
    if not texts or not all(isinstance(choice, str) and choice for choice in texts):
        raise _UnreadableError(f"its choices are {shown(choices)}: a list of texts is wanted")
    at = _whole_number(right)
    if at is None or at >= len(texts):
        raise _UnreadableError(f"its answerKey is {shown(right)}: a number from 0 to {len(texts) - 1} is wanted")
    return (texts[at],) if name == "io" else (*texts[:at], *texts[at + 1 :])


def _answer_space(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    known = {"true": True, "false": False}
    if (text := str(value).strip().casefold()) not in known:
        raise _UnreadableError(f"its answer_space is {shown(value)}: true or false is wanted")
    return known[text]


def _token_id(name: str, value: object) -> int:
    if (number := _whole_number(value)) is None:
        raise _UnreadableError(f"its {name} is given as token id {shown(value)}: a whole number is wanted")
    return number


def _whole_number(value: object) -> int | None:
    """Return a whole number from 0, also of a column that pandas wrote as 5335.0; None of anything else."""
    text = str(value).strip().removesuffix(".0")
    return int(text) if not isinstance(value, bool) and text.isascii() and text.isdigit() and len(text) < 10 else None
