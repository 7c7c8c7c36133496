"""The disk store on a sound machine: keeps, forgets, stays within its bounds and its folder, and behind the memory."""

import os
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest
from diskcache import Cache

from cache.environment import cache_folder, cache_megabytes
from cache.store.disk import DiskStore
from cache.store.folder import prepare
from cache.store.index import ForeignKey, PayloadDisk
from cache.store.memory import MemoryStore
from cache.store.tiers import TieredStore
from ioi_core.errors import SettingsError
from tests.cache.store.disk_checks import MEGABYTE, opened, result, value_of


@pytest.mark.parametrize("size", [4, 20_000])
def test_what_is_put_is_found_by_the_next_process(tmp_path, size):
    store = opened(tmp_path)
    assert store.get("k") is None
    store.put("k", result(7, size))
    again = opened(tmp_path)
    assert np.array_equal(again.get("k").values, result(7, size).values)
    assert "k" in again
    assert again.warning is None


def test_putting_again_replaces_and_leaves_no_file_behind(tmp_path):
    store = opened(tmp_path)
    for number in range(5):
        store.put("k", result(number, 20_000))
    assert value_of(store.get("k")) == 4
    assert len(list(tmp_path.rglob("*.val"))) == 1


def test_deleting_and_listing_by_prefix(tmp_path):
    store = opened(tmp_path)
    for key in ("a:1", "a:1:part", "b:1"):
        store.put(key, np.ones(2))
    assert sorted(store.keys("a:")) == ["a:1", "a:1:part"]
    store.delete("a:1")
    assert "a:1" not in store
    assert sorted(store.keys()) == ["a:1:part", "b:1"]


def test_the_folder_stays_within_its_limit_and_the_oldest_go_first(tmp_path):
    limit = 4 * MEGABYTE
    store = opened(tmp_path, max_bytes=limit)
    for number in range(60):
        store.put(str(number), result(number, 25_000))  # 200 kB each
        used = sum(path.stat().st_size for path in (tmp_path / "results").rglob("*.val"))
        assert used <= limit
    assert value_of(store.get("59")) == 59
    assert store.get("0") is None


def test_what_is_larger_than_all_room_is_not_kept_and_displaces_nothing(tmp_path):
    store = opened(tmp_path, max_bytes=MEGABYTE)
    store.put("small", result(1))
    store.put("large", result(2, 200_000))
    assert store.get("large") is None
    assert value_of(store.get("small")) == 1


def test_what_is_never_kept_is_refused_in_words(tmp_path):
    with pytest.raises(TypeError, match="cannot be kept"):
        opened(tmp_path).put("k", object())


def test_many_threads_share_one_store(tmp_path):
    store = opened(tmp_path)
    wrong: list[object] = []

    def work(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(60):
            number = int(random.integers(10))
            store.put(str(number), result(number, 5000))
            if (found := store.get(str(number))) is not None and value_of(found) != number:
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.warning is None
    assert value_of(store.get("3")) == 3


def test_diskcache_treats_what_fetch_refuses_as_a_miss(tmp_path):
    with Cache(str(tmp_path)) as plain:
        plain["k"] = {"a": "pickle"}
    assert Cache(str(tmp_path), disk=PayloadDisk).get("k") is None


def test_the_disk_never_pickles_keys_or_values(tmp_path):
    cache = Cache(str(tmp_path), disk=PayloadDisk)
    for key, value in [(("a",), b"x"), (1, b"x"), (b"k", b"x"), ("k", "text"), ("k", 1), ("k", None), ("k", {})]:
        with pytest.raises(TypeError):
            cache.set(key, value)
    with Cache(str(tmp_path)) as plain:
        plain["a", 1] = b"x"
    [key] = list(cache)
    assert isinstance(key, ForeignKey)
    assert cache.delete(key)
    assert list(cache) == []


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "", None, 5, "aa/bb/../../../outside.val"])
def test_an_index_that_names_other_files_reaches_none_of_them(tmp_path, name):
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    store = opened(tmp_path / "cache")
    store.put("k", result(1, 20_000))
    index = tmp_path / "cache" / "results" / "cache.db"
    with sqlite3.connect(index) as database:
        database.execute("UPDATE Cache SET filename = ?", (name,))
    assert store.get("k") is None
    store.delete("k")
    assert outside.read_bytes() == b"mine"
    assert Path("/etc/hostname").exists()


# --- the folder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_is_for_this_user_alone(tmp_path):
    opened(tmp_path / "a" / "b")
    assert mode(tmp_path / "a" / "b") == 0o700
    assert mode(tmp_path / "a" / "b" / "results") == 0o700


@pytest.mark.parametrize("before", [0o755, 0o777, 0o770])
def test_an_empty_folder_of_ours_is_closed_to_others(tmp_path, before):
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(before)
    assert opened(folder).warning is None
    assert mode(folder) == 0o700
    (folder / "results").chmod(0o777)
    folder.chmod(before)
    assert opened(folder).warning is None
    assert mode(folder / "results") == 0o700 == mode(folder)


