"""Damaged results: a flipped bit, a lost end, a planted pickle is found, never shown, computed again and repaired."""

import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from diskcache import Cache

from app.warm import main as warm
from cache.store.maintenance import verify
from tests.app.pages import assert_fine, body
from tests.app.pages import opened as page_opened
from tests.cache.store.disk_checks import (
    KEYS,
    MEGABYTE,
    Evil,
    assert_works_again,
    fill,
    index,
    opened,
    result,
    right_or_nothing,
    value_files,
    value_of,
)

DAMAGED = "Some results kept on disk were damaged"


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    return fill(tmp_path / "cache")


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


# --- what a visitor sees


@pytest.mark.usefixtures("loader")
def test_a_page_whose_kept_results_are_all_damaged_computes_them_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "cache"))  # not those that all tests share
    assert warm([]) == 0  # into the folder that the app uses
    with closing(sqlite3.connect(index(tmp_path / "cache"))) as database, database:
        for rowid, value, file in database.execute("SELECT rowid, value, filename FROM Cache").fetchall():
            kept = value or (index(tmp_path / "cache").parent / file).read_bytes()  # large ones are files
            flipped = kept[:-30] + bytes([kept[-30] ^ 4]) + kept[-29:]
            if value:
                database.execute("UPDATE Cache SET value = ? WHERE rowid = ?", (flipped, rowid))
            else:
                (index(tmp_path / "cache").parent / file).write_bytes(flipped)
    at = page_opened("../pages/activation_patching.py", model="ioi-demo")
    assert_fine(at)
    assert len(at.get("plotly_chart")) >= 3
    at.run()
    assert body(at).count(DAMAGED) == 1
    [found] = [verify(tmp_path / "cache", 100 * MEGABYTE)]
    assert found.damaged > 0
    assert found.sound >= 4  # those that the page has computed again
