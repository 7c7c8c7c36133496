"""A class from its start to its end, over the routes: who is told what, when, and what is refused."""

import asyncio
import csv
import io
import json
import re
import threading
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from app.classroom import phases
from app.classroom.checks import MOST_BYTES, MOST_WRONG, WrongCodes
from app.classroom.files import FOLDER, NAMES, content
from app.classroom.rooms import Rooms
from app.classroom.routes import KEY, ClassRoutes
from app.classroom.store import ClassStore
from app.classroom.tallies import tally
from app.lessons.answers import counts_as_right
from tests.app.classroom.lesson import ANSWERS, LESSON, QUESTIONS, REVEALS, WORDS, Class, running


@pytest.fixture
def a_class(tmp_path):
    with running(tmp_path / "cache") as begun:
        yield begun


def given_away(reveal: dict[str, Any]) -> list[str]:
    """What in a text would give a reveal away: its words, figure and link, and every number with four digits."""
    numbers = re.findall(r"-?\d+\.\d{4}", json.dumps(reveal))
    return [*reveal["words"], reveal["figure"]["title"], reveal["link"], *numbers]


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_nobody_is_told_a_key_or_a_distribution_before_its_reveal(a_class: Class):
    """One class through all its steps; every response to students and projector is searched."""
    students = [a_class.join() for _ in range(4)]
    assert a_class.state(students[0])["phase"] == "waiting"
    assert "ask" not in a_class.screen()
    for step, (right, wrong) in enumerate(ANSWERS):
        a_class.press()
        a_class.heard.clear()
        for vote, answers in ((1, (right, wrong, wrong, wrong)), (2, (right, right, wrong))):
            for student, answer in zip(students, answers, strict=False):
                assert a_class.vote(student, step, vote, answer).json() == {"counted": True}
            for _ in range(2 if vote == 1 else 1):
                told = [a_class.state(students[0]), a_class.screen()]
                assert all("reveal" not in one and one["ask"] == LESSON.steps[step] for one in told)
                told[0].pop("mine")
                assert set(told[0]) == {"version", "phase", "step", "vote", "lesson", "model", "of", "ask"}
                assert told[1]["answered"] == len(answers)
                seen = a_class.press()
            if vote == 1:
                assert seen["phase"] == "discuss"
                assert seen["shares"]["right"] == [1, 0]
                assert len(seen["tallies"]) == 1
                a_class.state(students[0])
                a_class.screen()
                a_class.press()
        told = [text for who, _, text in a_class.heard if who != "teacher"]
        assert len(told) > 10
        votes = [tally(QUESTIONS[step], answers) for answers in ((right, wrong, wrong, wrong), (right, right, wrong))]
        hidden = given_away(REVEALS[step]) + [json.dumps(vote, ensure_ascii=False) for vote in votes]
        for text in told:
            assert not [mark for mark in hidden if without_spaces(mark) in without_spaces(text)], text
            assert "tall" not in text
            assert "shares" not in text
        assert seen["phase"] == "closed"
        seen = a_class.press()
        assert seen["phase"] == "reveal"
        for told_now in (a_class.state(students[1]), a_class.screen(), seen):
            reveal = told_now["reveal"]
            assert {name: reveal[name] for name in REVEALS[step] if name != "say"} | {"say": 0} == REVEALS[step] | {
                "say": 0
            }
            assert reveal["shares"] == {"right": [1, 2], "of": [4, 3], "changed": [[1, 0], [1, 1]]}
            assert [reveal["first"], reveal["class"]] == votes
        shown = without_spaces(a_class.heard[-1][2])
        assert all(without_spaces(mark) in shown for mark in hidden), "what was looked for is as it would be written"
        seen_by = [a_class.state(student) for student in students]
        assert seen_by[1]["mine"] == {"1": wrong, "2": right}
        counted = counts_as_right(QUESTIONS[step], REVEALS[step])
        assert seen_by[1]["verdict"] == " ".join(["Right: so it is.", *counted])
        assert a_class.screen()["reveal"]["answer"] == " ".join(["So it is.", *counted])  # no one's own answer there
        assert seen_by[3]["verdict"].startswith("Not quite: you said ")
    assert a_class.press()["phase"] == phases.TOLD
    assert a_class.state(students[0])["ask"]["text"] == ["ioi-demo does not show this."]
    assert a_class.press()["phase"] == phases.END
    later = [text for who, _, text in a_class.heard if who != "teacher"]
    assert any(f"{WORDS} 4" in text for text in later)
    rows = list(
        csv.DictReader(io.StringIO(a_class.ask("teacher", "GET", "/votes.csv", a_class.started.teacher).text[1:]))
    )
    assert len(rows) == 4 * len(QUESTIONS)
    assert [row["first right"] for row in rows if row["step"] == "2"].count("1") == 1
    assert {row["first vote"] for row in rows if row["step"] == "4"} == {"L2H7 L4H1", "L0H0"}
    assert all(student not in str(rows) for student in students)


