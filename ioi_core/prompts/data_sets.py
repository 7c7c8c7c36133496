"""Data sets of prompts: rows of clean, corrupted, io, s and a label, read from CSV, TSV or JSONL.

Column names of published sets are known as well (`COLUMNS`). Rows that cannot be used are listed with their reason; no
row is repaired, cut or guessed at.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ioi_core.errors import PromptError
from ioi_core.inputs import Choice, shown
from ioi_core.model.weights import Model
from ioi_core.prompts.pairs import PromptPairs, joined_pairs
from ioi_core.prompts.text import check_characters
from ioi_core.prompts.typed import prompt_pairs

COLUMNS = {
    "clean": ("clean", "clean_prompt", "prompt", "context1"),
    "corrupted": ("corrupted", "corrupt", "corrupted_prompt", "corrupted_hard", "counterfactual", "context2"),
    "io": ("io", "answer", "answers", "correct", "correct_answer", "clean_answer", "target1"),
    "s": ("s", "wrong_answer", "wrong_answers", "incorrect", "incorrect_answer", "corrupted_answer", "target2"),
    "io_id": ("correct_idx", "clean_answer_idx"),
    "s_id": ("incorrect_idx", "corrupted_answer_idx"),
    "label": ("label", "group", "template", "template_idx"),
}
"""What a column holds -> the names it is known by, in any case; the first one of a file counts. `_id`: token ids.

The names are those of MIB's and EAP-IG's CSV files, of auto-circuit's and circuit-finder's JSON and of EWoK's tables.
"""

_SHOWN_ROWS = 5
_DELIMITERS = "\t,;"


@dataclass(frozen=True)
class DataRow:
    """One row as it stands in the file.

    Attributes:
        number: from 1, a heading not counted.
        io, s: answers as texts or token ids; none where the file has none.
        refused: why the row cannot be read.
    """

    number: int
    clean: str = ""
    corrupted: str | None = None
    io: tuple[str | int, ...] = ()
    s: tuple[str | int, ...] = ()
    label: str = ""
    refused: str | None = None


@dataclass(frozen=True)
class DataSet:
    """The rows that can be used, as pairs, and why the others cannot.

    Attributes:
        pairs: None if no row can be used.
        refused: row number -> reason.
    """

    pairs: PromptPairs | None
    refused: dict[int, str]

    def refusal(self, most: int = _SHOWN_ROWS) -> str:
        """Return the reasons of the first few rows, as one text."""
        reasons = [f"row {number}: {reason}" for number, reason in self.refused.items()]
        more = f"; and {len(reasons) - most} more" if len(reasons) > most else ""
        return "; ".join(reasons[:most]) + more


def read_pairs(
    model: Model,
    path: str | PathLike[str],
    *,
    corruption: Choice = "s2_flip",
    answer_space: bool = True,
    prepend_bos: bool = True,
    skip: bool = False,
) -> PromptPairs:
    """Return the prompts of a CSV, TSV or JSONL file with columns clean, corrupted, io, s and, if there is one, label.

    Args:
        path: of the file, UTF-8. Column names of published sets are known (`COLUMNS`); an answer may be a JSON list of
            texts, of which all are right (or wrong).
        corruption: makes the twin where a row has none. answer_space, prepend_bos: as in `prompt_pairs`; token ids are
            taken as they are.
        skip: leave out the rows that cannot be used instead of refusing the file.
    Raises:
        PromptError: the file cannot be read, or rows of it cannot be used: says which and why.
    """
    try:
        data = Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        raise PromptError(f"the data set {shown(path)} cannot be read: {type(error).__name__}") from error
    found = pairs_of(
        model, parse_rows(as_text(data)), corruption=corruption, answer_space=answer_space, prepend_bos=prepend_bos
    )
    if found.pairs is None or (found.refused and not skip):
        raise PromptError(f"{len(found.refused)} rows of the data set cannot be used: {found.refusal()}")
    return found.pairs


def to_csv(model: Model, pairs: PromptPairs) -> str:
    """Return pairs as CSV that `read_pairs` reads as the same pairs, with answer_space=False.

    Columns clean, corrupted, io, s as text, answer sets as JSON lists; label if there is one.
    """
    columns: dict[str, Sequence[str]] = {"clean": pairs.clean_text, "corrupted": pairs.corrupted_text}
    sets = pairs.answer_sets or [((io,), (s,)) for io, s in pairs.answers.tolist()]
    for side, name in enumerate(("io", "s")):
        columns[name] = [_written([model.token_text(token) for token in row[side]]) for row in sets]
    if pairs.labels is not None:
        columns["label"] = pairs.labels
    return pd.DataFrame(columns).to_csv(index=False, quoting=csv.QUOTE_ALL)  # all: a lone "\r" would end a row


def _written(answers: Sequence[str]) -> str:
    """Return answers as a cell: one as it is, several (or one that would be read as a list) as a JSON list."""
    return answers[0] if len(answers) == 1 and not answers[0].startswith("[") else json.dumps(answers)


def as_text(data: bytes) -> str:
    """Return the text of a file.

    Raises:
        PromptError: it is not UTF-8 (UTF-16 only with its byte order mark).
    """
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptError(
            f"the data set is not UTF-8 text (byte {error.start + 1} is {data[error.start]:#04x}): save it as UTF-8"
        ) from None


def parse_rows(text: str) -> list[DataRow]:
    """Return the rows of a data set: JSON lines, a JSON list, or a table that begins with its column names.

    Raises:
        PromptError: no rows, no column that holds the clean prompts, or no table at all.
    """
    start = text.lstrip()[:1]
    records = list(_json_records(text) if start in ("{", "[") else _table_records(text))
    if not records:
        raise PromptError("the data set has no rows: at least one below the column names is wanted")
    return [_row(number, record) for number, record in enumerate(records, 1)]


def _json_records(text: str) -> Iterator[dict[str, Any] | str]:
    """Yield a mapping for each row, or the reason why it is none."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    if isinstance(whole, dict) and isinstance(whole.get("prompts"), list):  # auto-circuit's files
        whole = whole["prompts"]
    if isinstance(whole, list):
        yield from (_mapping(record) for record in whole)
        return
    for line in text.split("\n"):
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            yield _mapping(record)


