"""Pairs of the rows of a data set. Rows that cannot be used are listed with their reason; none is repaired or cut."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ioi_core.data_sets.rows import DataRow, as_text, parse_rows
from ioi_core.errors import PromptError
from ioi_core.inputs import Choice, FilePath, Flag, as_flag, shown
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.pairs import PromptPairs, joined_pairs
from ioi_core.prompts.text import check_characters, show_tokens
from ioi_core.prompts.typed import prompt_pairs

_SHOWN_ROWS = 5


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
    path: FilePath,
    *,
    corruption: Choice = "s2_flip",
    answer_space: Flag = True,
    prepend_bos: Flag = True,
    skip: Flag = False,
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
    check_model(model)
    answer_space, skip = as_flag(answer_space, "answer_space"), as_flag(skip, "skip")
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
    answer_space = answer_space if row.answer_space is None else row.answer_space
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
    cut = [model.encode(check_characters(model, answer, f"its {name}")) for answer in answers]
    for answer, ids in zip(answers, cut, strict=True):
        if len(ids) != 1:
            raise PromptError(f"its {name} {shown(answer)} must be one token, got {show_tokens(model, ids)}")
    return tuple(ids[0] for ids in cut)


def to_csv(model: Model, pairs: PromptPairs) -> str:
    """Return pairs as CSV that `read_pairs` reads as the same pairs.

    Columns clean, corrupted, io, s as text, answer sets as JSON lists; answer_space if an answer has no space in
    front, and label if there is one.
    """
    frame = pd.DataFrame(to_records(model, pairs))
    for name in ("io", "s"):
        frame[name] = frame[name].map(_written)
    return frame.to_csv(index=False, quoting=csv.QUOTE_ALL)  # all: a lone "\r" would end a row


def to_records(model: Model, pairs: PromptPairs) -> list[dict[str, str | list[str]]]:
    """Return a record for each prompt: clean, corrupted, io, s (a list where answers are sets) and label if any."""
    sets = pairs.answer_sets or [((io,), (s,)) for io, s in pairs.answers.tolist()]
    texts = [[[model.token_text(token) for token in ids] for ids in row] for row in sets]
    records: list[dict[str, str | list[str]]] = [
        {
            "clean": clean,
            "corrupted": corrupted,
            **{name: ids[0] if len(ids) == 1 else ids for name, ids in zip(("io", "s"), row, strict=True)},
        }
        for clean, corrupted, row in zip(pairs.clean_text, pairs.corrupted_text, texts, strict=True)
    ]
    if not all(text.startswith(" ") for row in texts for ids in row for text in ids):
        for record in records:
            record["answer_space"] = "false"
    for record, label in zip(records, pairs.labels or (), strict=False):
        record["label"] = label
    return records


def _written(answer: str | list[str]) -> str:
    """Return answers as a cell: one as it is, several (or one that would be read as a list) as a JSON list."""
    if isinstance(answer, str) and not answer.startswith("["):
        return answer
    return json.dumps([answer] if isinstance(answer, str) else answer)
