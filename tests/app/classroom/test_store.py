"""Where classes are kept: what lasts, what goes, who shares it, and what happens where nothing can be kept."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from app.classroom import rooms as rooms_module
from app.classroom import store as store_module
from app.classroom.codes import LENGTH, LETTERS
from app.classroom.phases import Place
from app.classroom.rooms import Rooms
from app.classroom.store import ClassStore, FullError
from app.hosting.settings import Settings
from ioi_core.errors import SettingsError
from tests.app.classroom.lesson import LESSON

OPEN = Place(0, "open", 1)


def opened(store: ClassStore) -> tuple[str, str]:
    """A class whose first vote is open, and a student."""
    key = store.key(store.start(LESSON).code)
    student = store.join(key)
    assert store.move(key, 1, OPEN)
    return key, student


def test_codes_cannot_be_guessed_and_nothing_secret_is_in_the_file(tmp_path):
    store = ClassStore(tmp_path)
    started = [store.start(LESSON) for _ in range(50)]
    assert len({one.code for one in started}) == 50
    assert all(len(one.code) == LENGTH and set(one.code) <= set(LETTERS) for one in started)
    student = store.join(store.key(started[0].code))
    store.close()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "classes").iterdir())
    for secret in (started[0].code, started[0].teacher, started[0].screen, student):
        assert secret.encode() not in kept
    for path in (tmp_path, tmp_path / "classes"):
        assert path.stat().st_mode & 0o077 == 0


def test_a_class_is_gone_after_its_hours_from_the_file_too(tmp_path, monkeypatch):
    store = ClassStore(tmp_path, hours=24)
    started = store.start(replace(LESSON, title="Quixotelsky"))
    key = store.key(started.code)
    student = store.join(key)
    store.move(key, 1, OPEN)
    assert store.vote(key, student, 0, 1, 2)
    now = store_module.time.time()
    monkeypatch.setattr(store_module.time, "time", lambda: now + 23.9 * 3600)
    assert store.forget() == 0
    assert store.snapshot(key).answered == 1
    monkeypatch.setattr(store_module.time, "time", lambda: now + 24.1 * 3600)
    assert store.snapshot(key) is None
    assert store.lesson(key) is None
    assert store.forget() == 1
    assert store.votes(key, 0) == []
    assert not store.is_student(key, student)
    store.close()
    assert b"Quixotelsky" not in b"".join(path.read_bytes() for path in (tmp_path / "classes").iterdir())


def test_several_processes_share_a_class_and_hear_of_each_other(tmp_path):
    async def story() -> None:
        here, there = ClassStore(tmp_path), ClassStore(tmp_path)
        key, student = opened(here)
        rooms = Rooms(lambda: here)
        async with rooms.running():
            now = await rooms.call(lambda store: store.snapshot(key))
            screen = asyncio.create_task(rooms.wait(key, now, counts=True))
            phone = asyncio.create_task(rooms.wait(key, now, counts=False))
            await asyncio.sleep(0.1)
            assert there.vote(key, student, 0, 1, 1)
            await asyncio.wait_for(screen, 5)
            assert not phone.done(), "an answer is no news for students"
            assert there.move(key, 2, Place(0, "closed", 1))
            await asyncio.wait_for(phone, 5)
        assert here.snapshot(key).place.phase == "closed"
        assert not here.vote(key, student, 0, 1, 0)
        assert here.mine(key, student, 0) == {1: 1}

    asyncio.run(story())


def test_where_nothing_can_be_kept_classes_live_in_memory(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("in the way")
    for folder, megabytes in ((tmp_path / "file" / "cache", 10), (tmp_path / "cache", 0), (None, 10)):
        settings = Settings(cache_folder=folder, cache_megabytes=megabytes)
        monkeypatch.setattr(rooms_module, "settings", lambda settings=settings: settings)
        store = rooms_module._open()
        assert not store.lasting
        key, student = opened(store)
        assert store.vote(key, student, 0, 1, 1)
        assert store.snapshot(key).answered == 1
    assert not (tmp_path / "cache").exists()
    assert "classes live in memory alone" in caplog.text


def test_a_damaged_file_is_begun_anew_and_others_are_not_touched(tmp_path):
    ClassStore(tmp_path).close()
    for path in (tmp_path / "classes").iterdir():
        path.write_bytes(b"no database" * 1000)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cache.db").write_bytes(b"theirs")
    key, student = opened(ClassStore(tmp_path))
    assert (tmp_path / "results" / "cache.db").read_bytes() == b"theirs"
    assert key
    assert student


def test_a_full_disk_refuses_a_vote_and_keeps_the_others(tmp_path):
    store = ClassStore(tmp_path)
    key, student = opened(store)
    assert store.vote(key, student, 0, 1, 1)
    pages = store._row("PRAGMA page_count")[0]
    store._row(f"PRAGMA max_page_count={pages}")
    with pytest.raises(sqlite3.Error):
        store.start(replace(LESSON, title="x" * 100_000))
    assert store.snapshot(key).answered == 1
    assert store.vote(key, student, 0, 1, 0)


def test_there_is_an_end_to_students_and_classes(tmp_path, monkeypatch):
    store = ClassStore(tmp_path)
    key, _ = opened(store)
    monkeypatch.setattr(store_module, "MOST_STUDENTS", 1)
    monkeypatch.setattr(store_module, "MOST_CLASSES", 1)
    with pytest.raises(FullError, match=r"This class is full"):
        store.join(key)
    with pytest.raises(FullError, match=r"no room for another"):
        store.start(LESSON)


def test_a_machine_has_a_letter_of_its_own():
    for letter in "ACDEFGHJKMNPQRTWXY":
        assert letter in LETTERS
        place = Settings.from_environment({"IOI_CLASS_PLACE": letter}).class_place
        assert ClassStore(None, place=place).start(LESSON).code.startswith(letter)
    with pytest.raises(SettingsError, match="IOI_CLASS_PLACE"):
        Settings.from_environment({"IOI_CLASS_PLACE": "B"})


def test_the_folder_may_hold_a_cache_of_results_already(tmp_path: Path):
    tmp_path.chmod(0o755)
    (tmp_path / "results").mkdir()
    ClassStore(tmp_path).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o700
