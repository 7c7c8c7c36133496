"""What the documents name is there: files, folders, and the modules of commands."""

import importlib
import re
from importlib.util import find_spec

import pytest

from tests import ROOT

DOCUMENTS = [
    "README.md",
    "docs/architecture.md",
    "docs/hosting.md",
    "docs/teaching.md",
    "benchmarks/README.md",
    "ioi_core/demo/model/README.md",
]
OURS = "app|cache|ioi_core|pages|tests|docs|benchmarks|proxy"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_is_named_exists(document: str):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(rf"[`(]((?:{OURS})/[\w./-]*)[`)]", text)
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", [*DOCUMENTS, "Makefile", "Dockerfile", "compose.yaml"])
def test_every_module_that_is_run_exists(document: str):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = re.findall(rf'-m"?,? "?((?:{OURS})(?:\.\w+)*)', text)
    assert [module for module in named if find_spec(module) is None] == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("[a-z]*.py")))
def test_every_benchmark_finds_what_it_measures(name: str):
    importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("top", ["app", "cache", "ioi_core"])
def test_the_architecture_and_the_map_name_every_room(top: str):
    architecture, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("docs/architecture.md", "README.md"))
    folder_map = re.search(r"## Where things are\n\n```\n(.*?)```", readme, re.DOTALL)[1]
    rooms = [folder.name for folder in (ROOT / top).iterdir() if (folder / "__init__.py").exists()]
    assert [room for room in rooms if f"`{room}`" not in architecture and f"{top}/{room}" not in architecture] == []
    assert [room for room in rooms if f" {room}/" not in folder_map] == []
