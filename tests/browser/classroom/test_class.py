"""A whole class in two browsers: the teacher, who starts it below a lesson, and a projector in one; three phones."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.every_page.test_access import AXE, violations
from tests.browser.visitor import WAIT, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROJECTOR, LAPTOP = {"width": 1280, "height": 720}, {"width": 1366, "height": 768}
PHONES = ({"width": 320, "height": 640}, {"width": 390, "height": 844}, {"width": 390, "height": 844})


class Member:
    """Somebody with a page of a class; what the browser complains of, and requests elsewhere, fail the test."""

    def __init__(self, browser: Browser, url: str, size: dict[str, int], scheme: str = "light"):
        self.context: BrowserContext = browser.new_context(
            viewport=size, color_scheme=scheme, has_touch=size["width"] < 500
        )
        self.context.set_default_timeout(WAIT)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda sent: sent.url.startswith((url, "blob:")) or self.complaints.append(sent.url))

    def is_well(self, phase: str) -> None:
        """axe-core finds nothing, and nothing is wider than the window."""
        self.page.evaluate(AXE)
        assert violations(self.page) == [], phase
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window, phase


@contextmanager
def members(browser: Browser, theirs: Browser, url: str) -> Iterator[tuple[Member, list[Member]]]:
    projector = Member(browser, url, PROJECTOR)
    phones = [
        Member(theirs, url, size, scheme) for size, scheme in zip(PHONES, ("light", "dark", "light"), strict=True)
    ]
    try:
        yield projector, phones
        assert [one.complaints for one in (projector, *phones)] == [[]] * 4
    finally:
        for one in (projector, *phones):
            one.context.close()


def announced(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#status")).to_have_text(text)


def test_a_class_from_its_start_to_the_reveal(chromium: Browser, phones_browser: Browser, served: str):
    host = Visitor(chromium, served, viewport=LAPTOP)
    page = host.open("/lessons", model="ioi-demo", lesson="first", step="1")
    page.get_by_text("Teach it: a class on this lesson").click()
    page.get_by_role("button", name="Start a class").click()
    link = page.get_by_role("link", name="Open the teacher's page")
    expect(link).to_be_visible()
    expect(page.get_by_alt_text(re.compile("QR code"))).to_be_in_viewport(ratio=0.9)  # by itself: it stands at the end
    host.settled()
    teacher_link, screen_link = (
        page.get_by_role("link", name=name).get_attribute("href")
        for name in ("Open the teacher's page", "Open the projector's page")
    )
    join_link = page.locator("code").filter(has_text="/class#").inner_text().strip()
    code = join_link.rpartition("#")[2]
    assert join_link == f"{served}/class#{code}"
    image = page.get_by_alt_text(re.compile("QR code that opens the class"))
    assert page.wait_for_function("image => image.naturalWidth > 0", arg=image.element_handle())
    host.leave()

    teacher = Member(chromium, served, LAPTOP)
    teacher.page.goto(teacher_link)
    with members(chromium, phones_browser, served) as (projector, phones):
        projector.page.goto(screen_link)
        first, second, third = phones
        first.page.goto(f"{served}/class")
        expect(first.page.get_by_role("heading", name="Join a class")).to_be_visible()
        expect(first.page.get_by_text("Here all are gone 24 hours after the class was started.")).to_be_visible()
        first.is_well("join")
        first.page.get_by_label("Code").fill("AAAA")
        first.page.get_by_role("button", name="Join").click()
        expect(first.page.get_by_text("A code has eight letters and digits")).to_be_visible()
        first.page.get_by_label("Code").fill(f"{code[:4]}-{code[4:]}".lower())
        first.page.get_by_role("button", name="Join").click()
        for phone in (second, third):
            phone.page.goto(join_link)
        for phone in phones:
            announced(phone.page, "You have joined. The class begins soon.")
        expect(projector.page.locator(".count")).to_have_text("3")
        projector.is_well("waiting")
        teacher.is_well("waiting")

        press = teacher.page.locator("button.big")
        expect(teacher.page.get_by_text("3 phones joined")).to_be_visible()
        press.click()
        asked = projector.page.locator("h2").first
        expect(asked).to_be_visible()
        question = asked.inner_text()
        for phone in phones:
            announced(phone.page, f"New question: {question}")
        expect(projector.page.locator("ul.choices li").first).to_be_visible()
        projector.is_well("open")

        answer(first.page, 0, "Send my answer")
        answer(second.page, 1, "Send my answer")
        third.context.set_offline(True)  # the network drops just as the teacher goes on
        expect(projector.page.locator(".count")).to_have_text("2 of 3")
        first.is_well("answered")
        second.is_well("answered, dark")
        before = projector.page.content() + first.page.content()
        press.click()
        announced(first.page, "The vote is closed.")
        expect(first.page.get_by_role("button", name="Change my answer")).to_have_count(0)
        third.complaints.clear()
        third.context.set_offline(False)
        announced(third.page, "The vote is closed.")
        third.complaints.clear()  # the browser says itself that it had no network
        shown = teacher.page.get_by_text("Answers so far, for you alone")
        shown.click()
        expect(teacher.page.get_by_text(re.compile(r"Right answers: \d of 2 at first"))).to_be_visible()
        teacher.is_well("closed")

        press.click()
        announced(second.page, "Discuss with your neighbours. A second vote follows.")
        for member in (projector, second):
            expect(member.page.locator("#main").get_by_text("Find somebody near you who answered")).to_be_visible()
        second.page.reload()  # the phase is the server's, and so is the answer
        announced(second.page, "Discuss with your neighbours. A second vote follows.")
        expect(second.page.get_by_text("Your answer: ")).to_be_visible()
        second.is_well("discuss")
        press.click()
        for n, phone in enumerate(phones):
            announced(phone.page, f"Second vote: {question}")
            answer(phone.page, (0, 0, 1)[n], "Send my second answer")
        expect(projector.page.locator(".count")).to_have_text("3 of 3")
        teacher.page.get_by_role("button", name="Let 30 simulated students answer").click()
        expect(projector.page.locator(".count")).to_have_text("33 of 33")
        assert "Right answers:" not in projector.page.content() + before
        press.click()
        announced(third.page, "The vote is closed.")
        press.click()
        for member in (projector, *phones):
            expect(
                member.page.get_by_text(re.compile(r"Right answers: \d of 2 at first, \d+ of 33 in the second vote\."))
            ).to_be_visible()
            expect(member.page.get_by_role("table", name="Who changed between the votes")).to_be_visible()
            expect(member.page.locator(".bar .before + span")).to_have_text(["1 at first", "1 at first", "0 at first"])
            member.is_well("reveal")
        expect(first.page.get_by_text(re.compile("^(Right|Not quite): "))).to_be_visible()
        with teacher.page.expect_download() as saved:
            teacher.page.get_by_role("button", name="Save all answers as CSV").click()
        rows = saved.value.path().read_text(encoding="utf-8-sig").splitlines()
        assert len(rows) == 1 + 33
        teacher.is_well("reveal")
    assert teacher.complaints == []
    teacher.context.close()


def answer(page: Page, choice: int, button: str) -> None:
    page.get_by_role("radio").nth(choice).check()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text("Your answer is in:")).to_be_visible()
