"""The served app and a headless Chromium, one of each for all tests in the browser, and a visitor for each test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests import of_all_workers
from tests.browser.visitor import CHROMIUM_NAMES, FLAGS, Visitor, serving


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = ("-m", "streamlit", "run", "app/main.py")
    results = of_all_workers(tmp_path_factory, "served") / "cache"  # what one worker's server computed, others find
    with serving(tmp_path_factory.mktemp("server"), *command, cache=results) as (url, _):
        yield url


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Of this package, not of the session: while Playwright runs, no other test can run an event loop of its own."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright) as browser:
        yield browser


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """A Chromium of its own: a process, with all that it keeps."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        reason = f"NO CHROMIUM FOUND, the app stays untested in a browser: install one of {', '.join(CHROMIUM_NAMES)}"
        if os.environ.get("IOI_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def visitor(chromium: Browser, server: str) -> Iterator[Visitor]:
    visitor = Visitor(chromium, server)
    yield visitor
    visitor.leave()
