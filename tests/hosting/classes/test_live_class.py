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
from app.hosting.doors import Doors
store = ClassStore(Path(sys.argv[1]), place="".join(sys.argv[3:]))
rooms = Rooms(lambda: store)
routes = ClassRoutes(rooms).routes()
app = Starlette(routes=routes, middleware=[Middleware(Doors)], lifespan=lambda _: rooms.running())
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


@contextmanager
def serving(folder: Path, port: int, *place: str) -> Iterator[subprocess.Popen]:
    """The routes of classes as a process of their own; `place` is what its codes begin with."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(folder), str(port), *place], cwd=ROOT)
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
            _, told = ask(port, "GET", f"/class/api/{started.code}/state?after=2", students[0])
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


@pytest.mark.skipif(NGINX is None, reason="there is no nginx here")
def test_of_two_machines_each_answers_for_its_own_classes(tmp_path):
    """By the very lines of docs/hosting.md."""
    said = re.search(r"## Several machines.*?```nginx\n(.*?)```", (ROOT / "docs" / "hosting.md").read_text(), re.S)[1]
    ports = {"K": free_port(), "M": free_port()}
    for address, port in zip(("10.0.0.1:8501", "10.0.0.2:8501"), ports.values(), strict=True):
        assert said.count(address) == 2
        said = said.replace(address, f"127.0.0.1:{port}")
    both = re.search(r"    upstream app \{.*?\n    \}\n", (ROOT / "proxy" / "nginx.conf").read_text(), re.S)[0]
    inside = "proxy_read_timeout 60s;\n            proxy_pass http://app;"
    changed = [(both, said), (inside, inside.replace("http://app", "http://$machine"))]
    stores = {place: ClassStore(tmp_path / place, place=place) for place in ports}
    with (
        serving(tmp_path / "K", ports["K"], "K"), serving(tmp_path / "M", ports["M"], "M"),
        proxy(tmp_path, ports["K"], changed) as url,
    ):  # fmt: skip
        front = int(url.rpartition(":")[2])
        for place, store in stores.items():
            started = store.start(LESSON)
            assert started.code.startswith(place)
            for code in (started.code, started.code.lower()):
                status, told = ask(front, "POST", f"/class/api/{code}/join", body=b"{}")
                assert status == 200, told
            assert store.snapshot(store.key(started.code)).joined == 2
            other = ask(ports["M" if place == "K" else "K"], "GET", f"/class/api/{started.code}/state", "x" * 22)
            assert other[0] == 404, "the other machine knows nothing of it"
            assert ask(front, "GET", f"/class/api/{started.code}/teacher", started.teacher)[0] == 200
        for page in ("/class", "/class/teacher", "/class/screen", "/class/files/figures.js", "/class/files/class.css"):
            assert {ask(front, "GET", page)[0] for _ in range(6)} == {200}
