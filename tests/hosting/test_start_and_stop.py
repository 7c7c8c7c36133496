"""What the start refuses, and how the server ends, whatever it is computing."""

import asyncio
import json
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from app import __main__ as start
from app.hosting import logs, services
from app.hosting.doors import descriptors
from app.hosting.settings import check_model_settings
from cache.store.tiers import TieredStore
from ioi_core import DEMO_MODEL_DIR
from tests import ROOT
from tests.cache.stand_ins import until
from tests.hosting.doors.test_rules import House
from tests.hosting.test_server import Server

# Every first figure takes for ever, in PyTorch; with and without telling how far it is.
FOR_EVER = """
import logging
import torch
from dataclasses import replace
from cache.analyses import ANALYSES

def for_ever(model, *, progress, **_parameters):
    logging.getLogger("app").info("computing")
    for n in range(10**9):
        torch.randn(700, 700) @ torch.randn(700, 700)
        {tell}

ANALYSES["predictions"] = replace(ANALYSES["predictions"], function=for_ever)
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """Start with some environment; the line that it ends with."""

    def ends_with(**environment: str) -> str:
        monkeypatch.setattr(start, "streamlit", lambda *_args, **_options: pytest.fail("it was started"))
        monkeypatch.setattr(start.os, "environ", environment)
        assert start.main([]) == 2
        return caplog.messages[-1]

    return ends_with


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("IOI_MAX_SESION", "IOI_MAX_SESSIONS is meant, perhaps"),
        ("IOI_MODEL", "IOI_MODELS is meant, perhaps"),
        ("IOI_XYZZY", "see README.md"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest_right_one(told, name, near):
    assert told(**{name: "1"}) == f"The app was not started: {name} is no setting: {near}."


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:7"])
def test_a_gpu_that_is_not_there_is_refused(told, device):
    assert f"IOI_DEVICE cannot be used: device '{device}' was asked for, but" in told(IOI_DEVICE=device)


def test_a_folder_that_holds_another_model_is_refused_and_an_empty_one_is_not(told, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    said = told(IOI_MODEL_DIR=str(tmp_path))
    assert said.startswith("The app was not started: IOI_MODEL_DIR cannot be used: ")
    assert "holds a model of type 'llama'" in said
    (tmp_path / "config.json").unlink()
    monkeypatch.setattr(start, "streamlit", lambda *_args, **_options: 0)
    monkeypatch.setattr(start.warm_up, "in_background", lambda: None)
    monkeypatch.setattr(start.os, "environ", {"IOI_MODEL_DIR": str(tmp_path)})
    assert start.main([]) == 0


LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1042301\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", '{"model_type": "gpt2", "n_layer": 24, "n_head": 16, "n_embd": 768, "n_positions": 1024}',
         "is not GPT-2 small (n_layer 24, n_head 16; wanted n_layer 12, n_head 12)"),
        ("config.json", '{"model_type": "gpt2", "n_inner": 100}', "(n_inner 100; wanted n_inner 3072)"),
        ("vocab.json", None, "has no tokenizer: add tokenizer.json, or vocab.json and merges.txt"),
        ("vocab.json", LFS_POINTER, "vocab.json is a Git LFS pointer, not the file itself"),
        ("merges.txt", LFS_POINTER, "merges.txt is a Git LFS pointer, not the file itself"),
    ],
)  # fmt: skip
def test_a_folder_whose_small_files_cannot_be_gpt2s_is_refused(told, tmp_path, name, content, said):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "model.safetensors").write_bytes(bytes(64))  # not looked into before it is loaded
    for file in ("vocab.json", "merges.txt"):
        shutil.copy(DEMO_MODEL_DIR / file, tmp_path)
    check_model_settings({"IOI_MODEL_DIR": str(tmp_path)})
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    line = told(IOI_MODEL_DIR=str(tmp_path))
    assert line.startswith("The app was not started: IOI_MODEL_DIR cannot be used: ")
    assert said in line


def limits(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, *, root: bool = False) -> list[tuple[int, int]]:
    """Stand in for the system: the limits it has, the last ones in force."""
    now = [(soft, hard)]

    def set_to(_what: int, wanted: tuple[int, int]) -> None:
        if wanted[1] > now[-1][1] and not root:
            raise ValueError("not allowed to raise maximum limit")
        now.append(wanted)

    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _what: now[-1])
    monkeypatch.setattr(descriptors.resource, "setrlimit", set_to)
    return now


@pytest.mark.parametrize(
    ("soft", "hard", "root", "after"),
    [
        (1024, 4096, False, (2879, 4096)),  # of 200 sessions, and of the phones of classes
        (3000, 4096, False, (3000, 4096)),
        (1024, 1100, False, (1100, 1100)),
        (1024, 1100, True, (2879, 2879)),
        (1024, resource.RLIM_INFINITY, False, (2879, resource.RLIM_INFINITY)),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_allowed(monkeypatch, soft, hard, root, after):
    now = limits(monkeypatch, soft, hard, root=root)
    descriptors.raise_limit(200)
    assert now[-1] == after
    assert descriptors.room() == (after[0] - after[0] // 6 - 150) // 5


def test_more_visitors_than_files_are_refused_where_they_were_asked_for_and_else_made_fit(told, monkeypatch, caplog):
    limits(monkeypatch, 1024, 1024)
    assert told(IOI_MAX_SESSIONS="300") == (
        "The app was not started: IOI_MAX_SESSIONS is 300, for which 3,779 open files are needed so that as many again "
        "can wait, more than this process may have: raise `ulimit -n`, or set 70 or less."
    )
    environment = {"IOI_MAX_SESSIONS": ""}  # as compose.yaml passes what is not set
    monkeypatch.setattr(start.os, "environ", environment)
    assert start._make_room_for(250) == 70
    assert environment == {"IOI_MAX_SESSIONS": "70"}
    assert "it is 70 now, and 70 more can wait" in caplog.messages[-1]


@pytest.mark.parametrize("files", [120, 154, 190])
def test_where_not_one_visitor_fits_no_limit_is_offered_that_would_be_refused_too(told, monkeypatch, files):
    limits(monkeypatch, files, files)
    assert told().endswith("too few even for 1: raise `ulimit -n` to 191 or more.")
    limits(monkeypatch, 191, 191)
    monkeypatch.setattr(start.os, "environ", {"IOI_MAX_SESSIONS": "1"})
    assert start._make_room_for(1) == 1


def test_at_a_limit_that_was_made_to_fit_as_many_again_reach_the_gate(monkeypatch):
    limits(monkeypatch, 1024, 1024)
    monkeypatch.setattr(start.os, "environ", {})
    inside = start._make_room_for(250)

    async def story() -> list[str]:
        house = House(descriptors.room())
        asked = [asyncio.create_task(house.ask(type="websocket")) for _ in range(2 * inside + 1)]
        await asyncio.sleep(0)
        house.closed.set()
        return [answer[0]["type"] for answer in await asyncio.gather(*asked)]

    assert asyncio.run(story()) == ["websocket.accept"] * 2 * inside + ["websocket.close"]


class Slow(TieredStore):
    """Computations and a store in one that take all the time they are given to end, and note it."""

    def __init__(self, allowed: list[float]):
        self.allowed = allowed

    def stop(self, seconds: float) -> bool:
        self.allowed.append(seconds)
        return False

    def flush(self, seconds: float | None = None) -> bool:
        assert seconds is not None, "waited for without end"
        self.allowed.append(seconds)
        return False


def test_the_end_waits_less_than_five_seconds_for_all_that_goes_on(monkeypatch):
    """No clock is read: a busy machine is late, but what is waited for is bounded all the same."""
    allowed: list[float] = []
    slow = Slow(allowed)
    monkeypatch.setattr(services, "_begun", [(slow, slow)])
    monkeypatch.setattr(start.os, "_exit", sys.exit)
    monkeypatch.setattr(start, "_ENDING", threading.Lock())
    said: list[dict[str, object]] = []
    monkeypatch.setattr(logs, "log_event", lambda event, **fields: said.append({"event": event, **fields}))
    with pytest.raises(SystemExit) as ended:
        start._end()
    assert ended.value.code == 0
    assert said == [{"event": "stop", "computations_ended": False}]
    assert len(allowed) == 2, "computations, and results that are being written"
    assert sum(allowed) < 5


# It computes for ever, so that an end which waits for it never comes; how long it may wait is tested above.
@pytest.mark.slow
@pytest.mark.parametrize(("tell", "ended"), [("progress(n, 10**9)", True), ("pass", False)])
def test_sigterm_in_the_middle_of_a_computation_ends_with_status_0(tmp_path: Path, tell: str, ended: bool):
    server = Server(tmp_path, FOR_EVER.format(tell=tell))
    address = f"http://127.0.0.1:{server.port}/_stcore/script-health-check"
    asking = subprocess.Popen(
        [sys.executable, "-c", f"import urllib.request; urllib.request.urlopen({address!r})"],
        cwd=ROOT, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: "computing" in server.log.read_text() or asking.poll() is not None)
        assert asking.poll() is None, server.log.read_text()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) == 0, server.log.read_text()
    finally:
        server.process.kill()
        asking.kill()
    stops = [json.loads(line) for line in server.log.read_text().splitlines() if '"event": "stop"' in line]
    assert [stop["computations_ended"] for stop in stops] == [ended]
