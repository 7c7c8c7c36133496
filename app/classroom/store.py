"""Classes, their students' random ids and their votes, in SQLite.

Kept in the cache's folder in write-ahead mode: any number of processes of one machine share it, and what a process has
accepted is there after it was killed. Of a student's several votes in one round the last before the close counts. All
of a class goes `hours` after its start. Nothing here computes.
"""

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.classroom import codes
from app.classroom.phases import OPEN, Place
from cache.store.folder import CLASSES, locked, prepare

MOST_STUDENTS = 2000
"""Of one class; a phone that forgets its id takes another place."""

MOST_CLASSES = 500
"""At once: steps and reveals of one take about 100 kB."""

_BUSY_SECONDS = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS classes(
    id TEXT PRIMARY KEY, teacher TEXT, screen TEXT, title TEXT, model TEXT, steps TEXT, reveals TEXT,
    step INTEGER, phase TEXT, vote INTEGER, version INTEGER, begun REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS students(
    class TEXT, student TEXT, made_up INTEGER, PRIMARY KEY(class, student)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS votes(
    class TEXT, step INTEGER, vote INTEGER, student TEXT, answer TEXT,
    PRIMARY KEY(class, step, vote, student)) WITHOUT ROWID;
"""
_log = logging.getLogger(__name__)


class FullError(Exception):
    """There is no room for another class or student; the text says so."""


@dataclass(frozen=True)
class Started:
    """What is handed out once, when a class starts."""

    code: str
    teacher: str
    screen: str


@dataclass(frozen=True)
class Lesson:
    """What a class is about: public steps, and one reveal a step, None where nothing is asked."""

    title: str
    model: str
    steps: Sequence[Mapping[str, Any]]
    reveals: Sequence[Mapping[str, Any] | None]


@dataclass(frozen=True)
class Snapshot:
    """What changes while a class runs. `version` counts phases; `answered` is of the vote under way or last."""

    place: Place
    version: int
    answered: int
    joined: int
    made_up: int


@dataclass(frozen=True)
class Vote:
    """An answer; `student` is a digest, to pair a student's two votes by."""

    vote: int
    student: str
    answer: Any
    made_up: bool


class ClassStore:
    """All classes; its methods may be called from any thread.

    Args:
        folder: the cache's folder; None keeps everything in memory.

    Raises:
        OSError, sqlite3.Error: nothing can be kept there.
    """

    def __init__(self, folder: Path | None, hours: float = 24.0, place: str = ""):
        self.lasting = folder is not None
        self._seconds, self._place = hours * 3600, place
        self._lock = threading.Lock()
        self._db = _opened(prepare(folder, CLASSES)) if folder else _connected(":memory:")
        self.forget()

    def start(self, lesson: Lesson) -> Started:
        """Keep a new class. Raises FullError."""
        self.forget()
        started = Started(codes.new_code(self._place), codes.new_secret(), codes.new_secret())
        texts = [json.dumps(part, allow_nan=False) for part in (lesson.steps, lesson.reveals)]
        key, teacher, screen = self.key(started.code), _teacher(started.teacher), _screen(started.screen)
        with self._writing() as db:
            if db.execute("SELECT count(*) FROM classes").fetchone()[0] >= MOST_CLASSES:
                raise FullError("So many classes are running that there is no room for another: try again later.")
            db.execute(
                "INSERT INTO classes VALUES (?,?,?,?,?,?,?,0,'waiting',0,1,?)",
                (key, teacher, screen, lesson.title, lesson.model, *texts, time.time()),
            )
        return started

    @staticmethod
    def key(code: str) -> str:
        """Return what a class is kept under."""
        return codes.digest("class", code)

    def lesson(self, key: str) -> Lesson | None:
        """Return what a class is about; None if there is none or its time is over."""
        row = self._row("SELECT title, model, steps, reveals FROM classes WHERE id=? AND begun>?", key, self._oldest())
        return row and Lesson(row[0], row[1], json.loads(row[2]), json.loads(row[3]))

    def snapshot(self, key: str) -> Snapshot | None:
        """Return where a class is; None as for `lesson`."""
        row = self._row(
            """SELECT step, phase, vote, version,
                (SELECT count(*) FROM votes v WHERE v.class=c.id AND v.step=c.step AND v.vote=c.vote),
                (SELECT count(*) FROM students s WHERE s.class=c.id),
                (SELECT count(*) FROM students s WHERE s.class=c.id AND made_up)
            FROM classes c WHERE id=? AND begun>?""",
            key,
            self._oldest(),
        )
        return row and Snapshot(Place(*row[:3]), *row[3:])

    def is_teacher(self, key: str, secret: str) -> bool:
        """Return whether `secret` is the teacher's."""
        return self._row("SELECT 1 FROM classes WHERE id=? AND teacher=?", key, _teacher(secret)) is not None

    def is_screen(self, key: str, secret: str) -> bool:
        """Return whether `secret` is the projector's."""
        return self._row("SELECT 1 FROM classes WHERE id=? AND screen=?", key, _screen(secret)) is not None

    def is_student(self, key: str, secret: str) -> bool:
        """Return whether `secret` is an id that a student of this class was given."""
        row = self._row("SELECT 1 FROM students WHERE class=? AND student=?", key, _student(secret))
        return row is not None

    def join(self, key: str) -> str:
        """Return a new student's id. Raises FullError."""
        secret = codes.new_secret()
        with self._writing() as db:
            if db.execute("SELECT count(*) FROM students WHERE class=?", (key,)).fetchone()[0] >= MOST_STUDENTS:
                raise FullError(f"This class is full: {MOST_STUDENTS} phones have joined.")
            db.execute("INSERT INTO students VALUES (?,?,0)", (key, _student(secret)))
        return secret

    def vote(self, key: str, student: str, step: int, vote: int, answer: object) -> bool:
        """Keep an answer, which has been checked; False if that vote of that step is not open (any more)."""
        with self._writing() as db:
            return self._keep(db, key, _student(student), step, vote, answer)

    def make_up(self, key: str, step: int, vote: int, answers: Mapping[str, object]) -> bool:
        """Keep answers of simulated students, by their names; as `vote`, all or none."""
        with self._writing() as db:
            students = [(key, _student(name)) for name in answers]
            db.executemany("INSERT OR IGNORE INTO students VALUES (?,?,1)", students)
            answered = zip(students, answers.values(), strict=True)
            if not all(self._keep(db, key, student, step, vote, answer) for (_, student), answer in answered):
                db.execute("ROLLBACK")
                return False
        return True

    @staticmethod
    def _keep(db: sqlite3.Connection, key: str, student: str, step: int, vote: int, answer: object) -> bool:
        kept = db.execute(
            """INSERT INTO votes SELECT id,?,?,?,? FROM classes WHERE id=? AND step=? AND vote=? AND phase=?
            ON CONFLICT DO UPDATE SET answer=excluded.answer""",
            (step, vote, student, json.dumps(answer, allow_nan=False), key, step, vote, OPEN),
        )
        return kept.rowcount == 1

    def mine(self, key: str, student: str, step: int) -> dict[int, Any]:
        """Return a student's answers to a step, by vote."""
        rows = self._rows(
            "SELECT vote, answer FROM votes WHERE class=? AND step=? AND vote IN (1,2) AND student=?",
            *(key, step, _student(student)),
        )
        return {vote: json.loads(answer) for vote, answer in rows}

    def votes(self, key: str, step: int) -> list[Vote]:
        """Return all answers to a step, both votes'."""
        rows = self._rows(
            """SELECT vote, v.student, answer, made_up FROM votes v
            JOIN students s ON s.class=v.class AND s.student=v.student WHERE v.class=? AND step=?""",
            key,
            step,
        )
        return [Vote(vote, student, json.loads(answer), bool(made_up)) for vote, student, answer, made_up in rows]

    def move(self, key: str, version: int, place: Place) -> bool:
        """Go to another phase; False if the class is not at `version`, since another press was first."""
        with self._writing() as db:
            moved = db.execute(
                "UPDATE classes SET step=?, phase=?, vote=?, version=version+1 WHERE id=? AND version=?",
                (place.step, place.phase, place.vote, key, version),
            )
            return moved.rowcount == 1

    def changes(self) -> int:
        """Return a number that is another one whenever another process has written."""
        row = self._row("PRAGMA data_version")
        return row[0] if row else 0

    def forget(self) -> int:
        """Remove every class whose time is over, from the file too; return how many there were."""
        with self._writing() as db:
            gone = db.execute("DELETE FROM classes WHERE begun<=?", (self._oldest(),)).rowcount
            if gone:
                for table in ("votes", "students"):
                    db.execute(f"DELETE FROM {table} WHERE class NOT IN (SELECT id FROM classes)")
        if gone:
            self._row("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _oldest(self) -> float:
        return time.time() - self._seconds

    def _row(self, query: str, *values: object) -> Any:
        with self._lock:
            return self._db.execute(query, values).fetchone()

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which no other process writes into."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                if self._db.in_transaction:
                    self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")


def _teacher(secret: str) -> str:
    return codes.digest("teacher", secret)


def _screen(secret: str) -> str:
    return codes.digest("screen", secret)


def _student(secret: str) -> str:
    return codes.digest("student", secret)


def _opened(folder: Path) -> sqlite3.Connection:
    """Open the file in `folder`; one that is damaged is put away, for a class must be able to start."""
    file = folder / "classes.db"
    with locked(folder):
        try:
            return _connected(file)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # a full disk, no rights: the file may be well
                raise
            _log.warning("the file of classes was damaged, and is begun anew: %s", error)
            for path in folder.glob("classes.db*"):
                path.unlink()
            return _connected(file)


def _connected(file: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    # The system keeps what a killed process has written; only a machine that fails could lose the last votes.
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute("PRAGMA secure_delete=ON")
    db.executescript(_TABLES)
    return db
