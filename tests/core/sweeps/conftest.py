"""A small random model in float64, in which blocks differ from the whole by rounding of 1e-12 and not of 1e-6."""

from pathlib import Path

import pytest

from ioi_core import Model, load_model
from tests.models.random_gpt2 import save_random_gpt2


@pytest.fixture(scope="package")
def exact_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder: Path = save_random_gpt2(tmp_path_factory.mktemp("exact"), 2, 24, 2, seed=3)
    return load_model(str(folder), dtype="float64")