def test_a_vote_that_is_not_open_is_refused_and_the_last_one_before_the_close_counts(a_class: Class):
    student = a_class.join()
    assert a_class.vote(student, 0, 1, 0).status_code == 409
    a_class.press()
    for answer in (0, 1, 2):
        assert a_class.vote(student, 0, 1, answer).status_code == 200
    assert a_class.state(student)["mine"] == {"1": 2}
    assert a_class.teacher()["tallies"] == [[0, 0, 1]]
    assert [a_class.vote(student, step, vote, 0).status_code for step, vote in ((1, 1), (0, 2))] == [409, 409]
    a_class.press()
    refused = a_class.vote(student, 0, 1, 0)
    assert (refused.status_code, refused.json()["words"]) == (409, "This vote is closed: your answer was not counted.")
    assert a_class.state(student)["mine"] == {"1": 2}
    assert a_class.press("reveal")["phase"] == "reveal"
    assert a_class.vote(student, 0, 1, 0).status_code == 409


BAD_ANSWERS = {
    "choice": (None, "", [], {}, -1, 3, 0.0, True, "0", 10**400, "\ud800", float("nan")),
    "number": (None, "7", -1, 101, [], True, float("nan"), float("inf"), 10**400),
    "cell": (None, 3, [], [0], [0, 5], [6, 0], [-1, 0], [0.0, 1], [0, True], [[0, 0]], "00"),
    "heads": (None, [], [[0, 0], [0, 0]], [[0, n] for n in range(4)], [[0, 8]], [[6, 0]], [0, 1], [["0", 0]]),
    "curve": (None, [], [0.0] * 6, [0.0] * 8, [9.0] * 7, [float("nan")] * 7, ["0"] * 7, [[0]] * 7, [True] * 7),
}


def test_hostile_votes_are_refused_in_words_and_none_is_kept(a_class: Class):
    student = a_class.join()
    for step, question in enumerate(QUESTIONS):
        a_class.press()
        for answer in BAD_ANSWERS[question["kind"]]:
            refused = a_class.vote(student, step, 1, answer)
            assert refused.status_code in (400, 422), (question["kind"], answer)
            assert refused.json()["words"].endswith(".")
        assert a_class.teacher()["answered"] == 0
        a_class.press()
        a_class.press("reveal")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"step":0,"vote":1}', 400),
        (b'{"step":0,"vote":1,"answer":0,"student":"x"}', 400),
        (b'{"step":0,"vote":1,"answer":NaN}', 400),
        (b'{"step":0,"vote":1,"answer":1e999}', 422),
        (b'{"step":0,"vote":1,"answer":' + b"9" * 5000 + b"}", 400),
        (b'{"step":1e2,"vote":1,"answer":0}', 400),
        (b'{"step":"0","vote":1,"answer":0}', 400),
        (b'{"step":0,"vote":true,"answer":0}', 400),
        (b'{"step":0,"vote":1,"answer":"\\ud800"}', 422),
        (b'{"step":0,"vote":1,"answer":' + b"[" * 4000 + b"]" * 4000 + b"}", 400),
        (b"\xff\xfe\x00", 400),
        (b" " * (MOST_BYTES + 1), 413),
    ],
)
def test_a_body_that_is_no_vote_is_refused(a_class: Class, body, status):
    a_class.press()
    headers = {"Content-Type": "application/json"}
    refused = a_class.ask("student", "POST", "/vote", a_class.join(), content=body, headers=headers)
    assert refused.status_code == status
    assert refused.json()["words"]
    assert a_class.teacher()["answered"] == 0


