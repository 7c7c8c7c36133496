"""`python -m cache`: what it says is what is there."""

import re
from pathlib import Path

import pytest

from cache.__main__ import main
from cache.store.codec import encode
from cache.store.disk import DiskStore
from tests import ROOT
from tests.cache.store.disk_checks import result

PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def filled(folder: Path) -> Path:
    store = DiskStore(folder, 10**8)
    for key, size in [("lens:a", 4), ("lens:b", 20_000), ("atlas:a:layer 1", 4), ("atlas:a:layer 2", 4)]:
        store.put(key, result(1, size))
    return folder


def test_stats_tells_what_is_kept(filled, capsys):
    assert main(["stats"]) == 0
    said = capsys.readouterr().out
    assert str(filled) in said
    assert "2048 MB" in said
    rows = {analysis: counts.split() for analysis, counts in re.findall(r"^(lens|atlas|all) +([\d, ]+)$", said, re.M)}
    assert {analysis: counts[:2] for analysis, counts in rows.items()} == {
        "lens": ["2", "0"],
        "atlas": ["0", "2"],
        "all": ["2", "2"],
    }
    lens, atlas, both = (int(rows[analysis][2].replace(",", "")) for analysis in ("lens", "atlas", "all"))
    assert lens == sum(len(encode(key, result(1, size))) for key, size in (("lens:a", 4), ("lens:b", 20_000)))
    assert atlas == 2 * len(encode("atlas:a:layer 1", result(1, 4)))
    assert both == lens + atlas


def test_stats_of_an_empty_folder(folder, capsys):
    folder.mkdir()
    assert main(["stats"]) == 0
    assert re.search(r"all +0 +0 +0\n", capsys.readouterr().out)


def test_clear_removes_everything_and_says_how_much(filled, capsys):
    assert main(["clear"]) == 0
    count, n_bytes = re.search(r"removed ([\d,]+) entries, ([\d,]+) bytes", capsys.readouterr().out).groups()
    assert count == "4"
    assert int(n_bytes.replace(",", "")) >= 160_000
    assert DiskStore(filled, 10**8).keys() == []
    assert not list(filled.rglob("*.val"))


def test_verify_says_what_it_did(filled, capsys):
    [path] = filled.rglob("*.val")
    path.write_bytes(b"damaged")
    (filled / "results" / "orphan.val").write_bytes(b"nobody's")
    assert main(["verify"]) == 0
    said = capsys.readouterr().out
    assert "3 results are sound" in said
    assert "1 damaged ones were removed" in said
    assert "1 files left over" in said
    assert "index was damaged" not in said
    assert main(["verify"]) == 0
    assert "0 damaged ones" in capsys.readouterr().out


def test_verify_begins_a_damaged_index_anew(filled, capsys):
    (filled / "results" / "cache.db").write_bytes(b"no database" * 1000)
    assert main(["verify"]) == 0
    assert "the index was damaged" in capsys.readouterr().out
    assert main(["verify"]) == 0
    assert "the index was damaged" not in capsys.readouterr().out


def test_verify_fails_where_something_stays_damaged(filled, capsys, monkeypatch):
    monkeypatch.setattr("cache.store.maintenance._tidy", lambda cache: 0)
    for path in filled.rglob("*.val"):
        path.unlink()
    monkeypatch.setattr("cache.store.maintenance._is_sound", lambda cache, key: True)
    assert main(["verify"]) == 1
    assert "NOT REPAIRED: file not found" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["stats", "clear", "verify"])
def test_a_folder_that_is_not_there_is_said_to_be_missing_and_is_not_made(folder, capsys, command):
    assert main([command]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{command} could not be done: {folder} is not there, or is no folder\n")
    assert not folder.exists()
    folder.write_text("a file")
    assert main([command]) == 2
    assert folder.read_text() == "a file"


@pytest.mark.parametrize("command", ["stats", "clear", "verify"])
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IOI_CACHE_MEGABYTES", "0", "there is no disk cache"),
        ("IOI_CACHE_MEGABYTES", "much", "a whole number"),
        ("IOI_CACHE_DIR", "relative", "an absolute path"),
    ],
)
def test_what_cannot_be_done_is_said_and_is_no_success(folder, capsys, monkeypatch, command, name, value, said):
    monkeypatch.setenv(name, value)
    assert main([command]) == 2
    assert said in capsys.readouterr().err
    assert not folder.exists()
