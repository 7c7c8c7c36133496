"""Shared fixtures: random models of several shapes, the bundled model, and TransformerLens as an oracle."""

import atexit
import os
import shutil
import tempfile

# No test reads or writes the user's own cache folder; what needs a folder of its own sets another.
os.environ["IOI_CACHE_DIR"] = tempfile.mkdtemp(prefix="ioi-test-cache-")
# Before Hugging Face is imported, which reads it once: no test waits for the hub or downloads from it. Tests of the
# hub set their own environment in a process of their own. A cache or folder that has the weights is used all the same.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"
# Before torch: its threads then sleep while they wait. Spinning, they slow each other down on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2LMHeadModel

from ioi_core import DEMO_MODEL_DIR, Model, ModelUnavailableError, load_model
from tests.random_models import save_random_gpt2

atexit.register(shutil.rmtree, os.environ["IOI_CACHE_DIR"], ignore_errors=True)


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 layers, 4 heads of 16: a random model with non-trivial LayerNorms and biases."""
    return save_random_gpt2(tmp_path_factory.mktemp("small"), 4, 64, 4)


@pytest.fixture(scope="session")
def gpt2_shaped_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2 small's shape, 124 M random parameters."""
    return save_random_gpt2(tmp_path_factory.mktemp("gpt2_shaped"), 12, 768, 12)


@pytest.fixture(scope="session")
def small_model(small_folder: Path) -> Model:
    return load_model(str(small_folder))


@pytest.fixture(scope="session")
def gpt2_shaped_model(gpt2_shaped_folder: Path) -> Model:
    return load_model(str(gpt2_shaped_folder))


@pytest.fixture(scope="session")
def demo_model() -> Model:
    return load_model("ioi-demo")


@pytest.fixture(scope="session")
def gpt2() -> Iterator[Model]:
    """GPT-2 small's real weights, or a loud skip."""
    try:
        yield load_model("gpt2-small")
    except ModelUnavailableError as error:
        pytest.skip(f"GPT-2 SMALL'S WEIGHTS ARE NOT HERE, published values stay unchecked: {error}")


def oracle_bridge(folder: Path, dtype: torch.dtype = torch.float32) -> TransformerBridge:
    """TransformerLens's own processed model."""
    bridge = TransformerBridge.boot_transformers(str(folder), device="cpu", dtype=dtype)
    bridge.enable_compatibility_mode(disable_warnings=True)
    return bridge


def oracle_gpt2(folder: Path) -> GPT2LMHeadModel:
    """Hugging Face's GPT-2 on the stored weights, nothing folded."""
    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def small_bridge(small_folder: Path) -> TransformerBridge:
    return oracle_bridge(small_folder)


@pytest.fixture(scope="session")
def small_gpt2(small_folder: Path) -> GPT2LMHeadModel:
    return oracle_gpt2(small_folder)


@pytest.fixture(scope="session")
def demo_model_64() -> Model:
    return load_model("ioi-demo", dtype="float64")


@pytest.fixture(scope="session")
def demo_bridge() -> TransformerBridge:
    return oracle_bridge(DEMO_MODEL_DIR, torch.float64)
