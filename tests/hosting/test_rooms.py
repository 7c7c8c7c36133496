"""The house: few files a room, short files, tests in rooms that mirror the code; and what is said of Streamlit is so.

Which room may know which is checked by the contracts in `pyproject.toml` (`make lint`).
"""

from pathlib import Path

import grimp
import pytest

from tests import ROOT

CODE = ("app", "pages", "cache", "ioi_core")
ALL = (*CODE, "tests", "benchmarks", "docs", "proxy")
MOST_FILES, MOST_LINES, MOST_LINES_OF_A_TEST = 12, 300, 450


@pytest.mark.parametrize("top", ALL)
def test_no_room_is_crowded_and_no_file_long(top: str) -> None:
    files = [file for file in (ROOT / top).rglob("*.py") if file.name != "__init__.py"]
    for room in {file.parent for file in files}:
        assert sum(file.parent == room for file in files) <= MOST_FILES, room
    most = MOST_LINES_OF_A_TEST if top == "tests" else MOST_LINES
    assert [file for file in files if len(file.read_text(encoding="utf-8").splitlines()) > most] == []


@pytest.mark.parametrize(("code", "tests"), [("app", "app"), ("cache", "cache"), ("ioi_core", "core")])
def test_the_rooms_of_tests_mirror_those_of_the_code(code: str, tests: str) -> None:
    assert rooms(ROOT / "tests" / tests) == rooms(ROOT / code)


def rooms(folder: Path) -> set[str]:
    return {file.parent.name for file in folder.glob("*/__init__.py")}


def test_modules_that_say_so_know_no_streamlit_not_even_indirectly() -> None:
    graph = grimp.build_graph(*CODE, include_external_packages=True, cache_dir=None)
    claims = [file for file in (ROOT / "app").rglob("*.py") if "No Streamlit here" in file.read_text(encoding="utf-8")]
    assert len(claims) > 50
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in claims]
    chains = {module: graph.find_shortest_chain(module, "streamlit") for module in modules}
    assert {module: chain for module, chain in chains.items() if chain} == {}
