"""Connections that ask for nothing, or for too much, at a server that may open few files."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psutil
import pytest

from benchmarks.visitor import Visitor
from tests.hosting.test_server import Server, handshake, serving

pytestmark = pytest.mark.slow

FILES = 300
# As on a machine where the limit cannot be raised, as root can here; and who is silent has a second.
FEW = f"""
import resource
from app.hosting.doors import connections, descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, {FILES}))
descriptors.raise_limit = lambda sessions: None
connections._SECONDS_TO_ASK = 1.0
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("few"), FEW) as server:
        yield server


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def files(server: Server) -> int:
    return psutil.Process(server.process.pid).num_fds()


def test_a_thousand_that_ask_for_nothing_keep_nobody_out_and_fill_no_log(server):
    async def look() -> bool:
        visitor = await Visitor.arrive(server.port, "model=ioi-demo")
        seen = await visitor.open("prompt")
        await visitor.leave()
        return bool(seen.charts)

    most = 0
    with ExitStack() as these:
        for n in range(1000):
            these.enter_context(connected(server))
            most = max(most, files(server)) if n % 50 == 0 else most
        for _ in range(3):
            assert server.ask("GET", "/_stcore/health")[0] == 200
        assert asyncio.run(look())
        most = max(most, files(server))
    assert most < FILES
    assert server.process.poll() is None
    events = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert 1 <= sum(event["event"].startswith("connections are closed") for event in events) <= 20
    assert not [event for event in events if event["logger"] == "asyncio"], "out of files"


def heard(client: socket.socket) -> bytes:
    """All that the server says before it closes the connection."""
    said = b""
    try:
        while part := client.recv(1000):
            said += part
    except ConnectionResetError:
        pass
    return said


UPLOAD = b"PUT /_stcore/upload_file/a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"


@pytest.mark.parametrize("sent", [b"", b"GET / HT", UPLOAD])
def test_who_does_not_say_all_of_a_request_is_closed(server, sent):
    with connected(server) as client:
        client.sendall(sent)
        assert heard(client).startswith(b"HTTP/1.1 403 " if sent == UPLOAD else b"")


def test_who_asks_in_time_may_ask_again_on_the_same_connection_and_is_not_closed_while_answered(server):
    with connected(server) as client:
        for _ in range(3):
            time.sleep(0.5)
            client.sendall(b"GET /_stcore/script-health-check HTTP/1.1\r\nHost: localhost\r\n\r\n")
            said = b""
            while not said.endswith(b"\r\n\r\nok"):
                said += (part := client.recv(1000))
                assert part, "closed"
            assert said.startswith(b"HTTP/1.1 200 ")


def open_socket(server: Server) -> socket.socket:
    client = connected(server)
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in handshake("http://localhost").items()]
    client.sendall("\r\n".join(["GET /_stcore/stream HTTP/1.1", *lines, "", ""]).encode())
    assert client.recv(1000).startswith(b"HTTP/1.1 101 ")
    return client


@pytest.mark.parametrize("allowed", [True, False])
def test_a_message_may_be_as_long_as_what_may_be_typed_and_no_longer(server, allowed):
    """The length alone is sent: where it is too large the server closes, with code 1009, and keeps nothing."""
    most = 32 * 200_000 + 2**20
    with open_socket(server) as client:
        client.sendall(b"\x82\xff" + (most if allowed else most + 1).to_bytes(8, "big") + b"mask")
        client.settimeout(2)
        if allowed:
            with pytest.raises(TimeoutError):
                client.recv(1000)
        else:
            assert client.recv(1000)[2:4] == (1009).to_bytes(2, "big")
