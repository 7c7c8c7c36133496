"""A live class through the proxy: begun below a lesson, joined and voted in on a phone, and there after a restart.

`python -m tests.hosting.image.classroom URL PHONE`: the same where there are two replicas, the teacher at the first and
the phone at the second.
"""

import json
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.classroom.test_class import LAPTOP, PHONES, Member, answer
from tests.browser.conftest import launched
from tests.browser.embed.hosted import lead
from tests.browser.visitor import Visitor


def hold(browser: Browser, url: str, kept: Path, replicas: int = 1) -> None:
    """Begin a class and vote in it; or, if `kept` says of one that was begun, find its phone's answer again."""
    phone = Member(browser, url, PHONES[1])
    lead(phone.context, url, replicas - 1, replicas)
    if kept.exists():
        _find(phone, f"{url}/class", **json.loads(kept.read_text()))
    else:
        host, teacher = Visitor(browser, url), Member(browser, url, LAPTOP)
        for one in (host, teacher):
            lead(one.context, url, 0, replicas)
        kept.write_text(json.dumps(_begin(host, teacher, phone)))
        host.leave()
        _leave(teacher)
    _leave(phone)


def _begin(visitor: Visitor, teacher: Member, phone: Member) -> dict[str, object]:
    page = visitor.open("/lessons", model="ioi-demo", lesson="first", step="1")
    page.get_by_text("Teach it: a class on this lesson").click()
    page.get_by_role("button", name="Start a class").click()
    to_teacher = page.get_by_role("link", name="Open the teacher's page").get_attribute("href")
    visitor.settled()
    link = page.locator("code").filter(has_text="/class#").inner_text().strip()
    assert link.startswith(f"{visitor.url}/class#"), f"phones are sent to {link}"
    teacher.page.goto(to_teacher or "")
    phone.page.goto(link)
    expect(phone.page.locator("#status")).to_have_text("You have joined. The class begins soon.")
    expect(teacher.page.get_by_text("1 phone joined")).to_be_visible()
    teacher.page.locator("button.big").click()
    answer(phone.page, 0, "Send my answer")
    expect(teacher.page.get_by_text("1 of 1 student answered")).to_be_visible()
    print("Class: begun below a lesson, joined and voted in")
    return {"link": link, "kept": phone.page.evaluate("({ ...localStorage })")}


def _find(phone: Member, page: str, link: str, kept: dict[str, str]) -> None:
    """The phone comes back, with what its browser kept."""
    phone.page.goto(page)
    phone.page.evaluate("kept => Object.assign(localStorage, kept)", kept)
    phone.page.goto(link)
    expect(phone.page.get_by_text("Your answer is in:")).to_be_visible()
    print("Class: the phone's answer is still there")


def _leave(member: Member) -> None:
    member.context.close()
    assert member.complaints == []


def main(url: str, phone: str) -> None:
    """Hold a class at the first of two replicas, for a phone at the second."""
    with sync_playwright() as playwright, launched(playwright) as browser:
        hold(browser, url, Path(phone), replicas=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
