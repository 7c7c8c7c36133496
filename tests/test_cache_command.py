"""`python -m cache`: what it says is what is there, and what it computes ahead is what the pages ask for first."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import services
from cache.__main__ import main
from cache.analyses import ANALYSES, Analysis
from cache.codec import encode
from cache.disk import DiskStore
from cache.gallery import FIRST_REQUESTS, requests
from ioi_core import Model
from tests.app_pages import assert_fine, opened
from tests.disk_checks import result

ROOT = Path(__file__).parent.parent
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


def test_stats_of_a_new_folder(folder, capsys):
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
    monkeypatch.setattr("cache.maintenance._tidy", lambda cache: 0)
    for path in filled.rglob("*.val"):
        path.unlink()
    monkeypatch.setattr("cache.maintenance._is_sound", lambda cache, key: True)
    assert main(["verify"]) == 1
    assert "NOT REPAIRED: file not found" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["stats", "clear", "verify", "warm"])
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


def test_warm_fails_where_nothing_can_be_kept(folder, capsys):
    folder.write_text("in the way")
    assert main(["warm"]) == 1
    assert "not kept on disk" in capsys.readouterr().err


def test_warm_computes_only_what_is_missing(folder, capsys):
    for known in ("0", "all"):
        assert main(["warm"]) == 0
        asked, found = re.search(r"(\d+) results, (\d+) of them known", capsys.readouterr().out).groups()
        assert int(asked) > len(FIRST_REQUESTS)
        assert (found == asked) == (known == "all")


def test_a_gallery_asks_only_for_analyses_that_exist(demo_model: Model):
    assert {analysis for analysis, _ in requests(demo_model, "classic")} <= set(ANALYSES)


@pytest.fixture(scope="module")
def warm_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("warm") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IOI_CACHE_DIR", str(folder))
        assert main(["warm", "--model", "ioi-demo", "--gallery", "classic"]) == 0
    return folder


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("page", PAGES)
def test_after_warm_a_page_computes_nothing_as_it_opens(warm_folder, monkeypatch, caplog, page: str):
    computed: list[str] = []

    def refused(name: str):
        def compute(*args, **kwargs):
            computed.append(name)
            raise AssertionError(f"{name} was computed: add what the page asks for first to cache/gallery.py")

        return compute

    monkeypatch.setenv("IOI_CACHE_DIR", str(warm_folder))
    for name, entry in ANALYSES.items():
        monkeypatch.setitem(ANALYSES, name, Analysis(refused(name), entry.version, entry.resumable))
    services.settings.clear()
    services.computations.clear()
    with caplog.at_level(logging.ERROR):
        at = opened(None if page == "prompt" else f"../pages/{page}.py", model="ioi-demo")
    assert computed == []
    assert_fine(at)