def _mapping(record: object) -> dict[str, Any] | str:
    if not isinstance(record, dict):
        return 'it is not a JSON object such as {"clean": ..., "io": ..., "s": ...}'
    return {name.strip().casefold(): value for name, value in record.items()}


def _table_records(text: str) -> Iterator[dict[str, Any] | str]:
    heading, _, _ = text.lstrip("\r\n").partition("\n")
    # The one that splits the heading into most columns: a spreadsheet may write semicolons.
    delimiter = max(_DELIMITERS, key=heading.count)
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise PromptError(
            f"the data set is no table: {error}; a text with quotes in it stands in quotes, doubled"
        ) from None
    if not table:
        raise PromptError("the data set is empty: column names and at least one row are wanted")
    names = [name.strip().casefold() for name in table[0]]
    if not set(names) & set(COLUMNS["clean"]):
        raise PromptError(
            f"the data set has no column named clean: its first row is {', '.join(map(shown, table[0][:8]))}; "
            "wanted are column names: clean, corrupted, io, s and, if you like, label"
        )
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise PromptError(f"the data set has two columns named {shown(twice[0])}: name each column once")
    for cells in table[1:]:
        if len(cells) > len(names):
            wanted = f"{len(names)} are wanted: put a text that holds {shown(delimiter)} into quotes"
            yield f"it has {len(cells)} cells, {wanted}"
        else:
            yield dict(zip(names, cells, strict=False))


def _row(number: int, record: dict[str, Any] | str) -> DataRow:
    if isinstance(record, str):
        return DataRow(number, refused=record)
    try:
        clean = _cell(record, "clean")
        if clean is None:
            raise _UnreadableError("it has no clean prompt")
        io, s = _answers(record, "io"), _answers(record, "s")
        return DataRow(number, clean, _cell(record, "corrupted"), io, s, _cell(record, "label") or "")
    except _UnreadableError as error:
        return DataRow(number, refused=str(error))


class _UnreadableError(Exception):
    """A cell cannot be read."""


def _value(record: dict[str, Any], column: str) -> Any:
    """Return the first value that the row has for a column; None if it has none, or an empty one."""
    values = (record[name] for name in COLUMNS[column] if record.get(name) not in (None, ""))
    return next(values, None)


def _cell(record: dict[str, Any], column: str) -> str | None:
    value = _value(record, column)
    if column == "label" and isinstance(value, int | float):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise _UnreadableError(f"its {column} is {shown(value)}, text is wanted")
    return value


