"""The disk cache on a machine that fails: never a wrong result, never an exception, one warning, and repaired."""

import errno
import gc
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from diskcache import Cache

from app.hosting import services
from cache.analyses import Analysis
from cache.computations import Computations
from cache.store import disk
from cache.store.disk import DiskStore
from cache.store.index import PayloadDisk
from cache.store.maintenance import verify
from cache.store.memory import MemoryStore
from cache.store.tiers import TieredStore
from tests import ROOT
from tests.app.pages import assert_fine, body
from tests.app.pages import opened as page_opened
from tests.cache.stand_ins import Clock, finish
from tests.cache.store.disk_checks import (
    KEYS,
    MEGABYTE,
    assert_works_again,
    fill,
    index,
    opened,
    result,
    right_or_nothing,
    value_files,
    value_of,
)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    return fill(tmp_path / "cache")


# --- kill -9


@pytest.mark.slow
def test_writers_killed_at_twenty_random_points_leave_no_wrong_result():
    command = [sys.executable, "-m", "benchmarks.kill_cache", "--kills", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong 0, lost 0, unreadable 0" in done.stdout


# --- folders that cannot be used


def assert_goes_on(store: DiskStore, reason: str, folder: Path) -> None:
    store.put("k", result(5))
    store.delete("k")
    assert store.get("k") is None
    assert "k" not in store
    assert store.keys() == []
    assert store.warning.startswith(f"Results are not kept on disk: {reason}")
    assert str(folder) not in store.warning
    tiers = TieredStore(MemoryStore(MEGABYTE), lambda: store)
    model = SimpleNamespace(name="m", fingerprint="f", numerics="float32", device="cpu")
    asked = Computations(tiers, analyses={"it": Analysis(lambda model, *, progress: result(6), 1)})
    for _ in range(2):
        job = asked.request("it", model)
        finish(job)
        assert value_of(job.result()) == 6
    assert asked.is_kept("it", model)
    assert asked.warning == store.warning


def test_a_file_in_place_of_the_folder(tmp_path):
    folder = tmp_path / "cache"
    folder.write_text("a file")
    assert_goes_on(opened(folder), "their folder cannot be used now", folder)
    assert folder.read_text() == "a file"


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts things over folders, or skips."""
    folders: list[Path] = []

    def mount(name: str, *arguments: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *arguments, str(folder)], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(
                f"MOUNTING IS NOT PERMITTED HERE, a full or read-only disk stays untested: {done.stderr.strip()}"
            )
        folders.append(folder)
        return folder

    yield mount
    for folder in reversed(folders):
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.mark.skipif(shutil.which("mount") is None, reason="NO MOUNT COMMAND: a read-only disk stays untested")
@pytest.mark.parametrize("filled_before", [True, False])
def test_a_read_only_disk(tmp_path, mounted, filled_before):
    folder = mounted("volume", "-t", "tmpfs", "tmpfs")
    if filled_before:
        opened(folder).put("k", result(5))
        gc.collect()  # closes the index
    done = subprocess.run(["mount", "-o", "remount,ro", str(folder)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_goes_on(opened(folder), "their folder cannot be", folder)


UNPRIVILEGED = """
import os, sys
from cache.store import disk
from cache.store.disk import DiskStore
import numpy as np
if os.geteuid() == 0:
    os.setgroups([]), os.setgid(12345), os.setuid(12345)
store = DiskStore(__import__("pathlib").Path(sys.argv[1]), 10**8)
store.put("k", np.ones(3))
print(store.get("k"), "|", store.warning)
"""


def test_a_folder_that_this_user_may_not_write_to():
    base = Path(tempfile.mkdtemp(prefix="ioi-read-only-"))
    try:
        base.chmod(0o555)  # root, too, is another user in the child
        command = [sys.executable, "-c", UNPRIVILEGED, str(base / "cache")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    finally:
        base.chmod(0o700)
        shutil.rmtree(base)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("None | Results are not kept on disk: their folder cannot be written to.")


def test_a_folder_that_is_removed_is_made_again(filled):
    store = opened(filled)
    shutil.rmtree(filled)
    right_or_nothing(store)
    store.put("1", result(1, KEYS["1"]))
    assert value_of(store.get("1")) == 1
    assert (filled / "results").stat().st_mode & 0o777 == 0o700
    assert_works_again(filled)


# --- a full disk


def fill_up(ballast: Path) -> None:
    def write() -> None:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    with pytest.raises(OSError, match="No space"):
        write()


@pytest.mark.skipif(shutil.which("mount") is None, reason="NO MOUNT COMMAND: a full disk stays untested")
def test_a_full_disk_still_serves_what_it_has_and_is_used_again_once_there_is_room(mounted):
    folder = mounted("volume", "-t", "tmpfs", "-o", "size=8m", "tmpfs")
    store = opened(folder, try_again=0.0)
    for key, size in KEYS.items():
        store.put(key, result(int(key), size))
    assert right_or_nothing(store) == 8
    ballast = folder / "ballast"
    fill_up(ballast)
    for number in range(30):
        store.put(f"new{number}", result(number, 20_000 if number % 2 else 3000))
        assert (kept := store.get(f"new{number}")) is None or value_of(kept) == number
    assert store.warning == ("Results are not kept on disk: the disk is full. They are computed again after a restart.")
    assert right_or_nothing(store) == 8
    assert len(value_files(folder)) <= 4 + 15 * (store.get("new1") is not None)  # no halves of files are left
    assert right_or_nothing(opened(folder, try_again=0.0)) in (0, 8)  # opening needs a little room
    ballast.unlink()
    store.put("later", result(3, 20_000))
    assert value_of(store.get("later")) == 3
    assert store.warning is None
    assert verify(folder, 100 * MEGABYTE).unrepaired == ()
    assert_works_again(folder)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    return Clock.of(disk, monkeypatch)


def test_a_write_that_fails_halfway_leaves_no_file_and_is_tried_again_later(filled, monkeypatch, clock):
    store = opened(filled, try_again=30)
    attempts = []

    def full(self, path, iterator, mode, encoding=None):
        attempts.append(path)
        Path(path).parent.mkdir(parents=True)
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as failing:
        failing.setattr(PayloadDisk, "_write", full)
        for _ in range(5):
            store.put("k", result(5, 20_000))
    assert len(attempts) == 1  # the disk is left alone for a while
    assert len(value_files(filled)) == 4
    assert "the disk is full" in store.warning
    assert right_or_nothing(store) == 8
    clock.seconds += 31
    store.put("k", result(5, 20_000))
    assert value_of(store.get("k")) == 5
    assert store.warning is None


def test_an_index_without_room_leaves_no_file(filled, monkeypatch):
    store = opened(filled)
    with closing(sqlite3.connect(index(filled))) as database, database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON Cache BEGIN SELECT RAISE(ABORT, 'no'); END")
    store.put("k", result(5, 20_000))
    assert len(value_files(filled)) in (0, 4)
    assert store.get("k") is None
    store.put("k", result(5, 20_000))
    assert value_of(store.get("k")) == 5


# --- two processes


def test_a_process_that_holds_the_index_only_delays_writing(filled, monkeypatch, clock):
    store = opened(filled, timeout=0.2, try_again=30)
    attempts: list[str] = []
    put = Cache.set
    monkeypatch.setattr(Cache, "set", lambda self, key, value: attempts.append(key) or put(self, key, value))
    with closing(sqlite3.connect(index(filled), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(5):
            store.put("k", result(5))
        assert len(attempts) == 1, "one wait for the other process, not one for every result"
        assert store.get("k") is None
        assert right_or_nothing(store) == 8
        assert "cannot be used now" in store.warning
        other.execute("COMMIT")
    clock.seconds += 31
    store.put("k", result(5))
    assert value_of(store.get("k")) == 5
    assert store.warning is None


def test_a_change_that_fails_leaves_the_file_of_the_result_written_before_it(filled):
    store = opened(filled, timeout=0.2, try_again=0.0)
    store.put("k", result(5, 20_000))
    with closing(sqlite3.connect(index(filled), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        store.put("small", result(6))
        store.delete("k")
        other.execute("ROLLBACK")
    assert value_of(store.get("k")) == 5


def test_an_index_that_another_process_replaced_is_followed(filled):
    one, other = opened(filled), opened(filled)
    for path in filled.glob("results/cache.db*"):
        path.rename(path.with_name(path.name.replace("cache.db", "cache.db.damaged")))
    one.put("k", result(5))
    other.put("l", result(6))
    assert value_of(other.get("k")) == 5
    assert value_of(one.get("l")) == 6


def test_verify_runs_beside_a_store_that_writes(filled):
    writer = TieredStore(MemoryStore(1), lambda: opened(filled))
    for number in range(40):
        writer.put(f"n{number}", result(number, 20_000))
        if number % 10 == 0:
            assert verify(filled, 100 * MEGABYTE).index_damaged is False
    writer.flush()
    store = opened(filled)
    for number in range(40):
        assert (kept := store.get(f"n{number}")) is None or value_of(kept) == number
    assert right_or_nothing(store) == 8
    verify(filled, 100 * MEGABYTE)  # a payload that was just being written may have been taken for a leftover
    assert_works_again(filled)


# --- the clock


@pytest.mark.parametrize("back_to", [0.0, 86_400.0 * 365 * 20])
def test_after_the_clock_went_back_new_results_are_kept_and_old_ones_found(tmp_path, monkeypatch, back_to):
    limit = 3 * MEGABYTE
    before = opened(tmp_path, max_bytes=limit)
    for number in range(30):
        before.put(str(number), result(number, 20_000))
    monkeypatch.setattr(time, "time", lambda: back_to)
    assert value_of(before.get("29")) == 29
    for store in (before, opened(tmp_path, max_bytes=limit)):
        for number in range(5):
            store.put(f"new{number}", result(number, 20_000))
            assert value_of(store.get(f"new{number}")) == number
        assert store.warning is None
    assert verify(tmp_path, limit).damaged == 0


# --- what a visitor sees


@pytest.mark.usefixtures("loader")
def test_the_page_works_without_a_disk_and_says_so_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "file"))
    at = page_opened()
    assert_fine(at)
    assert body(at).count("Results are not kept on disk") == 1
    assert str(tmp_path) not in body(at)


@pytest.mark.usefixtures("loader")
def test_a_sound_disk_or_none_at_all_is_not_worth_a_word(tmp_path, monkeypatch):
    assert "kept on disk" not in body(page_opened())
    monkeypatch.setenv("IOI_CACHE_MEGABYTES", "0")
    services.settings.clear()
    services.computations.clear()
    assert "kept on disk" not in body(page_opened())
