"""A live class on a real server: killed in the middle of a vote, and behind the real proxy."""

import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.classroom.phases import Place
from app.classroom.store import ClassStore
from tests import ROOT
from tests.app.classroom.lesson import LESSON
from tests.browser.embed.hosted import NGINX, free_port, proxy

pytestmark = pytest.mark.slow

SERVER = """
import sys, uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.middleware import Middleware
from app.classroom.rooms import Rooms
from app.classroom.routes import ClassRoutes
from app.classroom.store import ClassStore
from app.hosting.doors.rules import Doors
store = ClassStore(Path(sys.argv[1]))
rooms = Rooms(lambda: store)
routes = ClassRoutes(rooms).routes()
app = Starlette(routes=routes, middleware=[Middleware(Doors)], lifespan=lambda _: rooms.running())
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen]:
    """The routes of classes as a process of their own."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder), str(port)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                assert ask(port, "GET", "/class")[0] == 200
                break
            except OSError:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait(30)


def ask(port: int, method: str, path: str, key: str = "", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"X-Class-Key": key} | ({"Content-Type": "application/json"} if body is not None else {})
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_killed_server_has_every_vote_that_it_accepted_and_a_new_one_goes_on(tmp_path):
    store, port = ClassStore(tmp_path / "cache"), free_port()
    started = store.start(LESSON)
    key = store.key(started.code)
    students = [store.join(key) for _ in range(300)]
    store.move(key, 1, Place(1, "open", 1))
    accepted: dict[str, int] = {}
    broken = threading.Event()

    def vote(mine: list[str], first: int) -> None:
        for n, student in enumerate(mine):
            answer = (first + n) % 100
            body = json.dumps({"step": 1, "vote": 1, "answer": answer}).encode()
            try:
                status, _ = ask(port, "POST", f"/class/api/{started.code}/vote", student, body)
            except (OSError, http.client.HTTPException):
                broken.set()
                return
            assert status == 200
            accepted[student] = answer

    with serving(tmp_path / "cache", port) as process:
        voters = [threading.Thread(target=vote, args=(students[n::4], n)) for n in range(4)]
        for voter in voters:
            voter.start()
        while len(accepted) < 60:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        for voter in voters:
            voter.join(60)
    assert broken.is_set()
    assert 60 <= len(accepted) < 300
    with serving(tmp_path / "cache", port):
        for student in list(accepted)[-3:]:  # they find the phase, and what they answered, by asking as before
            _, told = ask(port, "GET", f"/class/api/{started.code}/state", student)
            assert json.loads(told)["phase"] == "open"
            assert json.loads(told)["mine"] == {"1": accepted[student]}
        for student, answer in accepted.items():
            assert store.mine(key, student, 1) == {1: answer}
        # One more for each voter at most: kept, but killed before it could say so.
        assert len(accepted) <= store.snapshot(key).answered <= len(accepted) + 4
        if NGINX is not None:  # on the server that is there now: each start costs seconds
            goes_through_the_proxy(tmp_path, store, port)


def goes_through_the_proxy(folder: Path, store: ClassStore, port: int) -> None:
    """A school's phones behind one address, of which the proxy logs nothing."""
    started = store.start(LESSON)
    key, api = store.key(started.code), f"/class/api/{started.code}"
    with proxy(folder, port) as url:
        front = int(url.rpartition(":")[2])
        students = [json.loads(ask(front, "POST", f"{api}/join", body=b"{}")[1])["student"] for _ in range(150)]
        told: list[int] = []

        def wait(student: str) -> None:
            told.append(ask(front, "GET", f"{api}/state?after=1", student)[0])

        phones = [threading.Thread(target=wait, args=(student,)) for student in students]
        for phone in phones:
            phone.start()
        assert ask(front, "POST", f"{api}/move", started.teacher, b'{"version":1,"action":"next"}')[0] == 200
        for phone in phones:
            phone.join(60)
        assert told == [200] * 150
        assert ask(front, "POST", f"{api}/vote", students[0], b" " * 17_000)[0] == 413
        status, page = ask(front, "GET", "/class")
        assert (status, b"<!doctype html>" in page) == (200, True)
        assert store.snapshot(key).joined == 150
        assert ask(front, "GET", "/class/x")[0] == 404
    assert (folder / "access.log").read_text().count("class") == 0


@contextmanager
def machine(place: str) -> Iterator[int]:
    """A stand-in for a machine, which says its letter whatever it is asked; its port."""

    class Machine(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1")
            self.end_headers()
            self.wfile.write(place.encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Machine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.skipif(NGINX is None, reason="there is no nginx here")
def test_of_two_machines_each_is_asked_for_its_own_classes(tmp_path):
    """By the very lines of docs/hosting.md."""
    said = re.search(
        r"## A class on several machines.*?```nginx\n(.*?)```", (ROOT / "docs" / "hosting.md").read_text(), re.S
    )[1]
    both = re.search(r"    upstream app \{.*?\n    \}\n", (ROOT / "proxy" / "nginx.conf").read_text(), re.S)[0]
    inside = "proxy_read_timeout 60s;\n            proxy_pass http://app;"
    with machine("K") as first, machine("M") as second:
        for address, port in (("10.0.0.1:8501", first), ("10.0.0.2:8501", second)):
            assert said.count(address) == 2
            said = said.replace(address, f"127.0.0.1:{port}")
        changed = [(both, said), (inside, inside.replace("http://app", "http://$machine"))]
        with proxy(tmp_path, first, changed) as url:
            front = int(url.rpartition(":")[2])
            for place in "KM":
                code = ClassStore(None, place=place).start(LESSON).code
                for method, path in (("POST", "join"), ("GET", "state?after=1"), ("GET", "teacher"), ("POST", "vote")):
                    for written in (code, code.lower()):
                        asked = ask(
                            front, method, f"/class/api/{written}/{path}", body=b"{}" if method == "POST" else None
                        )
                        assert asked == (200, place.encode()), path
            for page in (
                "/class",
                "/class/teacher",
                "/class/screen",
                "/class/files/figures.js",
                "/class/qr.svg?page=x",
            ):
                assert {ask(front, "GET", page) for _ in range(20)} == {(200, b"K"), (200, b"M")}, page
