"""A model's folder to change."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(small_folder: Path, tmp_path: Path) -> Path:
    """A copy of the small model's folder that a test may change or damage."""
    return Path(shutil.copytree(small_folder, tmp_path / "model"))
