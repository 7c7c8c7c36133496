"""A visitor in Chromium who sees the dashboard through the proxy.

`python -m tests.hosting.image.visit URL MODEL PHONE`
Opens every page, compares drawn numbers with what `ioi_core` computes here, and counts any console error, among them
every violation of the proxy's content policy, as a failure. MODEL is what the page must say it shows. Of the bundled
one all parts of all pages are opened, a lesson of the host's own is found, and a class is held, whose phone is kept in
the file PHONE for the next visit.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.load import HEADINGS, WITHOUT_CHARTS
from ioi_core import Model, arena_pairs, load_model, logit_lens, predictions
from tests.browser.conftest import launched
from tests.browser.visitor import WAIT, Visitor, figure
from tests.hosting.image import classroom, proxied

SECRET = "Quixotelsky"
"""A word that this visitor types, and that no log may hold."""

DEMO = "ioi-demo"
OWN_LESSON = "A lesson of the host's own"


def main(url: str, name: str, phone: str) -> None:
    """Visit the dashboard at `url`, which shows what `load_model` gives for the name."""
    model = load_model(name)
    with sync_playwright() as playwright, launched(playwright) as browser:
        visitor = Visitor(browser, url)
        _first_page(visitor, name, model)
        if name == DEMO:
            visitor.open("/prompt", parts="open")
        opened = [_page(visitor, title, model) for title in _titles(visitor.page)]
        assert {*opened} == {*HEADINGS}, "the sidebar leads to other pages"
        _report(visitor)
        if name == DEMO:
            _lessons(visitor)
            classroom.hold(browser, url, Path(phone))
        visitor.open(prompts="own", text=f"When Mary and John met {SECRET}, John gave a drink to", io="Mary", s="John")
        proxied.doors(visitor)
        proxied.uploads(visitor)
        visitor.leave()


def _titles(page: Page) -> list[str]:
    return page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts()


def _first_page(visitor: Visitor, asked: str, model: Model) -> None:
    page = visitor.open("/prompt")
    strip = page.locator(".ioi-strip")
    # It is loaded in the background; ioi-demo stands in.
    while f"Model: {model.name}" not in (strip.text_content() or ""):
        expect(page.get_by_role("button", name=f"Show {asked}")).to_be_visible(timeout=4 * WAIT)
        page = visitor.open("/prompt")
    found = predictions(model, arena_pairs(model))
    clean, corrupted = figure(page, "logit_diff")["traces"]
    np.testing.assert_allclose(clean["y"], found.clean_logit_diff, atol=1e-3)
    np.testing.assert_allclose(corrupted["y"], found.corrupted_logit_diff, atol=1e-3)
    print(f"prompt 1 has logit_diff {clean['y'][0]:+.4f} through the proxy, {found.clean_logit_diff[0]:+.4f} here")


def _page(visitor: Visitor, title: str, model: Model) -> str:
    """Go to a page by the sidebar and see it drawn; its path."""
    page = visitor.go(title)
    for _ in range(3):  # parts of a page start on their own once the rest is drawn, and may have a model of 12 layers
        page.wait_for_timeout(1000)
        expect(page.locator("[class*=st-key-computing]")).to_have_count(0, timeout=10 * WAIT)
    visitor.settled()
    path = urlsplit(page.url).path.strip("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text(HEADINGS[path])
    charts = page.locator(".js-plotly-plot")
    if path not in WITHOUT_CHARTS:
        expect(charts.first).to_be_visible(timeout=WAIT)
    if path == "":
        expect(page.locator(".ioi-example")).to_be_visible()
    if path == "logit_lens":
        curve = figure(page, "logit_lens_curve")["traces"][0]["y"]
        np.testing.assert_allclose(curve, logit_lens(model, arena_pairs(model)).values, atol=1e-3)
    if path == "attention" and model.name == DEMO:  # circuitsvis, in a part, in a frame within a frame
        drawn = page.frame_locator("iframe").first.frame_locator("iframe")
        expect(drawn.locator("#cv")).to_contain_text("Head Selector", timeout=WAIT)
    print(f"{title}: drawn, charts: {charts.count()}")
    return path


def _report(visitor: Visitor) -> None:
    """A figure is pinned, and its page shows it."""
    page = visitor.go("Logit lens")
    curve = figure(page, "logit_lens_curve")["traces"][0]["y"]
    visitor.open_menu("logit_lens_curve")
    page.get_by_role("button", name="Pin to the report").click()
    expect(page.get_by_role("button", name="Pinned")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    visitor.settled()
    page.get_by_role("complementary", name="Report").get_by_role("link").click()
    expect(page.get_by_role("heading", level=2, name="1. Logit lens")).to_be_visible()
    visitor.settled()
    assert figure(page, "report-0-0")["traces"][0]["y"] == curve
    print("Report: shows the pinned figure")


def _lessons(visitor: Visitor) -> None:
    """The list has the app's lessons and the host's own; the first one asks, and shows its answer."""
    page = visitor.go("Lessons")
    listed = page.locator("[class*=st-key-open-] button")
    expect(listed).to_have_count(8)
    expect(listed.filter(has_text=OWN_LESSON)).to_be_visible()
    listed.filter(has_text="First steps").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which name comes next?")
    visitor.settled()
    page.locator(".stMain").get_by_role("radio", name="Tom").check(force=True)
    visitor.settled()
    page.get_by_role("button", name="Show the answer", exact=True).click()
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Tom")
    visitor.settled()
    print("Lessons: the app's and the host's own are listed, the first one asks and answers")


if __name__ == "__main__":
    main(*sys.argv[1:])
