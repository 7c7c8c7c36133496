"""A lesson in the browser: taken by keyboard and by finger, left, found again; its numbers are `ioi_core`'s."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from app.lessons.library import library
from app.lessons.steps import Run, answer_step, lesson_pairs
from app.words.phrases import number
from ioi_core import Model, attribute_heads
from tests.browser.visitor import WAIT, Visitor, figure

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 390, "height": 844}


def press(visitor: Visitor, label: str) -> Page:
    visitor.page.get_by_role("button", name=label, exact=True).click()
    return visitor.settled()


def test_a_lesson_is_taken_by_keyboard_left_and_found_again(chromium: Browser, server: str, demo_model: Model) -> None:
    visitor = Visitor(chromium, server)
    page = visitor.open("/", model="ioi-demo")
    page.get_by_role("link", name="Never met a head?").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which name comes next?")
    visitor.settled()
    expect(page.locator(".stMain .ioi-says >> visible=true")).to_have_count(0)
    press(visitor, "Show the answer")
    expect(page.get_by_text("choose an answer first")).to_be_visible()
    page.locator(".stMain").get_by_role("radio", name="Mary").focus()
    page.keyboard.press("Space")
    visitor.settled()
    press(visitor, "Show the answer")
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Mary")
    assert "answers=1%3A0" in page.url
    press(visitor, "Next question")
    expect(page.get_by_role("heading", level=1)).to_have_text("How sure is it?")
    page.reload()
    visitor.settled()
    expect(page.get_by_role("heading", level=1)).to_have_text("How sure is it?")
    press(visitor, "Back")
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Mary")
    press(visitor, "All lessons")
    page.goto(f"{server}/lessons?model=ioi-demo")  # days later, from the list
    visitor.settled()
    page.get_by_role("link", name="Go on: 1 of 6 answered").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Which name comes next?")
    visitor.settled()
    expect(page.locator(".ioi-says")).to_contain_text("Right: it is Mary")
    press(visitor, "Start again")
    expect(page.locator(".stMain .ioi-says >> visible=true")).to_have_count(0)
    assert "answers" not in page.url
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
