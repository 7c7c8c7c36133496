"""The rows of a data set, read from CSV, TSV or JSONL; names of columns that published sets have are known as well."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ioi_core.errors import PromptError
from ioi_core.inputs import shown

COLUMNS = {
    "clean": ("clean", "clean_prompt", "prompt", "context1"),
    "corrupted": ("corrupted", "corrupt", "corrupted_prompt", "corrupted_hard", "counterfactual", "context2"),
    "io": ("io", "answer", "answers", "correct", "correct_answer", "clean_answer", "target1"),
    "s": ("s", "wrong_answer", "wrong_answers", "incorrect", "incorrect_answer", "corrupted_answer", "target2"),
    "io_id": ("correct_idx", "clean_answer_idx"),
    "s_id": ("incorrect_idx", "corrupted_answer_idx"),
    "answer_space": ("answer_space",),
    "label": ("label", "group", "template", "template_idx"),
}
"""What a column holds -> the names it is known by, in any case; the first one of a row counts. `_id`: token ids.

The names are those of MIB's and EAP-IG's CSV files, of auto-circuit's and circuit-finder's JSON and of EWoK's tables.
"""

_ANSWERS = frozenset((*COLUMNS["io"], *COLUMNS["s"]))
_DELIMITERS = "\t,;"


@dataclass(frozen=True)
class DataRow:
    """One row as it stands in the file.

    Attributes:
        number: from 1, a heading not counted.
        io, s: answers as texts or token ids; none where the file has none.
        answer_space: put a space before answers without one; None where the file does not say.
        refused: why the row cannot be read.
    """

    number: int
    clean: str = ""
    corrupted: str | None = None
    io: tuple[str | int, ...] = ()
    s: tuple[str | int, ...] = ()
    label: str = ""
    answer_space: bool | None = None
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
        PromptError: no rows, no column that holds the clean prompts, or no table at all.
    """
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
    fields = {name.strip().casefold(): value for name, value in pairs}
    if len(fields) < len(pairs):
        raise ValueError("a field stands there twice")
    return fields


def _mapping(record: object) -> dict[str, Any] | str:
    if not isinstance(record, dict):
        return 'it is not a JSON object such as {"clean": ..., "io": ..., "s": ...} that has each field once'
    return record


def _table_records(text: str) -> Iterator[dict[str, Any] | str]:
    heading, _, _ = text.lstrip("\r\n").partition("\n")
    # The one that splits the heading into most columns: a spreadsheet may write semicolons.
    delimiter = max(_DELIMITERS, key=heading.count)
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise PromptError(
            f"the data set is no table: {error}", "put a text with quotes in it into quotes, and double its own"
        ) from None
    if not table:
        raise PromptError("the data set is empty", "write column names and at least one row")
    names = [name.strip().casefold() for name in table[0]]
    if not set(names) & set(COLUMNS["clean"]):
        raise PromptError(
            f"the data set has no column named clean: its first row is {', '.join(map(shown, table[0][:8]))}",
            "write column names into the first row: clean, corrupted, io, s and, if you like, label",
        )
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise PromptError(f"the data set has two columns named {shown(twice[0])}", "give each column its own name")
    for cells in table[1:]:
        if len(cells) > len(names):
            wanted = f"{len(names)} are wanted: put a text that holds {shown(delimiter)} into quotes"
            yield f"it has {len(cells)} cells, {wanted}"
        else:
            read = [_answer_cell(cell) if name in _ANSWERS else cell for name, cell in zip(names, cells, strict=False)]
            yield dict(zip(names, read, strict=False))


def _answer_cell(cell: str) -> Any:
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
        return DataRow(number, clean, _cell(record, "corrupted"), io, s, _cell(record, "label") or "", space)
    except _UnreadableError as error:
        return DataRow(number, refused=str(error))


class _UnreadableError(Exception):
    """A cell cannot be read."""


def _value(record: Mapping[str, Any], column: str) -> Any:
    """Return what a row has in a column, under the first of its known names; None if it has nothing there."""
    value = next((record[name] for name in COLUMNS[column] if name in record), None)
    return None if value == "" else value


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
        return () if identifier is None else (_token_id(name, identifier),)
    answers = tuple(value) if isinstance(value, list) else (value,)
    if not answers or not all(isinstance(answer, str) and answer for answer in answers):
        raise _UnreadableError(f"its {name} is {shown(value)}: a text, or a list of texts, is wanted")
    return answers


def _answer_space(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    known = {"true": True, "false": False}
    if (text := str(value).strip().casefold()) not in known:
        raise _UnreadableError(f"its answer_space is {shown(value)}: true or false is wanted")
    return known[text]


def _token_id(name: str, value: object) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _UnreadableError(f"its {name} is given as token id {shown(value)}: a whole number is wanted")
    return int(text)
