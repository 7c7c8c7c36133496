"""Pairs of the rows of a data set. Rows that cannot be used are listed with their reason; none is repaired or cut."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pandas as pd

from ioi_core.data_sets.rows import DataRow, as_text, parse_rows
from ioi_core.errors import PromptError
from ioi_core.inputs import Choice, FilePath, Flag, as_flag, shown
from ioi_core.model.weights import Model, check_model
from ioi_core.prompts.answers import answer_token, spaced
from ioi_core.prompts.corruptions import check_corruption
from ioi_core.prompts.pairs import PromptPairs, PromptRow, check_pairs_given, stack_rows
from ioi_core.prompts.text import check_characters
from ioi_core.prompts.typed import check_both_or_neither, prompt_row

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
    people: Flag = False,
    skip: Flag = False,
) -> PromptPairs:
    """Return the prompts of a CSV, TSV or JSONL file with columns clean, corrupted, io, s and, if there is one, label.

    Args:
        path: of the file, UTF-8. Column names of published sets are known (`COLUMNS`); an answer may be a JSON list of
            texts, of which all are right (or wrong).
        corruption: makes the twin where a row has none. answer_space, prepend_bos, people: as in `prompt_pairs`; token
            ids are taken as they are.
        skip: leave out the rows that cannot be used instead of refusing the file.
    Raises:
        PromptError: the file cannot be read, or rows of it cannot be used: says which and why.
    """
    check_model(model)
    skip = as_flag(skip, "skip")
    try:
        data = Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        raise PromptError(f"the data set {shown(path)} cannot be read: {type(error).__name__}") from error
    found = pairs_of(
        model, parse_rows(as_text(data)), corruption=corruption, answer_space=answer_space, prepend_bos=prepend_bos,
        people=people,
    )  # fmt: skip
    if found.pairs is None or (found.refused and not skip):
        raise PromptError(
            f"{len(found.refused)} rows of the data set cannot be used: {found.refusal()}", "correct them, or skip them"
        )
    return found.pairs


def pairs_of(
    model: Model,
    rows: Sequence[DataRow],
    *,
    corruption: Choice = "s2_flip",
    answer_space: Flag = True,
    prepend_bos: Flag = True,
    people: Flag = False,
) -> DataSet:
    """Return the rows as pairs; those that cannot be used, or are of another kind than most, with their reason.

    `pairs_of(model, parse_rows(text))` is what `read_pairs` does with a file, and it keeps the reasons.

    Args:
        corruption, answer_space, prepend_bos, people: as in `read_pairs`.
    Raises:
        PromptError: what is given are no rows of a data set, or the corruption is unknown.
    """
    check_model(model)
    if not isinstance(rows, list | tuple) or not all(isinstance(row, DataRow) for row in rows):
        raise PromptError(f"rows of a data set are wanted, got {shown(rows)}: give parse_rows(text)")
    corruption, prepend_bos = check_corruption(corruption), as_flag(prepend_bos, "prepend_bos")
    answer_space, people = as_flag(answer_space, "answer_space"), as_flag(people, "people")
    refused = {row.number: row.refused for row in rows if row.refused is not None}
    make = partial(prompt_row, model, corruption=corruption, prepend_bos=prepend_bos, answer_space=False, people=people)
    usable: list[tuple[DataRow, PromptRow]] = []
    for row in rows:
        if row.refused is None:
            try:
                check_characters(model, row.label, "its label")
                usable.append((row, _prompt_row(model, row, answer_space, make)))
            except PromptError as error:
                refused[row.number] = str(error)
    of_ioi = [len(prompt.positions) > 1 for _, prompt in usable]
    ioi = sum(of_ioi) * 2 >= len(usable)
    kinds = ("it is no IOI prompt and most of the others are", "it is an IOI prompt and most of the others are not")
    for (row, _), is_ioi in zip(usable, of_ioi, strict=True):
        if is_ioi is not ioi:
            refused[row.number] = f"{kinds[is_ioi]}: analyse the two kinds apart"
    kept = [(row, prompt) for row, prompt in usable if row.number not in refused]
    refused = dict(sorted(refused.items()))
    if not kept:
        return DataSet(None, refused)
    numbered = [replace(row, template=n) for n, (_, row) in enumerate(kept)]
    pairs = stack_rows(numbered, prepend_bos=prepend_bos, people=people)
    labels = tuple(row.label for row, _ in kept)
    return DataSet(replace(pairs, labels=labels if any(labels) else None), refused)


def _prompt_row(model: Model, row: DataRow, answer_space: bool, make: Callable[..., PromptRow]) -> PromptRow:
    answer_space = answer_space if row.answer_space is None else row.answer_space
    sides = {
        name: [_exact(model, answer, name, answer_space) for answer in answers]
        for name, answers in (("io", row.io), ("s", row.s))
    }
    io, s = (next(iter(side), None) for side in sides.values())
    check_both_or_neither(io, s)
    first = None if io is None else (io, s)
    prompt = make(row.clean, row.corrupted, first)
    if max(map(len, sides.values())) < 2:
        return prompt
    right, wrong = (
        tuple(answer_token(model, answer, f"its {name}", space=False) for answer in side)
        for name, side in sides.items()
    )
    if len({*right, *wrong}) < len(right) + len(wrong):
        raise PromptError("one of its answers stands there twice: each answer is right or wrong, once")
    return replace(prompt, answer_sets=(right, wrong))


def _exact(model: Model, answer: str | int, name: str, answer_space: bool) -> str:
    """Return an answer just as the model writes it."""
    if isinstance(answer, str):
        return spaced(answer) if answer_space else answer
    if answer >= model.cfg.d_vocab:
        raise PromptError(f"its {name} is token id {answer}: {model.name} has ids 0 to {model.cfg.d_vocab - 1}")
    text = model.token_text(answer)
    if model.encode(text) != [answer]:
        raise PromptError(f"its {name}, token id {answer}, is no text of its own: give the answer as text")
    return text


def pairs_as_csv(model: Model, pairs: PromptPairs) -> str:
    """Return pairs as CSV that `read_pairs` reads as the same pairs.

    Columns clean, corrupted, io, s as text, answer sets as JSON lists; answer_space if an answer has no space in
    front, and label if there is one.

    Raises:
        PromptError: no pairs of prompts.
    """
    frame = pd.DataFrame(pairs_as_records(model, pairs))
    for name in ("io", "s"):
        frame[name] = frame[name].map(_written)
    return frame.to_csv(index=False, quoting=csv.QUOTE_ALL)  # all: a lone "\r" would end a row


def pairs_as_records(model: Model, pairs: PromptPairs) -> list[dict[str, str | list[str]]]:
    """Return a record for each prompt: clean, corrupted, io, s (a list where answers are sets) and label if any.

    Raises:
        PromptError: no pairs of prompts.
    """
    check_model(model)
    check_pairs_given(pairs)
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