def test_a_folder_with_other_things_in_it_is_left_as_it_is(tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    folder.chmod(0o777)
    store = opened(folder)
    store.put("k", result(1))
    assert "not set up for this app alone" in store.warning
    assert str(tmp_path) not in store.warning
    assert mode(folder) == 0o777
    folder.chmod(0o755)
    assert opened(folder).warning is None
    assert mode(folder) == 0o755
    assert (folder / "letter.txt").read_text() == "dear"


@pytest.mark.skipif(os.geteuid() != 0, reason="ONLY ROOT CAN GIVE A FOLDER AWAY: another user's folder stays untested")
@pytest.mark.parametrize("inner", [False, True])
def test_a_folder_of_another_user_is_refused(tmp_path, inner):
    folder = tmp_path / "theirs"
    prepare(folder)
    os.chown(folder / "results" if inner else folder, 12345, 12345)
    store = opened(folder)
    store.put("k", result(1))
    assert store.get("k") is None
    assert "not set up for this app alone" in store.warning
    assert not (folder / "results" / "cache.db").exists()


def test_without_any_folder_it_goes_on_without_a_disk():
    store = DiskStore(None, MEGABYTE)
    store.put("k", result(1))
    store.delete("k")
    assert store.get("k") is None
    assert "k" not in store
    assert store.keys() == []
    assert "not kept on disk" in store.warning


def test_a_folder_name_that_diskcache_would_change_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ELSEWHERE", "elsewhere")
    assert "not set up" in opened(tmp_path / "$ELSEWHERE").warning
    assert not (tmp_path / "elsewhere").exists()


def test_where_the_folder_is():
    assert cache_folder({"IOI_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b", "HOME": "/c"}) == Path("/b/ioi-explorer")
    assert cache_folder({"XDG_CACHE_HOME": "b", "HOME": "/c"}) == Path("/c/.cache/ioi-explorer")
    assert cache_folder({}) is None
    for relative in ("cache", "./cache", "~/cache"):
        with pytest.raises(SettingsError, match="IOI_CACHE_DIR"):
            cache_folder({"IOI_CACHE_DIR": relative})


def test_how_large_it_may_be():
    assert cache_megabytes({}) == 2048
    assert cache_megabytes({"IOI_CACHE_MEGABYTES": "0"}) == 0
    for wrong in ("-1", "1.5", "many", "99999999999"):
        with pytest.raises(SettingsError, match="IOI_CACHE_MEGABYTES"):
            cache_megabytes({"IOI_CACHE_MEGABYTES": wrong})


# --- memory in front


def tiered(folder: Path, max_bytes: int = MEGABYTE, **options) -> TieredStore:
    return TieredStore(MemoryStore(max_bytes), lambda: opened(folder), **options)


def test_a_disk_hit_is_put_into_memory(tmp_path):
    opened(tmp_path).put("k", result(3))
    store = tiered(tmp_path)
    assert "k" in store
    first = store.get("k")
    assert store.get("k") is first
    opened(tmp_path).delete("k")
    assert store.get("k") is first


def test_what_memory_has_no_room_for_is_served_from_the_disk(tmp_path):
    store = tiered(tmp_path, max_bytes=1)
    store.put("k", result(3))
    assert value_of(store.get("k")) == 3  # written or not
    store.flush()
    assert value_of(store.get("k")) == 3
    assert "k" in store
    store.delete("k")
    store.flush()
    assert store.get("k") is None
    assert "k" not in store


class SlowDisk(DiskStore):
    """A disk that writes only once it is let."""

    def __init__(self, folder: Path):
        self.let, self.waited_in_vain = threading.Event(), False
        super().__init__(folder, MEGABYTE)

    def put(self, key: str, value: object) -> None:
        self.waited_in_vain |= not self.let.wait(10)
        super().put(key, value)


def test_a_slow_disk_delays_nobody_and_what_it_is_too_slow_for_stays_in_memory(tmp_path):
    disk = SlowDisk(tmp_path)
    store = TieredStore(MemoryStore(10 * MEGABYTE), lambda: disk)
    for number in range(100):
        store.put(str(number), result(number))
    assert [value_of(store.get(str(number))) for number in range(100)] == list(range(100))
    disk.let.set()
    store.flush()
    assert not disk.waited_in_vain, "whoever waits for the disk holds up what lets it write"
    assert 64 <= len(disk.keys()) < 100


def test_a_part_that_is_deleted_before_it_is_written_never_reaches_the_disk(tmp_path):
    disk = SlowDisk(tmp_path)
    store = TieredStore(MemoryStore(MEGABYTE), lambda: disk)
    for key in "abc":
        store.put(key, result(1))
    store.delete("b")
    assert store.get("b") is None
    disk.let.set()
    store.flush()
    assert sorted(disk.keys()) == ["a", "c"]


def test_a_disk_that_does_not_open_is_waited_for_only_once_and_only_a_moment(tmp_path):
    opened(tmp_path).put("old", result(2))
    let = threading.Event()

    def hangs() -> DiskStore:
        assert let.wait(10)
        return opened(tmp_path)

    store = TieredStore(MemoryStore(MEGABYTE), hangs, opening=0.2)
    opening, readers = store._opening.result, threading.current_thread()
    waits: list[float] = []

    def noted(timeout: float | None = None) -> DiskStore:
        if threading.current_thread() is readers:
            waits.append(timeout)
        return opening(timeout)

    store._opening.result = noted
    assert store.get("old") is None
    store.put("k", result(1))
    assert value_of(store.get("k")) == 1
    assert "does not answer" in store.warning
    for _ in range(10):
        assert store.get("old") is None
    assert len(waits) > 10
    assert sum(waits) <= 0.2
    let.set()
    store.flush()
    assert store.warning is None
    assert value_of(store.get("old")) == 2
    assert value_of(opened(tmp_path).get("k")) == 1


def test_what_is_never_kept_on_disk_is_still_kept_in_memory(tmp_path, caplog):
    store = tiered(tmp_path)
    store.put("k", {1, 2})
    store.flush()
    assert store.get("k") == {1, 2}
    assert "never kept on disk" in caplog.text
    assert store.warning is None


def test_keys_of_all_tiers_are_listed_once(tmp_path):
    opened(tmp_path).put("p:old", result(1))
    store = tiered(tmp_path)
    for key in ("p:new", "q:new"):
        store.put(key, result(1))
    store.flush()
    assert sorted(store.keys("p:")) == ["p:new", "p:old"]
