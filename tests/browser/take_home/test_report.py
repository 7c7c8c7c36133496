"""The report in the browser: pinned on pages, kept by the browser, changed on its own page, taken home."""

import json
import re
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from app.report.pins import Pin, read, written
from tests.browser.visitor import WAIT, Visitor, figure, part

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LENS = Pin("logit_lens?model=ioi-demo", "logit_lens_curve")
SITES = Pin("heads?part_patched=true&model=ioi-demo&head=2.3", "head_sites")


def pin(visitor: Visitor, one: Pin) -> None:
    visitor.page.goto(f"{visitor.url}/{one.view}")
    visitor.settled()
    visitor.open_menu(one.figure)
    visitor.page.get_by_role("button", name="Pin to the report").click()
    expect(visitor.page.get_by_role("button", name="Pinned")).to_have_attribute("aria-pressed", "true")
    visitor.page.keyboard.press("Escape")
    visitor.settled()


def tray(page: Page):
    return page.get_by_role("complementary", name="Report").get_by_role("link")


def kept(page: Page) -> list[Pin]:
    return [Pin(*one) for one in json.loads(page.evaluate("localStorage['ioi-report'] || '[]'"))]


def expect_titles(page: Page, *titles: str) -> None:
    expect(page.get_by_role("heading", level=2, name=re.compile(r"^\d+\. "))).to_have_text(
        [f"{n}. {title}" for n, title in enumerate(titles, 1)], timeout=WAIT
    )


def test_figures_are_pinned_noted_ordered_and_kept(visitor: Visitor):
    page = visitor.page
    pin(visitor, LENS)
    lens = figure(page, LENS.figure)["traces"][0]["y"]
    expect(tray(page)).to_have_text("Report: 1 figure")
    pin(visitor, SITES)
    expect(tray(page)).to_have_text("Report: 2 figures")
    assert kept(page) == [LENS, SITES]
    tray(page).click()
    expect_titles(page, "Logit lens", "Heads")
    visitor.settled()
    expect(tray(page)).to_be_hidden()
    assert figure(page, "report-0-0")["traces"][0]["y"] == lens
    box = page.get_by_role("textbox", name="Your line").first
    box.fill("= the name <b>appears</b> late")
    box.press("Tab")
    visitor.settled()
    page.get_by_role("button", name="Later").first.click()
    expect_titles(page, "Heads", "Logit lens")
    noted = Pin(LENS.view, LENS.figure, "= the name <b>appears</b> late")
    page.wait_for_function("localStorage['ioi-report'].startsWith('[[\"heads')")
    assert kept(page) == [SITES, noted]
    page.reload()
    expect_titles(page, "Heads", "Logit lens")
    expect(page.get_by_role("textbox", name="Your line").last).to_have_value(noted.note)
    visitor.settled()
    page.get_by_role("button", name="Take the report home").click()
    expect(page.get_by_role("button", name="Copy link")).to_be_visible()
    link = page.get_by_role("group", name="link to this report").inner_text()
    assert read(parse_qs(urlsplit(link).query)["pins"][0]) == kept(page)
    found = {}
    for name in ("Notebook", "Web page", "Tables (ZIP)"):
        with page.expect_download(timeout=WAIT) as download:
            page.get_by_role("button", name=name, exact=True).click()
        found[name] = Path(download.value.path())
    text = found["Notebook"].read_text()
    assert text.count("FINGERPRINT =") == 1, "one model for both"
    assert "&#61; the name &#60;b&#62;appears" in text
    with zipfile.ZipFile(found["Tables (ZIP)"]) as files:
        assert sum(name.endswith(".csv") for name in files.namelist()) == 4  # each with every prompt's
    page.keyboard.press("Escape")
    visitor.settled()
    page.get_by_role("button", name="Remove").first.click()
    expect_titles(page, "Logit lens")
    page.wait_for_function("!localStorage['ioi-report'].includes('heads')")
    assert kept(page) == [noted]


def test_the_web_page_of_a_report_needs_no_network(visitor: Visitor, chromium: Browser):
    page = visitor.open("/report", pins=written([LENS, SITES]))
    expect_titles(page, "Logit lens", "Heads")
    visitor.settled()
    page.get_by_role("button", name="Take the report home").click()
    with page.expect_download(timeout=WAIT) as download:
        page.get_by_role("button", name="Web page", exact=True).click()
    file = Path(download.value.path())
    context = chromium.new_context(offline=True)
    home, complaints = context.new_page(), []
    home.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    home.goto(file.rename(file.with_suffix(".html")).as_uri())
    expect(home.locator(".js-plotly-plot .main-svg").nth(1)).to_be_attached(timeout=WAIT)
    context.close()
    assert complaints == []


def test_somebody_elses_report_does_not_replace_ones_own(visitor: Visitor):
    page = visitor.page
    pin(visitor, LENS)
    visitor.open("/report", pins=written([SITES]))
    expect_titles(page, "Heads")
    visitor.settled()
    expect(tray(page)).to_have_text("Your own report: 1 figure")
    box = page.get_by_role("textbox", name="Your line")
    box.fill("theirs")
    box.press("Tab")
    page.wait_for_url(lambda url: "theirs" in str(read(url.split("pins=")[1].split("&")[0])), timeout=WAIT)
    visitor.settled()
    assert kept(page) == [LENS]
    page.get_by_role("button", name="keep it instead of yours").click()
    assert kept(page) == [Pin(SITES.view, SITES.figure, "theirs")]
    expect(tray(page)).to_be_hidden()


def test_a_figure_is_taken_out_where_it_was_pinned_by_keyboard(visitor: Visitor):
    page = visitor.page
    pin(visitor, LENS)
    page.reload()
    visitor.settled()
    expect(tray(page)).to_have_text("Report: 1 figure")
    visitor.open_menu(LENS.figure)
    page.get_by_role("button", name="Pinned").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pin to the report")).to_have_attribute("aria-pressed", "false")
    expect(tray(page)).to_have_count(0)
    assert kept(page) == []
    part(page, "What would each layer say").click()
    visitor.settled()


def test_the_report_is_full_at_thirty(visitor: Visitor):
    page = visitor.open(f"/{LENS.view.split('?')[0]}", model="ioi-demo")
    full = json.dumps([["heads?model=ioi-demo", f"f{n}", ""] for n in range(30)])
    page.evaluate("full => { localStorage['ioi-report'] = full; }", full)
    visitor.open_menu(LENS.figure)
    page.get_by_role("button", name="Pin to the report").click()
    expect(page.get_by_role("button", name="The report is full: it has 30 figures")).to_be_visible()
    assert len(kept(page)) == 30
