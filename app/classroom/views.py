"""What students, projector and teacher are told in each phase; what is not in here reaches nobody.

A key, a distribution and who changed are told to students and projector at the reveal, never before. The teacher sees
the distribution of a vote once somebody has answered, and how many are right once it is closed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from app.classroom.phases import CLOSED, DISCUSS, END, OPEN, REVEAL, WAITING, Place, says
from app.classroom.store import Lesson, Snapshot, Vote
from app.classroom.tallies import of_vote, shares, tally
from app.lessons.steps import answer_told, verdict


def for_students(lesson: Lesson, now: Snapshot, votes: Sequence[Vote]) -> dict[str, Any]:
    """Return what every student is told; `votes` are of the step, needed at the reveal alone."""
    place = now.place
    told: dict[str, Any] = {
        "version": now.version,
        "phase": place.phase,
        "step": place.step,
        "vote": place.vote,
        "lesson": lesson.title,
        "model": lesson.model,
        "of": len(lesson.steps),
    }
    if place.phase not in (WAITING, END):
        told["ask"] = dict(lesson.steps[place.step])
    if place.phase == REVEAL:
        told["reveal"] = _reveal(lesson, place, votes)
    return told


def for_screen(lesson: Lesson, now: Snapshot, votes: Sequence[Vote]) -> dict[str, Any]:
    """Return what the projector shows: as students, and how many have answered."""
    return for_students(lesson, now, votes) | _counts(now)


def for_teacher(lesson: Lesson, now: Snapshot, votes: Sequence[Vote]) -> dict[str, Any]:
    """Return what the teacher sees: as the projector, the button, and what has been answered."""
    place, told = now.place, for_screen(lesson, now, votes)
    told["button"] = says(place, lesson.steps)
    told["may_reveal"] = (place.phase, place.vote) == (CLOSED, 1)
    if place.phase in (OPEN, CLOSED, DISCUSS):
        question, reveal = lesson.steps[place.step]["question"], lesson.reveals[place.step]
        told["tallies"] = [tally(question, answers) for vote in (1, 2) if (answers := of_vote(votes, vote))]
        if place.phase != OPEN and reveal is not None:
            told["shares"] = shares(question, reveal, votes)
    return told


def for_one(lesson: Lesson, now: Snapshot, mine: Mapping[int, Any]) -> dict[str, Any]:
    """Return what one student is told beside that: their answers to the step, and at the reveal a sentence on them."""
    told: dict[str, Any] = {"mine": mine}
    if now.place.phase == REVEAL and mine and (reveal := lesson.reveals[now.place.step]) and "say" in reveal:
        told["verdict"] = verdict(lesson.steps[now.place.step]["question"], reveal, mine[max(mine)])
    return told


def _counts(now: Snapshot) -> dict[str, Any]:
    return {"answered": now.answered, "joined": now.joined, "made_up": now.made_up}


def _reveal(lesson: Lesson, place: Place, votes: Sequence[Vote]) -> dict[str, Any]:
    question, reveal = lesson.steps[place.step]["question"], lesson.reveals[place.step]
    assert reveal is not None, "a step with a question has a reveal"
    answers = of_vote(votes, place.vote)
    first = of_vote(votes, 1) if place.vote == 2 else []
    return {
        **{name: value for name, value in reveal.items() if name != "say"},
        "answer": answer_told(question, reveal) if "say" in reveal else "",
        "class": tally(question, answers) if answers else None,
        "first": tally(question, first) if first else None,
        "shares": shares(question, reveal, votes),
    }
