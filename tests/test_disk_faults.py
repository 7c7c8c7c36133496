"""The disk cache on a machine that fails: never a wrong result, never an exception, one warning, and repaired."""

import errno
import gc
import os
import pickle
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

import numpy as np
import pytest
from diskcache import Cache

from app import services
from cache.analyses import Analysis
from cache.computations import Computations
from cache.disk import DiskStore
from cache.index import PayloadDisk
from cache.maintenance import verify
from cache.store import MemoryStore
from cache.tiers import TieredStore
from tests.test_codec import Evil
from tests.test_disk_store import MEGABYTE, opened, result, value_of
from tests.test_pages import assert_fine, body, loader  # noqa: F401  # loader is a fixture
from tests.test_pages import opened as page_opened

ROOT = Path(__file__).parent.parent
KEYS = {str(number): 20_000 if number % 2 else 4 for number in range(8)}  # key -> numbers in it: in files, in the index
DAMAGED = "Some results kept on disk were damaged"


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A folder with eight results, all of it in its main files."""
    folder = tmp_path / "cache"
    store = opened(folder)
    for key, size in KEYS.items():
        store.put(key, result(int(key), size))
    with closing(sqlite3.connect(index(folder))) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def index(folder: Path) -> Path:
    return folder / "results" / "cache.db"


def value_files(folder: Path) -> list[Path]:
    return sorted((folder / "results").rglob("*.val"))


def right_or_nothing(store: DiskStore | TieredStore) -> int:
    """How many results are found; each must be what was put under its key."""
    found = {key: kept for key in KEYS if (kept := store.get(key)) is not None}
    for key, kept in found.items():
        np.testing.assert_array_equal(kept.values, result(int(key), KEYS[key]).values)
        assert kept.values.shape == (KEYS[key],)
    return len(found)


def assert_works_again(folder: Path) -> None:
    """After `verify` nothing is damaged, no warning is left, and everything can be kept again."""
    again = verify(folder, 100 * MEGABYTE)
    assert (again.damaged, again.leftovers, again.index_damaged, again.unrepaired) == (0, 0, False, ())
    store = opened(folder)
    for key, size in KEYS.items():
        store.put(key, result(int(key), size))
    assert store.warning is None
    assert right_or_nothing(opened(folder)) == len(KEYS)


# --- kill -9


@pytest.mark.slow
def test_writers_killed_at_twenty_random_points_leave_no_wrong_result():
    command = [sys.executable, "-m", "benchmarks.kill_cache", "--kills", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrong 0, lost 0, unreadable 0" in done.stdout


# --- damaged values


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1 << (place % 8)
    path.write_bytes(bytes(content))


def cut(path: Path, place: int) -> None:
    path.write_bytes(path.read_bytes()[: place % path.stat().st_size])


@pytest.mark.parametrize("damage", [flip, cut])
@pytest.mark.parametrize("place", [0, 20, 300, 70_001, 160_000])
def test_damaged_values_are_computed_again_and_said(filled, caplog, damage: Callable, place: int):
    for path in value_files(filled):
        damage(path, place)
    store = opened(filled)
    assert "1" in store  # only looked for, not read
    assert right_or_nothing(store) == 4
    assert "1" not in store
    assert store.warning.startswith(DAMAGED)
    assert caplog.text.count("a damaged result was found") == 4
    store.put("1", result(1, KEYS["1"]))
    assert value_of(store.get("1")) == 1
    found = verify(filled, 100 * MEGABYTE)
    assert (found.sound, found.damaged, found.unrepaired) == (5, 3, ())
    assert_works_again(filled)


def test_values_in_the_index_that_are_damaged_or_under_another_key_are_found(filled):
    with closing(sqlite3.connect(index(filled))) as database, database:
        [(zero,)] = database.execute("SELECT value FROM Cache WHERE key = '0'").fetchall()
        database.execute("UPDATE Cache SET value = ? WHERE key = '2'", (zero,))
        database.execute("UPDATE Cache SET value = ? WHERE key = '4'", (zero[:-1] + bytes([zero[-1] ^ 1]),))
        database.execute("UPDATE Cache SET value = NULL WHERE key = '6'")
        [(one,)] = database.execute("SELECT filename FROM Cache WHERE key = '1'").fetchall()
        database.execute("UPDATE Cache SET filename = ? WHERE key = '3'", (one,))
    store = opened(filled)
    assert right_or_nothing(store) == 4
    assert store.warning.startswith(DAMAGED)
    found = verify(filled, 100 * MEGABYTE)
    assert found.damaged == 4
    assert_works_again(filled)


def test_missing_values_are_a_miss(filled):
    for path in value_files(filled):
        path.unlink()
    assert right_or_nothing(opened(filled)) == 4
    assert verify(filled, 100 * MEGABYTE).damaged == 4
    assert_works_again(filled)


# --- damaged index


@pytest.mark.parametrize("seed", range(8))
def test_an_index_with_flipped_bits_or_a_lost_end_never_gives_a_wrong_result(filled, tmp_path, seed):
    whole = index(filled).read_bytes()
    random = np.random.default_rng(seed)
    for round_ in range(12):
        folder = tmp_path / f"copy{round_}"
        shutil.copytree(filled, folder)
        content = bytearray(whole)
        for place in random.integers(0, len(whole), size=int(random.integers(1, 30))):
            content[place] ^= 1 << int(random.integers(8))
        if round_ % 4 == 0:
            content = content[: int(random.integers(len(whole)))]
        index(folder).write_bytes(bytes(content))
        store = opened(folder)
        before = right_or_nothing(store)
        assert before < len(KEYS) or store.warning is None or store.warning.startswith(DAMAGED)
        store.put("new", result(99))
        kept = store.get("new")
        assert kept is None or value_of(kept) == 99
        right_or_nothing(store)
        assert verify(folder, 100 * MEGABYTE).unrepaired == ()
        assert_works_again(folder)


@pytest.mark.parametrize("content", [b"", b"not a database" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_an_index_that_is_none_is_put_aside_and_begun_anew(filled, content):
    index(filled).write_bytes(content)
    store = opened(filled)
    assert right_or_nothing(store) == 0
    store.put("1", result(1, KEYS["1"]))
    assert value_of(store.get("1")) == 1
    if content:
        assert store.warning.startswith(DAMAGED)
        assert (filled / "results" / "cache.db.damaged").read_bytes() == content
        assert len(value_files(filled)) == 1  # the old ones had lost their names
    verify(filled, 100 * MEGABYTE)
    assert_works_again(filled)


@pytest.mark.parametrize("kept_bytes", [None, 0, 4096, 10_000])
def test_an_index_damaged_under_an_open_store_is_begun_anew(filled, kept_bytes):
    stores = [opened(filled), opened(filled)]
    assert [right_or_nothing(store) for store in stores] == [8, 8]
    if kept_bytes is None:
        with index(filled).open("r+b") as file:
            file.write(np.random.default_rng(0).bytes(index(filled).stat().st_size))
    else:
        os.truncate(index(filled), kept_bytes)
    for _ in range(3):
        for store in stores:
            right_or_nothing(store)
            store.put("1", result(1, KEYS["1"]))
    assert [value_of(store.get("1")) for store in stores] == [1, 1]
    assert value_of(opened(filled).get("1")) == 1
    assert any(store.warning for store in stores)
    assert_works_again(filled)


def test_settings_in_the_index_are_not_believed(filled):
    with closing(sqlite3.connect(index(filled))) as database, database:
        for key, value in [("eviction_policy", "evil"), ("disk_strange", 1), ("cull_limit", "x"), ("size", "text")]:
            database.execute("INSERT OR REPLACE INTO Settings VALUES (?, ?)", (key, value))
    store = opened(filled)
    right_or_nothing(store)
    store.put("1", result(1, KEYS["1"]))
    store.put("1", result(1, KEYS["1"]))
    assert value_of(store.get("1")) == 1
    assert_works_again(filled)


# --- a planted pickle


def test_a_planted_pickle_is_neither_executed_nor_kept(filled, tmp_path, caplog):
    mark = tmp_path / "executed"
    with Cache(str(filled / "results")) as plain:
        plain["0"] = Evil(mark)  # in the index
        plain["1"] = [Evil(mark), "x" * 100_000]  # in a file
        plain["a", Evil(mark)] = b"a pickled key"
    for path in value_files(filled):
        if path.stat().st_size > 90_000:
            path.write_bytes(pickle.dumps(Evil(mark)) + b" " * 50_000)
    store = opened(filled)
    assert right_or_nothing(store) <= 6
    assert store.get("0") is store.get("1") is None
    assert store.warning.startswith(DAMAGED)
    assert "not ours" in caplog.text
    assert store.keys()
    assert verify(filled, 100 * MEGABYTE).damaged >= 3
    assert_works_again(filled)
    assert not mark.exists()
    with Cache(str(tmp_path / "plain")) as plain:  # the bait is live where pickles are read
        plain["0"] = Evil(mark)
        plain["0"]
    assert mark.exists()


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
    model = SimpleNamespace(fingerprint="f", numerics="float32", device="cpu")
    asked = Computations(tiers, analyses={"it": Analysis(lambda model, *, progress: result(6), 1)})
    for _ in range(2):
        job = asked.request("it", model)
        assert job.wait(5)
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
from cache.disk import DiskStore
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


def test_a_write_that_fails_halfway_leaves_no_file_and_is_tried_again_later(filled, monkeypatch):
    store = opened(filled, try_again=0.2)
    attempts = []

    def full(self, path, iterator, mode, encoding=None):
        attempts.append(path)
        Path(path).parent.mkdir(parents=True)
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(PayloadDisk, "_write", full)
    for _ in range(5):
        store.put("k", result(5, 20_000))
    assert len(attempts) == 1  # the disk is left alone for a while
    assert len(value_files(filled)) == 4
    assert "the disk is full" in store.warning
    assert right_or_nothing(store) == 8
    monkeypatch.undo()
    time.sleep(0.25)
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


def test_a_process_that_holds_the_index_only_delays_writing(filled):
    store = opened(filled, timeout=0.2, try_again=0.3)
    with closing(sqlite3.connect(index(filled), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        for _ in range(5):
            store.put("k", result(5))
        assert time.monotonic() - started < 2
        assert store.get("k") is None
        assert right_or_nothing(store) == 8
        assert "cannot be used now" in store.warning
        other.execute("COMMIT")
    time.sleep(0.35)
    store.put("k", result(5))
    assert value_of(store.get("k")) == 5
    assert store.warning is None


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
