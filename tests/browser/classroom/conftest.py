"""The app as `python -m app` serves it, with the routes of classes, which Streamlit alone has not."""

from collections.abc import Iterator

import pytest

from tests.browser.visitor import serving


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("served"), "-m", "app") as (url, log):
        yield url
    assert "class" not in log.read_text().replace("class_", ""), "no path of a class is logged"
