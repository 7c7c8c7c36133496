"""What whoever hosts the app relies on: checked settings, logs, metrics, and files that agree with each other."""

import base64
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from prometheus_client import REGISTRY as DEFAULT_REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from app import __main__ as start
from app.attention import circuitsvis_frame
from app.drawing import look
from app.hosting import logs, metrics
from app.hosting.settings import Settings, check_model_settings, make_cache_folder
from app.lessons import panels as lessons
from app.report import tray
from app.shell import history
from app.take_home import copying, menu
from cache import jobs
from cache.analyses import Analysis
from cache.computations import Computations
from cache.jobs import JobState
from cache.line import QueueFullError
from cache.records import Record
from cache.store.disk import DiskStore
from cache.store.memory import MemoryStore
from cache.store.tiers import TieredStore
from ioi_core.errors import PromptError, SettingsError
from tests import ROOT
from tests.cache.stand_ins import Clock, Gate, finish

MODEL = SimpleNamespace(name="m", fingerprint="f", numerics="float32", device="cpu")
TYPED = "Quixotelsky"
BAD = {
    "IOI_MAX_PROMPTS": ("many", "7", "10001"),
    "IOI_MAX_CHARACTERS": ("-1",),
    "IOI_MAX_PROMPT_CHARACTERS": ("99",),
    "IOI_MAX_TOKENS": ("15",),
    "IOI_MAX_CELLS": ("10",),
    "IOI_MAX_SESSIONS": ("0",),
    "IOI_MAX_QUEUED": ("0",),
    "IOI_IDLE_MINUTES": ("0", "1.5"),
    "IOI_RESULT_MEGABYTES": ("1.5",),
    "IOI_CACHE_MEGABYTES": ("all",),
    "IOI_CLASS_HOURS": ("0", "721"),
    "IOI_CLASS_PLACE": ("B", "AC", "1", "a"),
    "IOI_CACHE_DIR": ("relative/folder", "/a\0b", "/etc/passwd", "/etc/passwd/cache", "/proc/there/is/none"),
    "IOI_METRICS_PORT": ("65536", "http"),
    "IOI_METRICS_ADDRESS": ("localhost", "1.2.3"),
    "IOI_FRAME_ANCESTORS": ("*", "https://a.example; script-src *", "school.example"),
    "IOI_PACKAGE_URL": ("ioi-explorer", 'https://a.example/x.whl" ; rm', "file:///etc"),
    "IOI_LOG_ERRORS_IN_FULL": ("yes",),
    "IOI_COOKIE_SECRET": ("tooshort",),
    "IOI_ENGINE_MEMORY_MB": ("15", "lots"),
    "IOI_DEVICE": ("mps", "cuda:x", "cpu; rm"),
    "IOI_MODEL_DIR": ("gpt2", "/there/is/no/such/folder", "/etc/passwd"),
    "IOI_MODELS": ("models", "/there/is/no/such/folder", "/etc/passwd", "/a\0b"),
    "IOI_LESSONS": ("lessons", "/there/is/no/such/folder", "/etc/passwd"),
    "IOI_MODELS_MEGABYTES": ("99", "4 GB"),
    "IOI_SCHEDULER": (
        "10.0.0.5:8786",
        "http://a:1",
        "tcp://a",
        "tcp://a:0",
        "tcp://a:65536",
        "tcp://a b:1",
        "tls://a:1/",
    ),
    "IOI_SCHEDULER_DEVICE": ("cuda:0", "gpu"),
    "IOI_SCHEDULER_TLS_CA": ("certificates/ca.pem", "/there/is/no/such/file", "/etc", "/etc/passwd\0"),
    "IOI_SCHEDULER_TLS_CERT": ("/there/is/no/such/file",),
    "IOI_SCHEDULER_TLS_KEY": ("/there/is/no/such/file",),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_setting_that_makes_no_sense_ends_the_start_with_one_line(name, value, monkeypatch, caplog):
    monkeypatch.setattr(start, "streamlit", lambda *_args, **_options: pytest.fail("it was started"))
    monkeypatch.setattr(start.os, "environ", {name: value})
    assert start.main([]) == 2
    [said] = caplog.messages
    assert said.startswith(f"The app was not started: {name}")
    assert "allowed" in said
    assert "\n" not in said


def test_a_cache_folder_is_made_with_its_parents_and_one_that_is_there_passes_as_it_is(tmp_path):
    make_cache_folder({"IOI_CACHE_DIR": str(tmp_path / "a" / "b")})
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    (tmp_path / "a").chmod(0o500)
    make_cache_folder({"IOI_CACHE_DIR": str(tmp_path / "a")})
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o500, "read-only: pages warn"
    make_cache_folder({"IOI_CACHE_DIR": "/etc/passwd", "IOI_CACHE_MEGABYTES": "0"})
    (tmp_path / "a").chmod(0o700)


def test_the_start_as_a_process_shows_no_traceback():
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env=os.environ | {"IOI_MAX_QUEUED": "x\ny"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert [json.loads(line)["event"] for line in (done.stdout + done.stderr).splitlines()] == [
        "The app was not started: IOI_MAX_QUEUED is 'x\\ny': a whole number from 1 to 10000 is allowed."
    ]


def test_a_port_for_metrics_that_is_taken_ends_the_start(monkeypatch, caplog):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(start.os, "environ", {"IOI_METRICS_PORT": str(taken.getsockname()[1])})
        assert start.main([]) == 2
    assert "metrics cannot be served" in caplog.messages[-1]


def test_the_cookie_secret_reaches_streamlit_and_nothing_else(monkeypatch, caplog):
    secret = "s" * 40
    environment = {"IOI_COOKIE_SECRET": secret}
    monkeypatch.setattr(start.os, "environ", environment)
    monkeypatch.setattr(start, "streamlit", lambda *_args, **_options: 0)
    monkeypatch.setattr(start.warm_up, "in_background", lambda: None)
    caplog.set_level(logging.INFO, "app")
    assert start.main([]) == 0
    assert environment["STREAMLIT_SERVER_COOKIE_SECRET"] == secret
    assert secret not in str(Settings.from_environment(environment).in_words())
    monkeypatch.setattr(start.os, "environ", {"IOI_COOKIE_SECRET": "a little secret"})
    assert start.main([]) == 2
    assert "a little secret" not in caplog.text


def test_every_setting_is_documented_validated_and_can_be_set_in_compose():
    code = "".join(
        file.read_text() for folder in ("app", "cache", "ioi_core") for file in (ROOT / folder).rglob("*.py")
    )
    used = set(re.findall(r'environ(?:ment)?(?:, |\.get\(|\[)"(IOI_[A-Z_]+)"', code))
    assert used == set(BAD)
    table = set(re.findall(r"^\| `(IOI_[A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.M))
    assert table == used
    compose = (ROOT / "compose.yaml").read_text()
    inside = {"IOI_CACHE_DIR", "IOI_MODEL_DIR", "IOI_MODELS", "IOI_LESSONS"}  # where the volumes are
    assert {name for name in used if re.search(rf"^ +{name}:", compose, re.M)} == used - inside


def test_model_settings_that_make_sense_pass(tmp_path):
    check_model_settings({})
    check_model_settings({"IOI_DEVICE": "cpu", "IOI_MODEL_DIR": str(tmp_path), "IOI_ENGINE_MEMORY_MB": "16"})
    with pytest.raises(SettingsError):
        check_model_settings({"IOI_ENGINE_MEMORY_MB": "8"})


def observed(function, store=None, **options) -> tuple[Computations, list[Record]]:
    records: list[Record] = []
    analyses = {"it": Analysis(function, 1)}
    store = store if store is not None else MemoryStore(10**6)
    return Computations(store, analyses=analyses, observe=records.append, **options), records


def test_each_request_is_recorded_with_where_its_result_came_from(tmp_path):
    def disk() -> DiskStore:
        return DiskStore(tmp_path / "cache", 10**7)

    store = TieredStore(MemoryStore(10**6), disk)
    asked, records = observed(lambda model, *, x, progress: np.array([x]), store)
    finish(asked.request("it", MODEL, x=1))
    finish(asked.request("it", MODEL, x=1))
    store.flush()
    again, later = observed(lambda model, *, x, progress: np.array([x]), TieredStore(MemoryStore(10**6), disk))
    finish(again.request("it", MODEL, x=1))
    finish(again.request("it", MODEL, x=1))
    assert [(one.cache, one.outcome) for one in records] == [("miss", "done"), ("memory", "done")]
    assert [one.cache for one in later] == ["disk", "memory"]
    assert {(one.analysis, one.model) for one in records + later} == {("it", "m")}


def test_joining_failing_and_a_full_line_are_recorded():
    gate = Gate()
    asked, records = observed(gate, max_waiting=1)
    first = asked.request("it", MODEL, x=0)
    assert gate.entered.wait(60)
    assert asked.request("it", MODEL, x=0) is first
    waiting = asked.request("it", MODEL, x=1)
    assert asked.waiting == 1
    with pytest.raises(QueueFullError):
        asked.request("it", MODEL, x=2)
    gate.opened.wait(0.05)  # let it wait in line
    gate.opened.set()
    finish(first)
    finish(waiting)
    assert [(one.cache, one.outcome) for one in records] == [
        ("shared", "done"), ("miss", "refused"), ("miss", "done"), ("miss", "done"),
    ]  # fmt: skip
    assert records[-1].queue_seconds >= 0.05
    assert records[-2].compute_seconds >= 0.05
    assert asked.waiting == 0


def test_a_failure_is_recorded_by_its_kind_and_not_in_its_words():
    def fails(model, *, progress):
        raise PromptError(f"{TYPED} is no name")

    asked, records = observed(fails)
    finish(asked.request("it", MODEL))
    assert records == [
        Record("it", "m", "miss", "failed", records[0].queue_seconds, records[0].compute_seconds, "PromptError")
    ]
    assert TYPED not in str(records)


def test_a_cancelled_job_is_recorded_once(monkeypatch):
    clock = Clock.of(jobs, monkeypatch)
    gate = Gate()
    asked, records = observed(gate, patience=0.05)
    job = asked.request("it", MODEL)
    assert gate.entered.wait(60)
    ended = threading.Event()
    job.when_ended(lambda _job: ended.set())
    clock.seconds += 0.06
    assert ended.wait(60)
    assert job.state is JobState.CANCELLED
    assert [(one.outcome, one.error) for one in records] == [("cancelled", "JobCancelledError")]
    assert records[0].compute_seconds > 0


def lines(errors_in_full: bool, log) -> list[dict]:
    output: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(logs.JsonLines(errors_in_full))
    handler.emit = lambda record: output.append(handler.format(record))
    logger = logging.getLogger("app.hosting.logs")
    logger.addHandler(handler)
    before, logger.level = logger.level, logging.INFO
    try:
        log(logger)
    finally:
        logger.removeHandler(handler)
        logger.level = before
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f\u2028]", line) for line in output)
    return [json.loads(line) for line in output]


def test_a_request_is_one_line_with_its_fields():
    [line] = lines(False, lambda _: logs.log_request(Record("it", "m", "miss", "done", 0.123456, 2.0)))
    assert line["event"] == "request"
    expected = {"analysis": "it", "model": "m", "cache": "miss", "outcome": "done"}
    assert line | expected | {"queue_seconds": 0.1235, "compute_seconds": 2.0} == line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line["time"])


def failing(logger: logging.Logger) -> None:
    try:
        raise ValueError(f"{TYPED}\n\x1b[31m")
    except ValueError:
        logger.exception("error %s", "12ab")


def test_an_unexpected_error_is_one_line_without_what_was_typed():
    [line] = lines(False, failing)
    assert line["error"] == "ValueError"
    assert line["event"] == "error 12ab"
    assert line["raised"][-1].endswith(" failing")
    assert TYPED not in str(line)
    [full] = lines(True, failing)
    assert TYPED in full["words"]


def test_control_characters_cannot_forge_a_line():
    [line] = lines(False, lambda logger: logger.info('a\n{"event": "forged"}\x1b[2J\u2028'))
    assert line["event"].startswith("a\n")


def samples(text: str) -> dict[tuple, float]:
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_prometheus_reads_jobs_line_cache_and_sessions_on_a_port_of_their_own():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    metrics.serve("127.0.0.1", port, 87)

    def read() -> dict[tuple, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return samples(answer.read().decode())

    before = read()
    metrics.watch_queue(lambda: 3)
    metrics.watch_gate(lambda: 7)
    metrics.watch_models(("hosting test's", "hosting test's other"), "hosting test's".__eq__)
    metrics.count(Record("hosting_test", "m", "disk"))
    metrics.count(Record("hosting_test", "m", "miss", "done", 0.5, 2.0))
    metrics.count(Record("hosting_test", "m", "miss", "cancelled", 9.0, 0.0))
    after = read()
    assert after["ioi_queue_length",] == 3
    assert after["ioi_gate_waiting",] == 7
    assert (after["ioi_sessions",], after["ioi_sessions_limit",]) == (0, 87)
    assert [after["ioi_model_loaded", f"hosting test's{which}"] for which in ("", " other")] == [1, 0]
    assert after["ioi_requests_total", "disk", "hosting_test"] == 1
    assert after["ioi_requests_total", "hosting_test", "miss"] == 2
    assert after["ioi_jobs_total", "done", "hosting_test", "m"] == 1
    assert after["ioi_jobs_total", "cancelled", "hosting_test", "m"] == 1
    assert after["ioi_job_compute_seconds_sum", "hosting_test"] == 2.0
    assert after["ioi_job_queue_seconds_count",] == before["ioi_job_queue_seconds_count",] + 1
    assert after["process_resident_memory_bytes",] > 10**7
    assert metrics.REGISTRY is not DEFAULT_REGISTRY
    metrics.watch_queue(lambda: 0)
    metrics.watch_gate(lambda: 0)


def digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def test_the_proxy_allows_the_scripts_there_are_and_no_other():
    streamlit = Path(importlib.util.find_spec("streamlit").origin).parent
    inline = re.findall(r"<script>(.*?)</script>", (streamlit / "static" / "index.html").read_text(), re.S)
    policy = re.search(r'Content-Security-Policy "([^"]*)"', (ROOT / "proxy" / "nginx.conf").read_text())[1]
    allowed = next(part.split()[1:] for part in policy.split("; ") if part.startswith("script-src"))
    of_pages = look.TOUCH, history.SCRIPT, tray.SCRIPT, copying.SCRIPT, menu._IMAGE, lessons.SCRIPT
    ours = map(digest, (circuitsvis_frame._START, *of_pages))
    assert set(allowed) == {"'self'", *map(digest, inline), *ours}


def test_compose_closes_the_app_off_and_opens_the_proxy_alone():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert ("ports" in service) == name.endswith("proxy"), name
    assert compose["networks"]["inside"] == compose["networks"]["computing"] == {"internal": True}
    reach = {name for name, service in compose["services"].items() if "computing" in service["networks"]}
    assert reach == {"scheduler", "worker", "cluster-app"}  # whoever reaches the scheduler can have it run any code
    assert [*compose["services"]["app"]["networks"]] == [*compose["services"]["gpu"]["networks"]] == ["inside"]
    assert "./proxy/nginx.conf:/etc/nginx/nginx.conf:ro" in compose["services"]["proxy"]["volumes"]


def test_the_image_pins_what_the_app_pins():
    [torch] = re.findall(r"^torch==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M)
    assert f"ARG TORCH_VERSION={torch}\n" in (ROOT / "Dockerfile").read_text()


def test_the_image_has_what_it_copies_and_a_mount_for_each_of_its_volumes():
    dockerfile, ignored = (ROOT / "Dockerfile").read_text(), (ROOT / ".dockerignore").read_text()
    copied = {
        name.rstrip("/") for line in re.findall(r"^COPY ([^-].*) \S+$", dockerfile, re.M) for name in line.split()
    }
    assert copied | {"gpt2"} == set(re.findall(r"^!(.*)$", ignored, re.M))
    volumes = set(json.loads(re.search(r"^VOLUME (.*)$", dockerfile, re.M)[1]))
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    for name in ("app", "gpu", "cluster-app"):
        assert {mount.removesuffix(":ro").rpartition(":")[2] for mount in services[name]["volumes"]} >= volumes, name


def test_every_requirement_is_pinned_exactly():
    for name in ("requirements.txt", "requirements-cluster.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert re.fullmatch(
                r"(#.*|-r requirements(-cluster)?\.txt|-c constraints\.txt|[a-z0-9-]+==[\w.]+)?", line
            ), line


def needs(name: str, extras: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """What an installed package needs on this machine."""
    for line in importlib.metadata.requires(name) or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield canonicalize_name(need.name), frozenset(need.extras)


def test_everything_that_comes_along_is_pinned_to_what_is_installed():
    files = ("requirements.txt", "requirements-cluster.txt", "requirements-dev.txt", "constraints.txt")
    text = "".join((ROOT / name).read_text() for name in files)
    pins = {canonicalize_name(name): version for name, version in re.findall(r"^([\w-]+)==(\S+)$", text, re.M)}
    waiting = [(name, frozenset()) for name in pins]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        version = importlib.metadata.version(name).split("+")[0]  # without the build: CPU or CUDA
        assert pins.get(name) == version, f"{name} {version} is installed, {pins.get(name)} is pinned"
        new = set(needs(name, extras)) - seen
        seen |= new
        waiting += new
