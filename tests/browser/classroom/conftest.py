"""The app as `python -m app` serves it, with the routes of classes, which Streamlit alone has not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import ROOT
from tests.browser.visitor import wait_until_healthy


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("served")
    log = folder / "log"
    environment = {k: v for k, v in os.environ.items() if k != "IOI_MODEL_DIR"}
    environment |= {"HF_HUB_OFFLINE": "1", "IOI_CACHE_DIR": str(folder / "cache")}
    with log.open("wb") as output:
        command = [sys.executable, "-m", "app", "--server.port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://localhost:{port}"
            wait_until_healthy(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(60)
    assert "Traceback" not in log.read_text(), log.read_text()
    assert "class" not in log.read_text().replace("class_", ""), "no path of a class is logged"