def _answers(record: dict[str, Any], name: str) -> tuple[str | int, ...]:
    value = _value(record, name)
    if value is None:
        identifier = _value(record, f"{name}_id")
        return () if identifier is None else (_token_id(name, identifier),)
    if isinstance(value, str) and value.startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise _UnreadableError(f"its {name} {shown(value)} begins like a JSON list and is none") from None
    answers = tuple(value) if isinstance(value, list) else (value,)
    if not answers or not all(isinstance(answer, str) and answer for answer in answers):
        raise _UnreadableError(f"its {name} is {shown(value)}: a text, or a list of texts, is wanted")
    return answers


def _token_id(name: str, value: object) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _UnreadableError(f"its {name} is given as token id {shown(value)}: a whole number is wanted")
    return int(text)


def pairs_of(
    model: Model,
    rows: Sequence[DataRow],
    *,
    corruption: Choice = "s2_flip",
    answer_space: bool = True,
    prepend_bos: bool = True,
) -> DataSet:
    """Return the rows as pairs; those that cannot be used, or are of another kind than most, with their reason."""
    refused = {row.number: row.refused for row in rows if row.refused is not None}
    usable: list[tuple[DataRow, PromptPairs]] = []
    for row in rows:
        if row.refused is None:
            try:
                check_characters(model, row.label, "its label")
                usable.append((row, _pair(model, row, corruption, answer_space, prepend_bos)))
            except PromptError as error:
                refused[row.number] = str(error)
    of_ioi = [len(pair.roles) > 1 for _, pair in usable]
    ioi = sum(of_ioi) * 2 >= len(usable)
    kinds = ("it is no IOI prompt and most of the others are", "it is an IOI prompt and most of the others are not")
    for (row, _), is_ioi in zip(usable, of_ioi, strict=True):
        if is_ioi is not ioi:
            refused[row.number] = f"{kinds[is_ioi]}: analyse the two kinds apart"
    kept = [(row, pair) for row, pair in usable if row.number not in refused]
    pairs = joined_pairs([pair for _, pair in kept]) if kept else None
    if pairs is not None and any(row.label for row, _ in kept):
        pairs = replace(pairs, labels=tuple(row.label for row, _ in kept))
    return DataSet(pairs, dict(sorted(refused.items())))


def _pair(model: Model, row: DataRow, corruption: Choice, answer_space: bool, prepend_bos: bool) -> PromptPairs:
    sides = [
        [_exact(model, answer, name, answer_space) for answer in of] for name, of in (("io", row.io), ("s", row.s))
    ]
    first = [side[0] if side else None for side in sides]
    pair = prompt_pairs(
        model, row.clean, row.corrupted, *first, corruption=corruption, answer_space=False, prepend_bos=prepend_bos
    )
    if max(map(len, sides)) < 2:
        return pair
    ids = [_one_token_each(model, side, name) for name, side in zip(("io", "s"), sides, strict=True)]
    if len({*ids[0], *ids[1]}) < len(ids[0]) + len(ids[1]):
        raise PromptError("one of its answers stands there twice: each answer is right or wrong, once")
    return replace(pair, answer_sets=((ids[0], ids[1]),))


def _exact(model: Model, answer: str | int, name: str, answer_space: bool) -> str:
    """Return an answer just as the model writes it."""
    if isinstance(answer, str):
        return f" {answer}" if answer_space and not answer.startswith(" ") else answer
    if answer >= model.cfg.d_vocab:
        raise PromptError(f"its {name} is token id {answer}: {model.name} has ids 0 to {model.cfg.d_vocab - 1}")
    text = model.token_text(answer)
    if model.encode(text) != [answer]:
        raise PromptError(f"its {name}, token id {answer}, is no text of its own: give the answer as text")
    return text


def _one_token_each(model: Model, answers: Sequence[str], name: str) -> tuple[int, ...]:
    cut = {answer: model.encode(check_characters(model, answer, f"its {name}")) for answer in answers}
    if long := [answer for answer, ids in cut.items() if len(ids) != 1]:
        tokens = [model.token_text(token) for token in cut[long[0]][:8]]
        raise PromptError(f"its {name} {shown(long[0])} must be one token, it is {tokens}")
    return tuple(ids[0] for ids in cut.values())
