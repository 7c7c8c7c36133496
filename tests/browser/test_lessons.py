"""A lesson in the browser: taken by keyboard and by finger, left, found again; its numbers are `ioi_core`'s."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from app.lessons.files.library import library
from app.lessons.steps import Run, answer_step, lesson_pairs
from app.words.phrases import number
from ioi_core import Model, attribute_heads
from tests.browser.every_page.test_access import AXE, violations
from tests.browser.visitor import WAIT, Visitor, figure, in_both_schemes

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 390, "height": 844}


def press(visitor: Visitor, label: str) -> Page:
    visitor.page.get_by_role("button", name=label, exact=True).click()
    return visitor.settled()


def test_a_lesson_is_taken_by_keyboard_left_and_found_again(chromium: Browser, server: str, demo_model: Model) -> None:
    visitor = Visitor(chromium, server)
    page = visitor.open("/", model="ioi-demo")
    page.get_by_role("link", name="New here?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which name comes next?")
    visitor.settled()
    expect(page.locator(".stMain .ioi-says >> visible=true")).to_have_count(0)
    press(visitor, "Show the answer")
    expect(page.get_by_text("choose an answer first")).to_be_visible()
    page.locator(".stMain").get_by_role("radio", name="Tom").focus()
    page.keyboard.press("Space")
    visitor.settled()
    press(visitor, "Show the answer")
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Tom")
    assert "answers=1%3A0" in page.url
    press(visitor, "Next question")
    expect(page.get_by_role("heading", level=1)).to_have_text("How sure is it?")
    page.reload()
    visitor.settled()
    expect(page.get_by_role("heading", level=1)).to_have_text("How sure is it?")
    press(visitor, "Previous question")
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Tom")
    press(visitor, "All lessons")
    page.goto(f"{server}/lessons?model=ioi-demo")  # days later, from the list
    visitor.settled()
    page.get_by_role("link", name="Go on: 1 of 6 answered").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which name comes next?")
    visitor.settled()
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Tom")
    page.goto(f"{server}/?model=ioi-demo")  # nor does the link for newcomers lose it
    visitor.settled()
    page.get_by_role("link", name="New here?").click()
    page.get_by_role("link", name="Go on: 1 of 6 answered").click()
    visitor.settled()
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Tom")
    press(visitor, "Start again")
    expect(page.locator(".stMain .ioi-says >> visible=true")).to_have_count(0)
    assert "answers" not in page.url
    visitor.open("/lessons", model="ioi-demo", lesson="first", step="7", answers="1:0;2:50;3:0;4:2;5:0;6:1")
    press(visitor, "All lessons")
    page.get_by_role("link", name="All answered: what you found").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What you found")
    visitor.settled()
    visitor.leave()


def test_heads_are_answered_by_finger_on_a_phone_and_the_figure_is_the_cores(
    chromium: Browser, server: str, demo_model: Model
) -> None:
    visitor = Visitor(chromium, server, viewport=PHONE, is_mobile=True, has_touch=True)
    page = visitor.open("/lessons", model="ioi-demo", lesson="attribution", step="4")
    page.get_by_role("combobox", name="Heads, as layer.head").fill("4.2")
    page.get_by_role("option", name="4.2", exact=True).tap()
    page.keyboard.press("Escape")
    visitor.settled()
    page.get_by_role("button", name="Show the answer").tap()
    expect(page.locator(".ioi-says")).to_contain_text("Right: those that stand out are 4.1, 4.2 and 5.0")
    visitor.settled()
    lesson = next(one for one in library(None).lessons if one.id == "attribution")
    pairs = lesson_pairs(lesson, demo_model)
    direct = attribute_heads(demo_model, pairs).values
    drawn = figure(page, "lesson_reveal")["traces"][0]
    assert [value for row in drawn["z"] for value in row] == pytest.approx(direct.ravel().tolist(), abs=1e-6)
    compute = lambda request: request.function(demo_model, **request.parameters)  # noqa: E731
    answered = answer_step(lesson.steps[3], Run(demo_model, pairs, compute))
    assert answered.measured.facts["for"] == number(float(direct.max()))
    assert re.search(
        r"the first adds " + re.escape(number(float(direct.max()))), page.locator(".ioi-says").inner_text()
    )
    with page.expect_download(timeout=WAIT) as download:
        page.get_by_role("button", name="Print-out").tap()
    assert download.value.suggested_filename == "lesson_attribution.html"
    visitor.leave()


def test_on_a_phone_the_menu_makes_way_and_links_lead_on_in_the_same_tab(chromium: Browser, server: str) -> None:
    visitor = Visitor(chromium, server, viewport=PHONE, is_mobile=True, has_touch=True)
    page = visitor.open("/lessons", model="ioi-demo", lesson="first", step="1")
    heights = page.locator(".stMain").get_by_test_id("stRadioOption")
    assert [box for box in heights.evaluate_all("all => all.map(one => one.offsetHeight)") if box < 24] == []
    sidebar = page.get_by_test_id("stSidebar")
    page.get_by_test_id("stExpandSidebarButton").tap()
    expect(sidebar).to_have_attribute("data-collapsed", "false")
    sidebar.get_by_role("link", name="Lessons").tap()
    expect(sidebar).to_have_attribute("data-collapsed", "true")
    page = visitor.open("/lessons", model="ioi-demo", lesson="first", step="1", answers="1:0")
    words = page.locator(".st-key-words").get_by_text("Words", exact=True)
    assert words.evaluate("label => label.parentElement.clientWidth") > 24, "an icon alone says too little"
    page.get_by_role("link", name="Look for yourself").tap()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Which name comes next?")
    visitor.settled()
    page.go_back()
    visitor.settled()
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Tom")
    visitor.open("/lessons", model="ioi-demo", lesson="first", step="3", answers="3:0")
    page.get_by_text("The numbers as a table").tap()
    table = page.locator(".ioi-table")
    expect(table.get_by_text("Tom still, who is named more often now")).to_be_visible()
    wide, window = table.evaluate("table => [table.scrollWidth, table.clientWidth]")
    assert wide <= window, "what was answered is cut"
    visitor.open("/lessons", model="ioi-demo", lesson="first", step="2")
    expect(page.locator(".ioi-ends")).to_have_text("0Move the slider.100 % of the probability")
    visitor.open("/lessons", model="ioi-demo", lesson="first", step="7")
    page.get_by_role("link", name="Work on it").tap()
    box = page.get_by_role("textbox", name="Prompts, one a line", exact=True)
    expect(box).to_be_in_viewport()
    assert len(visitor.context.pages) == 1
    visitor.settled()
    sidebar.get_by_role("link", name="Prompt", exact=True).scroll_into_view_if_needed()
    sidebar.get_by_role("link", name="Logit lens").tap()
    expect(sidebar).to_have_attribute("data-collapsed", "true")
    visitor.settled()
    visitor.leave()


ASKED = {
    "choice": ("paths", "3"), "number": ("model", "1"), "cell": ("patching", "3"), "heads": ("attribution", "4"),
    "curve": ("attribution", "1"),
}  # fmt: skip
"""Kind -> lesson and step."""


@pytest.fixture
def views() -> dict[str, dict[str, str]]:
    """The list, an open question of each kind, a reveal with all folded out, the end."""
    asked = {kind: {"lesson": lesson, "step": step} for kind, (lesson, step) in ASKED.items()}
    revealed = {"lesson": "first", "step": "4", "answers": "4:1"}
    return {"list": {}, **asked, "revealed": revealed, "end": {"lesson": "first", "step": "7"}}


def test_nobody_is_kept_out_of_a_lesson(chromium: Browser, server: str, views: dict[str, dict[str, str]]) -> None:
    visitor = Visitor(chromium, server, viewport=PHONE, is_mobile=True, has_touch=True)
    found = {}
    for name, query in views.items():
        page = visitor.open("/lessons", model="ioi-demo", **query)
        closed = page.locator(".stMain details:not([open]) > summary >> visible=true")
        while closed.count():
            closed.first.click()
            visitor.settled()
        page.evaluate(AXE)
        found |= {(scheme, name): violations(page) for scheme in in_both_schemes(page)}
    assert {name: lines for name, lines in found.items() if lines} == {}
    visitor.leave()


@pytest.mark.parametrize("kind", ASKED)
def test_a_question_fits_a_projector(chromium: Browser, server: str, kind: str) -> None:
    """From its words to the button that shows the answer, all that is needed is on the screen at once."""
    visitor = Visitor(chromium, server, viewport={"width": 1280, "height": 720})
    lesson, step = ASKED[kind]
    page = visitor.open("/lessons", model="ioi-demo", size="large", lesson=lesson, step=step)
    words = next(one for one in library(None).lessons if one.id == lesson).steps[int(step) - 1].ask.words
    needed = [page.get_by_role("heading", level=1), page.get_by_text(words).first]
    needed.append(page.get_by_role("button", name="Show the answer"))
    if kind in ("cell", "heads", "curve"):
        needed.append(page.locator(".stMain .js-plotly-plot"))
    for one in needed:
        expect(one).to_be_in_viewport(ratio=0.99)
    visitor.leave()
