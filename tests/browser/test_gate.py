"""The gate in a real browser: the waiting page lets a visitor in by itself, to the view of the link that was opened."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.load import serving
from tests.browser.visitor import WAIT, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def one_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("gate"), warm=False, IOI_MAX_SESSIONS="1") as server:
        yield f"http://127.0.0.1:{server.port}"


def test_a_visitor_waits_and_comes_in_when_the_other_closes_the_tab(chromium: Browser, one_place: str):
    first, second = Visitor(chromium, one_place), Visitor(chromium, one_place)
    first.open("/", model="ioi-demo")
    second.page.goto(f"{one_place}/logit_lens?model=ioi-demo&prompts=generated&n=12&seed=3")
    expect(second.page.get_by_role("heading", name="Every place is taken")).to_be_visible(timeout=WAIT)
    notice = second.page.get_by_role("status").filter(has_text="room for 1")
    expect(notice).to_contain_text("You are next.")
    second.page.wait_for_timeout(5000)  # two of its own questions later
    expect(notice).to_be_visible()
    first.leave()
    expect(second.page.get_by_role("heading", name="Where in the model")).to_be_visible(timeout=WAIT)
    second.settled()
    expect(second.page.locator(".ioi-strip")).to_contain_text("Prompts: 12")
    expect(second.page).to_have_url(re.compile(r"/logit_lens\?.*n=12"))
    expect(second.page.get_by_text("Every place is taken")).to_be_hidden()
    second.leave()
