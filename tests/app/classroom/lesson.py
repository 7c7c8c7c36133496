"""A lesson of every kind of question, with keys that stand out in any text, and a class of it without Streamlit."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.classroom.rooms import Rooms
from app.classroom.routes import KEY, ClassRoutes
from app.classroom.store import ClassStore, Lesson, Started

WORDS = "The words of reveal"
QUESTIONS: list[dict[str, Any]] = [
    {"kind": "choice", "choices": [" Mary", " John", " the"]},
    {"kind": "number", "low": 0, "high": 100, "step": 1, "unit": "times"},
    {"kind": "cell", "rows": [f"layer {n}" for n in range(6)], "columns": ["When", "·Mary", "<b>", "·John", "·to"]},
    {"kind": "heads", "layers": 6, "heads": 8, "most": 3},
    {"kind": "curve", "x": [f"{n}_pre" for n in range(6)] + ["final_post"], "low": -1, "high": 5, "unit": "logit_diff"},
]
ANSWERS: list[tuple[Any, Any]] = [
    (0, 1),
    (36.5, 80.0),
    ([3, 4], [0, 0]),
    ([[2, 7], [4, 1]], [[0, 0]]),
    ([0.0, 0.1, 0.2, 0.4, 2.9, 4.1, 3.6], [1.0] * 7),
]
"""A right and a wrong one to each question."""

_GRID = [[round(0.017 * row - 0.031 * column, 4) for column in range(5)] for row in range(6)]
_HEADS = [
    [None if (row, head) == (0, 7) else round(0.7 - 0.013 * row * head, 4) for head in range(8)] for row in range(6)
]
_KEYS: list[dict[str, Any]] = [
    {"key": 0, "right": [0], "values": [0.7654, 0.1234, 0.0321]},
    {"key": 36.6543, "right": [31.5, 41.5], "values": 36.6543},
    {"key": [3, 4], "right": [[3, 4]], "values": _GRID},
    {"key": [[2, 7], [4, 1]], "right": [[2, 7], [4, 1]], "values": _HEADS},
    {
        "key": [0.0123, 0.1123, 0.2123, 0.4123, 2.9123, 4.1123, 3.6123],
        "right": 0.5,
        "values": [0.0123, 0.1123, 0.2123, 0.4123, 2.9123, 4.1123, 3.6123],
    },
]
STEPS: list[dict[str, Any]] = [
    {
        "title": f"Step of {question['kind']}",
        "text": ["When Mary and John went to the store, John gave a drink to", "A second paragraph."],
        "ask": f"What do you predict, as a {question['kind']}?",
        "question": question,
        "n": n + 1,
        "of": 6,
    }
    for n, question in enumerate(QUESTIONS)
]
TOLD = {"title": "Not here", "text": ["ioi-demo does not show this."], "asked": False, "n": 6, "of": 6}
REVEALS: list[dict[str, Any]] = [
    {
        **key,
        "words": [f"{WORDS} {n}."],
        "say": {"right": "so it is.", "wrong": "you said {answer}."},
        "figure": {"title": f"Figure of reveal {n}", "unit": "logit_diff"},
        "link": f"/activation_patching?secretly={n}",
    }
    for n, key in enumerate(_KEYS)
]
LESSON = Lesson("Every kind", "ioi-demo", [*STEPS, TOLD], [*REVEALS, None])


class Class:
    """A class that has begun, and what its members do; every response is kept in `heard` by whom it went to."""

    def __init__(self, client: TestClient, routes: ClassRoutes, started: Started):
        self.client, self.routes, self.started = client, routes, started
        self.api = f"/class/api/{started.code}"
        self.heard: list[tuple[str, str, str]] = []

    def ask(self, who: str, method: str, path: str, key: str = "", sent: Any = None, **more: Any) -> Any:
        """The response; `sent` goes as JSON."""
        content = {} if sent is None else {"content": json.dumps(sent), "headers": {"Content-Type": "application/json"}}
        more = content | more
        more["headers"] = {KEY: key} | more.get("headers", {})
        answer = self.client.request(method, f"{self.api}{path}", **more)
        self.heard.append((who, path, answer.text))
        return answer

    def join(self) -> str:
        return self.ask("student", "POST", "/join", sent={}).json()["student"]

    def state(self, student: str, after: object = "") -> dict[str, Any]:
        return self.ask("student", "GET", f"/state?after={after}", student).json()

    def vote(self, student: str, step: int, vote: int, answer: Any) -> Any:
        return self.ask("student", "POST", "/vote", student, {"step": step, "vote": vote, "answer": answer})

    def screen(self) -> dict[str, Any]:
        return self.ask("screen", "GET", "/screen", self.started.screen).json()

    def teacher(self) -> dict[str, Any]:
        return self.ask("teacher", "GET", "/teacher", self.started.teacher).json()

    def press(self, action: str = "next") -> dict[str, Any]:
        """Press the teacher's button; what the teacher sees then."""
        sent = {"version": self.teacher()["version"], "action": action}
        answer = self.ask("teacher", "POST", "/move", self.started.teacher, sent)
        assert answer.status_code == 200, answer.text
        return self.teacher()


@contextmanager
def running(folder: Path | None, lesson: Lesson = LESSON, most: int = 500) -> Iterator[Class]:
    """A class that has begun, on routes alone."""
    store = ClassStore(folder)
    rooms = Rooms(lambda: store, lambda: most)

    def lifespan(_):
        return rooms.running()

    routes = ClassRoutes(rooms)
    app = Starlette(routes=routes.routes(), lifespan=lifespan)
    with TestClient(app, base_url="http://school.example") as client:
        yield Class(client, routes, store.start(lesson))
