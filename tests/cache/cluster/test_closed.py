"""What a cluster refuses, in words: another release, other weights, no analysis, no certificate."""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client

from cache.cluster import call as calls
from cache.cluster.address import Cluster
from cache.cluster.answers import read
from cache.cluster.call import Call, ClusterError, release, resource
from cache.cluster.link import OTHER_RELEASE
from cache.cluster.task import compute
from ioi_core.sweeps.certificates import Tls
from tests.cache.cluster.processes import Processes, certificates, computations, free_port, model, notes, processes
from tests.cache.stand_ins import finish, until


def call_of(kind: str, **parameters: object) -> Call:
    named = "m", "f" * 12, f"torch.float32 {kind}"
    empty = Call("", "count", 1, *named, b"", release())
    return Call.of(empty.key_of(parameters), "count", 1, named, parameters)


def answer(cluster: Cluster, call: Call, **changes: object) -> object:
    """What a worker answers to a call that is changed on the way."""

    async def ask() -> object:
        async with Client(cluster.address, asynchronous=True, set_as_default=False) as client:
            plain = {name: value for name, value in (call.as_plain() | changes).items() if value is not ...}
            return await client.submit(compute, plain, 0, resources={resource(call.numerics): 1}, pure=False)

    return asyncio.run(ask())


def test_a_worker_refuses_what_is_not_exactly_what_it_computes(cluster: Processes, kind: str, tmp_path: Path) -> None:
    cluster.worker(kind)
    call = call_of(kind, folder=str(tmp_path), x=2.0)
    other = call_of(kind, folder=str(tmp_path), x=3.0)
    assert read(call.key, answer(cluster.cluster, call)).tolist() == [2.0, 3.0]
    elsewhere = call_of("elsewhere", folder=str(tmp_path), x=2.0)
    for changes, words in (
        ({"analysis": "system"}, "does not know"),
        ({"version": 2}, "another version"),
        ({"release": "0" * 12}, "another version"),
        ({"parameters": other.parameters}, "did not arrive whole"),
        ({"parameters": call.parameters[:-1]}, "did not arrive whole"),
        ({"key": other.key, "parameters": other.parameters, "fingerprint": "g" * 12}, "do not belong together"),
        ({"parameters": "x"}, "no analysis"),
        ({"code": b"x"}, "no analysis"),
        ({"key": ...}, "no analysis"),
        ({"key": elsewhere.key, "parameters": elsewhere.parameters, "numerics": elsewhere.numerics}, "computes in"),
    ):
        with pytest.raises(ClusterError, match=words):
            read(call.key, answer(cluster.cluster, call, **changes))
    assert notes(tmp_path) == ["begin 2.0", "end 2.0"]
    for code in (os.getpid, lambda: 1):
        with pytest.raises(PermissionError, match="this package's own functions alone"):
            asyncio.run(submit(cluster.cluster, kind, code))


async def submit(cluster: Cluster, kind: str, code: Callable[[], object]) -> object:
    async with Client(cluster.address, asynchronous=True, set_as_default=False) as client:
        return await client.submit(code, resources={resource(f"torch.float32 {kind}"): 1}, pure=False)


def test_other_weights_and_another_release_are_said_in_words(cluster, kind, replica, tmp_path, monkeypatch) -> None:
    asked = replica()
    cluster.worker(kind)
    job = finish(asked.request("count", model(kind, "g" * 12), folder=str(tmp_path)))
    with pytest.raises(ClusterError, match=r"other weights as m than this server \(ffffffff, not gggggggg\)"):
        job.result()
    monkeypatch.setattr(calls, "release", lambda: "0" * 12)
    waits = asked.request("count", model(kind), folder=str(tmp_path))
    until(lambda: waits.wait(0.01) or waits.note == OTHER_RELEASE)
    assert notes(tmp_path) == []


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Processes, Path]]:
    folder = tmp_path_factory.mktemp("certificates")
    certificates(folder, "ca", "ours")
    certificates(folder, "other", "theirs")
    tls = Tls(folder / "ca.pem", folder / "ours.pem", folder / "ours.key")
    with processes(Cluster(f"tls://127.0.0.1:{free_port()}", tls)) as these:
        these.scheduler()
        yield these, folder


def listening(process: Any) -> set[tuple[str, int]]:
    """Where a process and its children listen."""
    ports: set[tuple[str, int]] = set()
    for one in (psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)):
        ports |= {tuple(c.laddr) for c in one.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    return ports


def test_with_certificates_pages_compute_and_nobody_else_comes_in(secured, tmp_path: Path) -> None:
    these, folder = secured
    worker = these.worker()
    asked = computations(these.cluster)
    try:
        assert finish(asked.request("count", model(), folder=str(tmp_path))).result().tolist() == [0.0, 1.0]
    finally:
        assert asked.stop(20)
    scheduler = these.all[0]
    assert listening(scheduler) == {("127.0.0.1", these.cluster.port)}  # no web page, no other address
    [(address, port)] = listening(worker)
    assert address == "127.0.0.1"
    stranger = Tls(folder / "other.pem", folder / "theirs.pem", folder / "theirs.key")
    half = Tls(folder / "ca.pem", folder / "theirs.pem", folder / "theirs.key")  # trusts us, and is not trusted
    for there in (these.cluster.port, port):
        for bad in (
            Cluster(f"tcp://127.0.0.1:{there}"),
            *(Cluster(f"tls://127.0.0.1:{there}", t) for t in (stranger, half)),
        ):
            with pytest.raises((OSError, TimeoutError)):
                asyncio.run(connect(bad))


async def connect(cluster: Cluster) -> None:
    options = {"asynchronous": True, "set_as_default": False, "timeout": 1, "security": cluster.security()}
    async with Client(cluster.address, **options):
        pass
