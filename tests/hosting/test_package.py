"""`pip install .`: the wheel holds `ioi_core` whole and nothing else, asks for what it imports, and works elsewhere."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ioi_core import Model, arena_pairs, predictions
from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = ("ioi_core", "cache", "app", "pages", "tests")
FILES = ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md")
LOGIT_DIFF = """
import ioi_core
from ioi_core import arena_pairs, load_model, predictions
model = load_model("ioi-demo", device="cpu")
print(ioi_core.__file__, *predictions(model, arena_pairs(model)).clean_logit_diff.tolist(), sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves folders behind, and takes up what it finds in them the next time."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in FILES:
        shutil.copy(ROOT / file, source)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--wheel-dir", built], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = built.iterdir()
    return path


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def metadata(unpacked: Path) -> Message:
    [info] = unpacked.glob("*.dist-info")
    return Parser().parsestr((info / "METADATA").read_text())


def files_of(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_all_of_the_core_and_nothing_else(unpacked):
    assert {path.name for path in unpacked.iterdir()} == {"ioi_core", f"ioi_explorer-{PROJECT['version']}.dist-info"}
    files = files_of(unpacked / "ioi_core")
    assert files == files_of(ROOT / "ioi_core")
    assert {"py.typed", "data/ioi_lists.json", "demo/model/model.safetensors", "demo/model/vocab.json"} <= files


def test_the_licence_and_the_notices_go_along(unpacked, metadata):
    [licences] = unpacked.glob("*.dist-info/licenses")
    for name in ("LICENSE", "THIRD_PARTY_NOTICES.md"):
        assert (licences / name).read_bytes() == (ROOT / name).read_bytes()
    assert metadata["License-Expression"] == "MIT"


def imported_by(folder: Path) -> set[str]:
    """The top-level modules that the code in `folder` imports, wherever in a file that is."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module or "")
    return {name.partition(".")[0] for name in found}


def test_it_asks_for_exactly_what_the_core_imports(metadata):
    modules = imported_by(ROOT / "ioi_core") - sys.stdlib_module_names - {"ioi_core"}
    providers = importlib.metadata.packages_distributions()
    imports = {canonicalize_name(name) for module in modules for name in providers[module]}
    asked = {canonicalize_name(Requirement(line).name) for line in metadata.get_all("Requires-Dist", [])}
    assert asked == imports


def test_every_range_holds_the_version_that_is_pinned():
    text = (ROOT / "requirements.txt").read_text() + (ROOT / "constraints.txt").read_text()
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", text, re.M))
    for need in map(Requirement, PROJECT["dependencies"]):
        assert {"<", ">="} == {limit.operator for limit in need.specifier}, need
        assert pins[need.name] in need.specifier, need


def test_away_from_the_checkout_it_computes_the_same(unpacked, tmp_path, demo_model: Model):
    environment = os.environ | {"PYTHONPATH": str(unpacked), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", LOGIT_DIFF]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    place, *values = done.stdout.split("\n")[:-1]
    assert Path(place) == unpacked / "ioi_core" / "__init__.py"
    expected = predictions(demo_model, arena_pairs(demo_model)).clean_logit_diff
    assert list(map(float, values)) == pytest.approx(expected.tolist(), abs=1e-4)


def test_the_citation_names_this_version_its_authors_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    [author] = citation["authors"]
    assert f"Copyright (c) 2026 {author['name']}\n" in (ROOT / "LICENSE").read_text()
    assert PROJECT["authors"] == [author]
    [paper] = citation["references"]
    assert [one["family-names"] for one in paper["authors"]] == [
        "Wang", "Variengien", "Conmy", "Shlegeris", "Steinhardt",
    ]  # fmt: skip
    assert paper["url"] in (ROOT / "README.md").read_text()
