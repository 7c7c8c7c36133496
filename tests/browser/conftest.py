"""The served app and a headless Chromium, one of each for all tests in the browser, and a visitor for each test."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests import ROOT
from tests.browser.visitor import CHROMIUM_NAMES, FLAGS, Visitor, wait_until_healthy


@pytest.fixture(scope="package")
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
            process.wait(60)
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Of this package, not of the session: while Playwright runs, no other test can run an event loop of its own."""
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
