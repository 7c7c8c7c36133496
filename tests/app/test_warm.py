"""`python -m app.warm`: what it computes ahead is what the pages ask for first."""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.hosting import services
from app.lessons.files.library import Library, library
from app.warm import main
from cache.analyses import ANALYSES
from ioi_core import Model
from tests import ROOT
from tests.app.pages import assert_fine, first_requests, opened

PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("IOI_CACHE_MEGABYTES", "0", "there is no disk cache"),
        ("IOI_CACHE_MEGABYTES", "much", "a whole number"),
        ("IOI_CACHE_DIR", "relative", "an absolute path"),
    ],
)
def test_what_cannot_be_done_is_said_and_is_no_success(folder, capsys, monkeypatch, name, value, said):
    monkeypatch.setenv(name, value)
    assert main([]) == 2
    assert said in capsys.readouterr().err
    assert not folder.exists()


def test_warm_fails_where_nothing_can_be_kept(folder, capsys):
    folder.write_text("in the way")
    assert main([]) == 1
    assert "not kept on disk" in capsys.readouterr().err


def test_warm_computes_only_what_is_missing(folder, capsys):
    for known in ("0", "all"):
        assert main([]) == 0
        asked, found = re.search(r"(\d+) results, (\d+) of them known", capsys.readouterr().out).groups()
        assert int(asked) > 100
        assert found == (asked if known == "all" else "0")


def test_the_gallery_of_lessons_computes_all_that_they_reveal(folder, capsys, monkeypatch):
    lessons = [lesson for lesson in library(None).lessons if lesson.id in ("model", "attribution")]
    monkeypatch.setattr("app.warm.library", lambda _: Library(tuple(lessons), ()))
    assert main(["--gallery", "lessons"]) == 0
    asked, known = re.search(
        r"lessons on ioi-demo: (\d+) results, (\d+) of them known", capsys.readouterr().out
    ).groups()
    assert (int(asked), int(known)) == (4, 0)  # predictions, the lens, layers, heads
    assert main(["--gallery", "lessons"]) == 0
    assert "4 results, 4 of them known" in capsys.readouterr().out


def test_a_gallery_asks_only_for_analyses_that_exist(demo_model: Model):
    asked = {request.analysis: request.function for request in first_requests(demo_model)}
    assert {name: ANALYSES[name].function for name in asked} == asked


@pytest.fixture(scope="module")
def warm_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("warm") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IOI_CACHE_DIR", str(folder))
        assert main(["--model", "ioi-demo", "--gallery", "classic"]) == 0
    return folder


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("page", PAGES)
def test_after_warm_a_page_computes_nothing_as_it_opens(warm_folder, monkeypatch, caplog, page: str):
    computed: list[str] = []

    def refused(name: str):
        def compute(*args, **kwargs):
            computed.append(name)
            raise AssertionError(f"{name} was computed: app/warm.py must ask for what the page asks first")

        return compute

    monkeypatch.setenv("IOI_CACHE_DIR", str(warm_folder))
    for name, entry in ANALYSES.items():
        monkeypatch.setitem(ANALYSES, name, replace(entry, function=refused(name)))
    services.settings.clear()
    services.computations.clear()
    with caplog.at_level(logging.ERROR):
        at = opened(f"../pages/{page}.py", model="ioi-demo")
    assert computed == []
    assert_fine(at)
