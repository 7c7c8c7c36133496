"""Shared fixtures: random models of several shapes, the bundled model, TransformerLens, visitors in Chromium."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
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
from playwright.sync_api import Browser, sync_playwright
from transformer_lens.model_bridge import TransformerBridge
from transformers import GPT2LMHeadModel

from app.hosting import services
from app.hosting.models import ResidentModels
from ioi_core import DEMO_MODEL_DIR, Model, ModelUnavailableError, load_model
from tests import ROOT
from tests.app.pages import Loader
from tests.browser.visitor import CHROMIUM_NAMES, FLAGS, Visitor, wait_until_healthy
from tests.models.random_gpt2 import save_random_gpt2
from tests.oracles.peers import oracle_bridge, oracle_gpt2

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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    log = folder / "log"
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    environment = {k: v for k, v in os.environ.items() if k != "IOI_MODEL_DIR"}
    environment |= {"HF_HUB_OFFLINE": "1", "IOI_CACHE_DIR": str(folder / "cache")}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://localhost:{port}"
            wait_until_healthy(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        reason = f"NO CHROMIUM FOUND, the app stays untested in a browser: install one of {', '.join(CHROMIUM_NAMES)}"
        if os.environ.get("IOI_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser, server: str) -> Iterator[Visitor]:
    visitor = Visitor(chromium, server)
    yield visitor
    visitor.leave()


@pytest.fixture
def loader(demo_model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Loader]:
    loader = Loader(demo_model)
    monkeypatch.setenv("IOI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(services, "ResidentModels", lambda: ResidentModels(loader))
    for shared in (services.models, services.settings, services.computations):
        shared.clear()
    yield loader
    loader.gate.set()
    for shared in (services.models, services.settings, services.computations):
        shared.clear()
