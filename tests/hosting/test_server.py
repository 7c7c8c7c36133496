"""The served app as an attacker meets it without a browser, and as its health check does."""

import base64
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import ready
from tests import ROOT
from tests.browser.visitor import wait_until_healthy

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """The app as `python -m app` serves it."""

    def __init__(self, folder: Path, before: str = ""):
        self.port, self.metrics_port = free_port(), free_port()
        self.log = folder / "log"
        script = f"{before}\nimport sys; from app.__main__ import run; run(sys.argv[1:])"
        environment = {k: v for k, v in os.environ.items() if k != "IOI_MODEL_DIR"} | {
            "HF_HUB_OFFLINE": "1",
            "IOI_CACHE_DIR": str(folder / "cache"),
            "IOI_METRICS_PORT": str(self.metrics_port),
        }
        with self.log.open("wb") as output:
            command = [sys.executable, "-c", script, "--server.port", str(self.port)]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        wait_until_healthy(f"http://127.0.0.1:{self.port}", self.process, self.log)

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body, the path sent as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        body = b"" if answer.status == 101 else answer.read()
        connection.close()
        return answer.status, body

    def events(self) -> list[str]:
        """What its log tells so far, without the line that it may be in the middle of."""
        written, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line)["event"] for line in written.splitlines()]

    def is_ready(self) -> bool:
        return not self.why_not_ready()

    def why_not_ready(self) -> str:
        """What `python -m app.ready` says; "" where it ends with status 0."""
        environment = os.environ | {"STREAMLIT_SERVER_PORT": str(self.port)}
        command = [sys.executable, "-m", "app.ready"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert bool(done.returncode) == bool(done.stderr)
        return done.stderr


@contextmanager
def serving(folder: Path, before: str = "") -> Iterator[Server]:
    server = Server(folder, before)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)


# While there is a file of this name, nothing new can be computed.
LOST = """
import pathlib
from ioi_core.engine import forward
whole = forward.mlp

def mlp(*given):
    if pathlib.Path({lost!r}).exists():
        raise RuntimeError("CUDA error: the device is lost")
    return whole(*given)

forward.mlp = mlp
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, LOST.format(lost=str(folder / "lost"))) as server:
        yield server


def test_it_is_ready_when_its_script_runs_and_counts_what_that_asked_for(server):
    assert server.is_ready()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as answer:
        assert b'ioi_requests_total{analysis="predictions",cache="miss"} 1.0' in answer.read()
    assert [event for event in server.events() if event in ("start", "request")][:2] == ["start", "request"]


def test_readiness_is_asked_of_the_port_that_is_given_else_of_the_settings(server, monkeypatch, capsys):
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", str(free_port()))
    assert ready.main([]) == 1
    assert "not ready: " in capsys.readouterr().err
    assert ready.main(["--port", str(server.port)]) == 0
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", str(server.port))
    assert ready.main([]) == 0
    with pytest.raises(SystemExit) as ended:
        ready.main(["--port", "http"])
    assert ended.value.code == 2


def test_it_is_not_ready_while_nothing_new_can_be_computed_though_its_first_page_is_kept(server):
    assert server.is_ready(), "and now its first page is kept"
    lost = server.log.parent / "lost"
    lost.touch()
    reason = re.fullmatch(r"not ready: (error [0-9a-f]{8}), which is in the log\n", server.why_not_ready())
    assert reason is not None
    assert reason[1] in server.events()
    lost.unlink()
    assert server.is_ready()
    assert server.events().count("request") >= 2, "the page was drawn from what is kept"


def test_it_is_alive_but_not_ready_when_every_page_fails(tmp_path):
    broken = "from app.shell import current_view as c\ndef fail(*_): raise ValueError('Quixotelsky')\nc.set_view = fail"
    with serving(tmp_path, broken) as server:
        assert server.ask("GET", "/_stcore/health")[0] == 200
        assert not server.is_ready()
    assert '"error": "ValueError"' in server.log.read_text()
    said = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert f"http://127.0.0.1:{server.port}" in [line.get("address") for line in said], "where to find it"
    assert "Quixotelsky" not in server.log.read_text()


def test_it_is_not_ready_and_says_why_where_nobody_is_there_to_compute(tmp_path):
    nowhere = f"import os; os.environ['IOI_SCHEDULER'] = 'tcp://127.0.0.1:{free_port()}'"
    with serving(tmp_path, nowhere) as server:
        assert server.why_not_ready().startswith("not ready: The machines that compute do not answer.")


@pytest.mark.parametrize(
    "prefix", ["/app/static/", "/static/", "/media/", "/component/", "/_stcore/bidi-components/", "/"]
)
@pytest.mark.parametrize("climb", ["../", "..%2f", "%2e%2e/", "..\\", "....//", "/", "%00"])
def test_no_path_leads_out_of_the_served_folders(server, prefix, climb):
    for wanted in ("main.py", "app/main.py", "requirements.txt", "etc/passwd"):
        for depth in (1, 2, 8):
            _, body = server.ask("GET", prefix + climb * depth + wanted)
            assert b"streamlit run app/main.py" not in body
            assert b"torch==" not in body
            assert b"root:" not in body


def handshake(origin: str) -> dict[str, str]:
    return {
        "Host": "localhost",
        "Origin": origin,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": base64.b64encode(secrets.token_bytes(16)).decode(),
    }


def test_only_its_own_pages_may_open_its_socket(server):
    assert server.ask("GET", "/_stcore/stream", **handshake("http://evil.example"))[0] == 403
    assert server.ask("GET", "/_stcore/stream", **handshake("http://localhost"))[0] == 101


def test_no_address_is_logged_for_it_may_hold_a_prompt(server):
    assert server.ask("GET", "/prompt?text=Quixotelsky")[0] == 200
    assert server.ask("GET", "/_stcore/stream?text=Quixotelsky", **handshake("http://localhost"))[0] == 101
    assert server.ask("GET", "/_stcore/health?text=Quixotelsky")[0] == 200
    assert "Quixotelsky" not in server.log.read_text()


def test_another_site_is_not_let_in_by_cors_and_nothing_is_taken_without_a_token(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/_stcore/health", headers={"Origin": "http://evil.example"})
    allowed = connection.getresponse().getheader("Access-Control-Allow-Origin")
    connection.close()
    assert allowed not in ("*", "http://evil.example")
    assert server.ask("PUT", "/_stcore/upload_file/session/file", Content_Length="0")[0] in (400, 403)


def test_the_agent_interface_is_off(server):
    assert server.ask("POST", "/_stcore/agent/interact", Content_Length="0")[0] in (403, 404)
