"""Shared fixtures: random models of several shapes, the bundled model, TransformerLens; and how workers share tests."""

import atexit
import gc
import os
import shutil
import tempfile

# No test reads or writes the user's own cache folder; what needs a folder of its own sets another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["IOI_CACHE_DIR"] += "/" + os.environ["PYTEST_XDIST_WORKER"]
else:
    os.environ["IOI_CACHE_DIR"] = tempfile.mkdtemp(prefix="ioi-test-cache-")
    atexit.register(shutil.rmtree, os.environ["IOI_CACHE_DIR"], ignore_errors=True)
# Before Hugging Face is imported, which reads it once: no test waits for the hub or downloads from it. Tests of the
# hub set their own environment in a process of their own. A cache or folder that has the weights is used all the same.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"
# Before torch: its threads then sleep while they wait. Spinning, they slow each other down on a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core a worker: threads of one would take another's
    gc.disable()  # until all is imported and collected

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from hypothesis import HealthCheck, settings
from streamlit.components.v2 import manifest_scanner
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2LMHeadModel
from xdist.scheduler import LoadFileScheduling

from app.hosting import models, services
from app.hosting.models import ResidentModels
from ioi_core import DEMO_MODEL_DIR, Model, ModelUnavailableError, load_model
from tests import of_all_workers
from tests.app.pages import Loader
from tests.fuzz import TIMES
from tests.models.random_gpt2 import save_random_gpt2
from tests.oracles.peers import oracle_bridge, oracle_gpt2

# Each app of Streamlit's tests looks through all installed packages for components: most of the time of a test.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
# A process does this after each model that it loads, and all tests of one share a model: a third of the time of a test.
models.settle_memory = cache(models.settle_memory)
# A busy machine is no reason to fail: no example is timed. And what passes once passes again: the usual run tries the
# same cases every time, a long one (`make fuzz`) new ones.
settings.register_profile(
    "of this run",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=50 * TIMES,
    derandomize=TIMES == 1,
)
settings.load_profile("of this run")


class ByRoom(LoadFileScheduling):
    """A file's tests stay with one worker, and so do those of rooms that share what takes long to make."""

    _ROOMS = (
        # A server and a Chromium for each room of these, which take about as long as each other.
        ("tests/browser/every_page/test_access", "tests/browser/every_page/test_form"),
        ("tests/browser/every_page/",),
        ("tests/browser/test_",),
        ("tests/browser/",),
        ("tests/app/take_home/", "tests/app/report/"),  # every figure of every page
    )

    def _split_scope(self, nodeid: str) -> str:
        if "gpt2_shaped" in nodeid:
            return "gpt2_shaped"  # its 124 M parameters are loaded by one worker, not by all
        return next((room[0] for room in self._ROOMS if nodeid.startswith(room)), super()._split_scope(nodeid))


def pytest_collection_finish() -> None:
    """Look no more through what stays for garbage: that was a seventh of the suite's time."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByRoom:
    return ByRoom(config, log)


def made_once(factory: pytest.TempPathFactory, name: str, save: Callable[[Path], Path]) -> Path:
    """Return a folder that the first worker to ask for it makes, and all others find."""
    folder = of_all_workers(factory, name)
    with FileLock(f"{folder}.lock"):
        return folder if folder.exists() else save(folder)


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 layers, 4 heads of 16: a random model with non-trivial LayerNorms and biases."""
    return made_once(tmp_path_factory, "small", lambda folder: save_random_gpt2(folder, 4, 64, 4))


@pytest.fixture(scope="session")
def gpt2_shaped_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2 small's shape, 124 M random parameters."""
    return made_once(tmp_path_factory, "gpt2_shaped", lambda folder: save_random_gpt2(folder, 12, 768, 12))


@pytest.fixture(scope="session")
def small_model(small_folder: Path) -> Model:
    return load_model(str(small_folder))


@pytest.fixture(scope="session")
def gpt2_shaped_model(gpt2_shaped_folder: Path) -> Model:
    return load_model(str(gpt2_shaped_folder))


@pytest.fixture(scope="session")
def gpt2_shaped_bridge(gpt2_shaped_folder: Path) -> TransformerBridge:
    return oracle_bridge(gpt2_shaped_folder)


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


@pytest.fixture(scope="session")
def kept_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pages without a browser keep results: what one test computed, others find. No number depends on it."""
    return of_all_workers(tmp_path_factory, "kept") / "cache"


@pytest.fixture
def loader(demo_model: Model, monkeypatch: pytest.MonkeyPatch, kept_results: Path) -> Iterator[Loader]:
    loader = Loader(demo_model)
    monkeypatch.setenv("IOI_CACHE_DIR", str(kept_results))
    monkeypatch.setattr(services, "ResidentModels", lambda **options: ResidentModels(loader, **options))
    for shared in (services.models, services.settings, services.computations):
        shared.clear()
    yield loader
    loader.gate.set()
    for shared in (services.models, services.settings, services.computations):
        shared.clear()
