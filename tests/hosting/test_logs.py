"""The log of the real server: one line of JSON an event, whoever says it, and of nobody's error the words."""

import json
import logging
import signal
import socket
import struct
import subprocess
import sys
import time

import pytest

from app.hosting import logs
from tests import ROOT
from tests.hosting.test_server import handshake, serving

TYPED = "Quixotelsky"

# Each page does all that libraries may do besides logging.
NOISY = """
import asyncio, gc, logging, os, sys, threading, warnings
from app.shell import current_view
os.environ["STREAMLIT_SERVER_ADDRESS"] = "0.0.0.0"
set_view = current_view.set_view

def fail():
    raise ValueError("Quixotelsky")

class Failing:
    def __del__(self):
        fail()

async def failing():
    fail()

async def lose_a_task():
    asyncio.create_task(failing())
    await asyncio.sleep(0)
    gc.collect()

def noisy(*view):
    print("Quixotelsky", "Quixotelsky", sep="\\n")
    print("Quixotelsky", file=sys.stderr)
    warnings.warn("an old name")
    own = logging.getLogger("somebody")
    own.propagate = False
    own.addHandler(logging.StreamHandler())
    own.warning("Quixotelsky")
    logging.getLogger("streamlit.somebody").warning("%s arguments", 1, 2)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Failing()
    asyncio.run(lose_a_task())
    set_view(*view)

current_view.set_view = noisy
"""


def reset(port: int, sent: bytes) -> None:
    """Send the beginning of a request, and be gone as a process that is killed."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        time.sleep(0.2)  # until it is read
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.slow
def test_whoever_says_something_it_is_a_line_of_json_without_what_was_typed(tmp_path):
    with serving(tmp_path, NOISY) as server:
        assert server.is_ready()
        reset(server.metrics_port, b"GET /metrics HTTP/1.1\r\nHo")
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            assert b" 400 " in client.recv(1000)
        assert server.ask("GET", "/_stcore/stream", **handshake("http://evil.example"))[0] == 403
        command = [sys.executable, "-m", "app", "--server.port", str(server.port)]
        taken = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        server.process.send_signal(signal.SIGINT)  # as at a keyboard
        assert server.process.wait(60) == 0
    said = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert TYPED not in server.log.read_text()
    assert f"http://localhost:{server.port}" in [line.get("address") for line in said]
    printed = [line for line in said if line["event"] == "printed"]
    assert [line["characters"] for line in printed if line["by"][0].endswith(" noisy")] == [11, 11, 11]
    assert any("emit" in line["by"][0] for line in printed), "a handler of its own"
    events = " ".join(line["event"] for line in said)
    for event in ("an old name", "Invalid HTTP request received", "disallowed Origin", "metrics could not be sent"):
        assert event in events
    assert "external IP" not in events, "nobody elsewhere is asked"
    lost = ["Task exception was never retrieved", "a thread ended", "nobody could be told of an error"]
    assert sorted(line["event"] for line in said if line.get("error") == "ValueError") == lost
    assert taken.returncode == 2
    refusal = [json.loads(line) for line in (taken.stdout + taken.stderr).splitlines()][-1]
    assert refusal["event"] == (
        f"The app was not started: 127.0.0.1, port {server.port}, cannot be listened at (Address already in use)."
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--server.prot", "1"), "No such option '--server.prot'"),
        (("--server.port", "x"), "'x' is not a valid integer"),
    ],
)
def test_an_option_that_streamlit_does_not_know_is_refused_in_a_line(arguments, said, monkeypatch, caplog):
    from app import __main__ as start

    monkeypatch.setattr(start.os, "environ", {})
    monkeypatch.setattr(start.warm_up, "in_background", lambda: None)
    assert start.main([*arguments]) == 2
    assert caplog.messages[-1].startswith("The app was not started: ")
    assert said in caplog.messages[-1]


def test_the_words_of_what_is_printed_are_told_where_the_host_asks_for_them(caplog, capsys):
    for words in (False, True):
        stream = logs.Printed(sys.stdout, words=words)
        print("one", "two", sep="\n", file=stream)
        print("begun", end="", file=stream)
    fields = [record.fields for record in caplog.records]
    assert [one["characters"] for one in fields] == [3] * 4
    assert [one.get("words") for one in fields] == [None, None, "one", "two"]
    assert capsys.readouterr().out == ""


def test_what_cannot_be_logged_is_not_printed_for_ever(monkeypatch):
    stream = logs.Printed(sys.stdout, words=True)

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            print("the disk is full", file=stream)

    monkeypatch.setattr(logging.getLogger("printed"), "handlers", [Broken()])
    assert print("a line", file=stream) is None


def test_what_comes_again_and_again_is_logged_ten_times_a_minute_and_then_counted():
    now = [0.0]
    seldom = logs.Seldom(lambda: now[0])

    def say(name: str, level: int, text: str, times: int = 1) -> list[logging.LogRecord]:
        records = [logging.LogRecord(name, level, "", 0, text, (), None) for _ in range(times)]
        return [record for record in records if seldom.filter(record)]

    assert len(say("asyncio", logging.ERROR, "no more files", 100_000)) == 10
    assert len(say("asyncio", logging.ERROR, "another thing", 10)) == 10
    assert len(say("app.main", logging.ERROR, "error %s", 50)) == 50, "visitors are told their numbers"
    assert len(say("app.hosting.logs", logging.INFO, "request", 50)) == 50
    assert len(say("app.hosting", logging.WARNING, "full", 50)) == 10
    now[0] = 61.0
    [first, *_] = say("asyncio", logging.ERROR, "no more files", 20)
    assert first.fields == {"left_out": 99_990}
