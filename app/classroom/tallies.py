"""What a class answered, counted: nothing in it says who."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from app.classroom.store import Lesson, Vote
from app.lessons.answers import is_right

MOST_CURVES = 40
"""Drawn; of more every so-manieth is, and the median is of all."""

_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

Json = Mapping[str, Any]


def tally(question: Json, answers: Sequence[Any]) -> Any:
    """Return the answers, counted as its kind is drawn.

    choice: a count a choice · number: [value, count] · cell and heads: [row, column, count] · curve: the median and at
    most `MOST_CURVES` curves, three digits each.
    """
    match question["kind"]:
        case "choice":
            counts = Counter(answers)
            return [counts[n] for n in range(len(question["choices"]))]
        case "number":
            return [[value, count] for value, count in sorted(Counter(answers).items())]
        case "cell":
            return [[*cell, count] for cell, count in sorted(Counter(map(tuple, answers)).items())]
        case "heads":
            chosen = Counter(tuple(head) for answer in answers for head in answer)
            return [[*head, count] for head, count in sorted(chosen.items())]
    rounded = sorted([float(f"{value:.3g}") for value in curve] for curve in answers)
    drawn = rounded[:: -(-len(rounded) // MOST_CURVES) or 1]
    return {"median": [median(values) for values in zip(*rounded, strict=True)], "curves": drawn}


def of_vote(votes: Sequence[Vote], vote: int) -> list[Any]:
    """Return the answers of one vote."""
    return [one.answer for one in votes if one.vote == vote]


def shares(question: Json, reveal: Json, votes: Sequence[Vote]) -> dict[str, Any]:
    """Return how many were right in each vote, and who changed: first and second right, of those who voted twice."""
    right = {(one.vote, one.student): is_right(question, reveal, one.answer) for one in votes}
    both = [student for vote, student in right if vote == 1 and (2, student) in right]
    pairs = Counter((right[1, student], right[2, student]) for student in both)
    return {
        "right": [sum(well for (vote, _), well in right.items() if vote == n) for n in (1, 2)],
        "of": [sum(vote == n for vote, _ in right) for n in (1, 2)],
        "changed": [[pairs[True, True], pairs[True, False]], [pairs[False, True], pairs[False, False]]]
        if both
        else None,
    }


def as_csv(lesson: Lesson, votes_of: Callable[[int], Sequence[Vote]]) -> bytes:
    """Return a row a student and step, in the order of the answers: no ids, and no order that could stand for one."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["step", "title", "first vote", "second vote", "first right", "second right", "simulated"])
    for n, (step, reveal) in enumerate(zip(lesson.steps, lesson.reveals, strict=True)):
        if reveal is None:
            continue
        votes = votes_of(n)
        given = {(one.student, one.vote): one for one in votes}
        rows = []
        for student in {one.student for one in votes}:
            pair = [given.get((student, vote)) for vote in (1, 2)]
            cells = ["" if one is None else in_words(step["question"], one.answer) for one in pair]
            right = ["" if one is None else int(is_right(step["question"], reveal, one.answer)) for one in pair]
            rows.append([n + 1, step["title"], *cells, *right, int(any(one.made_up for one in pair if one))])
        writer.writerows([[_safe(cell) for cell in row] for row in sorted(rows, key=lambda row: [*map(str, row)])])
    return b"\xef\xbb\xbf" + table.getvalue().encode("utf-8", "replace")


def in_words(question: Json, answer: Any) -> str | float:
    """Return an answer as a cell of a table."""
    match question["kind"]:
        case "choice":
            return str(question["choices"][answer])
        case "number":
            return float(answer)
        case "cell":
            return f"{question['rows'][answer[0]]}, {question['columns'][answer[1]]}"
        case "heads":
            return " ".join(f"L{layer}H{head}" for layer, head in answer)
    return " ".join(f"{value:.3g}" for value in answer)


def _safe(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_STARTS_FORMULA) else cell
