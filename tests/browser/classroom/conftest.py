"""The app as `python -m app` serves it, with the routes of classes, which Streamlit alone has not."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser.conftest import launched
from tests.browser.visitor import serving


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("served"), "-m", "app") as (url, log):
        yield url
    assert "class" not in log.read_text().replace("class_", ""), "no path of a class is logged"


@pytest.fixture(scope="package")
def phones_browser(playwright: Playwright) -> Iterator[Browser]:
    """A browser of the phones' own: another process than the teacher's."""
    with launched(playwright) as browser:
        yield browser