def test_what_another_site_sends_is_refused(a_class: Class):
    a_class.press()
    student, vote = a_class.join(), json.dumps({"step": 0, "vote": 1, "answer": 0})
    as_json = {"Content-Type": "application/json"}
    for headers, status in (
        (as_json | {"Origin": "https://evil.example"}, 403),
        (as_json | {"Origin": "null"}, 403),
        (as_json | {"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({}, 415),
        (as_json | {"Origin": "http://school.example", "Sec-Fetch-Site": "same-origin"}, 200),
    ):
        assert a_class.ask("student", "POST", "/vote", student, content=vote, headers=headers).status_code == status
    refused = a_class.ask("x", "GET", "/state", student, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status_code == 403


def test_nobody_becomes_somebody_else(a_class: Class):
    student = a_class.join()
    keys = {"student": student, "teacher": a_class.started.teacher, "screen": a_class.started.screen}
    paths = {"/state": "student", "/screen": "screen", "/teacher": "teacher", "/votes.csv": "teacher"}
    for path, owner in paths.items():
        for who, key in {**keys, "nobody": "", "hostile": "\x7f'; DROP TABLE classes", "guess": "A" * 22}.items():
            assert a_class.ask("x", "GET", path, key).status_code == (200 if who == owner else 403), (path, who)
    for key in (student, a_class.started.screen, ""):
        assert a_class.ask("x", "POST", "/move", key, {"version": 1, "action": "next"}).status_code == 403
        assert a_class.ask("x", "POST", "/simulate", key, {"students": 3}).status_code == 403
    assert a_class.teacher()["version"] == 1


def test_a_button_that_is_pressed_twice_moves_once(a_class: Class):
    sent = {"version": 1, "action": "next"}
    answers = [a_class.ask("t", "POST", "/move", a_class.started.teacher, sent).status_code for _ in range(2)]
    assert answers == [200, 409]
    for sent in ({"version": 2, "action": "back"}, {"version": "2", "action": "next"}, {"version": 2, "action": None}):
        assert a_class.ask("t", "POST", "/move", a_class.started.teacher, sent).status_code == 400
    assert (
        a_class.ask("t", "POST", "/move", a_class.started.teacher, {"version": 2, "action": "reveal"}).status_code
        == 409
    )
    assert a_class.teacher()["phase"] == "open"


def test_wrong_codes_are_limited_by_address_and_right_ones_are_not(a_class: Class):
    def join(code: str, address: str) -> int:
        headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
        return a_class.client.post(f"/class/api/{code}/join", content="{}", headers=headers).status_code

    # TestClient is no address at all: of whoever is in front of this server, only a near proxy is believed.
    a_class.client._transport.client = ("10.0.0.2", 5)
    assert MOST_WRONG > 200, "a whole school mistypes"
    a_class.routes._wrong = WrongCodes(10)
    assert {join(a_class.started.code, "192.0.2.1") for _ in range(20)} == {200}
    answers = [join("AAAAAAAA", "192.0.2.1") for _ in range(12)]
    assert answers == [404] * 10 + [429] * 2
    assert join(a_class.started.code, "192.0.2.1") == 429, "or a guess that hits would be told"
    assert join(a_class.started.code, "192.0.2.2") == 200
    student = a_class.ask("s", "POST", "/join", sent={}, headers={"Content-Type": "application/json"}).json()["student"]
    assert a_class.ask("s", "GET", "/state", student, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 200


def test_a_code_is_read_as_it_is_typed_and_hostile_ones_are_none(a_class: Class):
    code = a_class.started.code
    for typed in (code.lower(), f"{code[:4]}-{code[4:]}", f"{code[:4]}%20{code[4:]}"):
        answer = a_class.client.post(
            f"/class/api/{typed}/join", content="{}", headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 200
    for typed in ("A", "A" * 9, "%00", "..%2f", "%F0%9F%98%80", "'OR'1'='1", "A" * 5000, "%ed%a0%80"):
        answer = a_class.client.post(
            f"/class/api/{typed}/join", content="{}", headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 404
        assert answer.json()["words"]


def test_a_student_hears_of_a_phase_at_once_and_the_screen_of_votes(a_class: Class):
    student = a_class.join()
    state, screen = a_class.state(student), a_class.screen()
    heard: dict[str, Any] = {}
    waiters = [
        threading.Thread(target=lambda: heard.update(state=a_class.state(student, state["version"]))),
        threading.Thread(
            target=lambda: heard.update(
                screen=a_class.ask("s", "GET", f"/screen?after={screen['mark']}", a_class.started.screen).json()
            )
        ),
    ]
    for waiter in waiters:
        waiter.start()
    a_class.press()
    for waiter in waiters:
        waiter.join(15)
    assert heard["state"]["phase"] == heard["screen"]["phase"] == "open"
    mark = heard["screen"]["mark"]
    voter = threading.Timer(0.2, lambda: a_class.vote(student, 0, 1, 0))
    voter.start()
    assert a_class.ask("s", "GET", f"/screen?after={mark}", a_class.started.screen).json()["answered"] == 1
    voter.join()


def test_who_finds_no_place_to_wait_is_told_to_ask_again(tmp_path):
    with running(tmp_path / "cache", most=0) as begun:
        student = begun.join()
        version = begun.state(student)["version"]
        assert begun.state(student, version) == {"version": version, "again": 2}


def test_simulated_students_answer_every_kind_and_are_told_apart(a_class: Class):
    for step, question in enumerate(QUESTIONS):
        a_class.press()
        student = a_class.join()
        for vote in (1, 2):
            for _ in range(2):
                answer = a_class.ask("t", "POST", "/simulate", a_class.started.teacher, {"students": 30})
                assert answer.status_code == 200, (question["kind"], answer.text)
            assert a_class.vote(student, step, vote, ANSWERS[step][1]).status_code == 200
            assert a_class.teacher()["answered"] == 31
            a_class.press()
            seen = a_class.press()
            if vote == 1:
                a_class.press()
        assert seen["made_up"] == 30
        right = seen["reveal"]["shares"]["right"]
        assert 5 <= right[0] < right[1] <= 30, question["kind"]
    for students in (0, 201, "30", None, 1.5):
        refused = a_class.ask("t", "POST", "/simulate", a_class.started.teacher, {"students": students})
        assert refused.status_code == 400
    assert a_class.ask("t", "POST", "/simulate", a_class.started.teacher, {"students": 5}).status_code == 409


def test_two_hundred_votes_at_once_are_two_hundred_and_their_reveal_is_made_once(tmp_path, monkeypatch):
    async def story() -> None:
        store = ClassStore(tmp_path / "cache")
        started, rooms = store.start(LESSON), Rooms(lambda: store)
        transport = httpx.ASGITransport(Starlette(routes=ClassRoutes(rooms).routes()))
        api = f"http://school.example/class/api/{started.code}"
        async with httpx.AsyncClient(transport=transport, headers={"Content-Type": "application/json"}) as client:
            key = {KEY: started.teacher}
            joined = await asyncio.gather(*(client.post(f"{api}/join", content="{}") for _ in range(200)))
            students = [answer.json()["student"] for answer in joined]
            await client.post(f"{api}/move", content='{"version":1,"action":"next"}', headers=key)

            async def vote(student: str, n: int) -> None:
                sent = json.dumps({"step": 0, "vote": 1, "answer": n % 2})
                answers = [client.post(f"{api}/vote", content=sent, headers={KEY: student}) for _ in range(2)]
                assert [answer.status_code for answer in await asyncio.gather(*answers)] == [200, 200]

            await asyncio.gather(*(vote(student, n) for n, student in enumerate(students)))
            seen = (await client.get(f"{api}/teacher", headers=key)).json()
            assert (seen["answered"], seen["joined"], seen["tallies"]) == (200, 200, [[100, 100, 0]])
            for version, action in ((2, "next"), (3, "reveal")):
                await client.post(
                    f"{api}/move", content=json.dumps({"version": version, "action": action}), headers=key
                )
            read: list[int] = []
            votes = store.votes
            monkeypatch.setattr(store, "votes", lambda *which: read.append(1) or votes(*which))
            told = await asyncio.gather(*(client.get(f"{api}/state", headers={KEY: one}) for one in students))
            assert [answer.json()["reveal"]["class"] for answer in told] == [[100, 100, 0]] * 200
            assert len(read) == 1, "the reveal is made once, however many see it at that moment"

    asyncio.run(story())


def test_the_pages_are_light_closed_and_know_no_other_place(a_class: Class):
    for path in ("/class", "/class/", "/class/teacher", "/class/screen"):
        page = a_class.client.get(path)
        assert page.status_code == 200
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    student = [name for name in NAMES if name != "teacher.js"]
    assert sum(len(content(name, "/class", 24)) for name in student) < 60_000
    for path in FOLDER.iterdir():
        assert not re.search(r"https?://(?!www\.w3\.org/)|innerHTML|eval\(|style=\"", path.read_text()), path.name
    etag = a_class.client.get("/class/files/class.css").headers["ETag"]
    assert a_class.client.get("/class/files/class.css", headers={"If-None-Match": etag}).status_code == 304
    for path in ("files/routes.py", "files/..%2froutes.py", "files/%2e%2e/routes.py", "x", "api", "api/x/y/z"):
        assert a_class.client.get(f"/class/{path}").status_code == 404


def test_a_qr_code_leads_to_this_server_alone(a_class: Class):
    def drawn(page: str, code: str = "") -> int:
        return a_class.client.get(
            "/class/qr.svg", params={"page": page, "code": code or a_class.started.code}
        ).status_code

    assert drawn("http://school.example/class") == drawn("https://school.example/ioi/class") == 200
    for page in (
        "http://evil.example/class",
        "javascript://school.example/class",
        "http://school.example/else",
        "http://school.example/class?x=1",
        "http://school.example@evil.example/class",
        "http://[/class",
        "",
        "http://school.example/" + "x" * 300 + "/class",
    ):
        assert drawn(page) == 400
    assert drawn("http://school.example/class", "<script>") == 400
