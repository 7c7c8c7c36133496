"""A link reproduces all that a page's controls hold, and so does Back: every control is changed as by a visitor."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.every_page.controls import change, shown
from tests.browser.every_page.test_access import VIEWS
from tests.browser.test_lessons import ASKED, press
from tests.browser.visitor import WAIT, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.walk]

PROMPTS = {"model": "ioi-demo", "prompts": "generated", "n": "6", "seed": "3"}
"""What all views have; the sidebar's own controls are walked once, on the Prompt page."""

NOT_IN_A_LINK = {
    "head_to_open": "says which head the button beside it opens; the page that it opens has its link",
    "circuit_add": "says what the button beside it adds; what was added is in the link",
    "circuit_add_at": "the same",
    "circuit_set": "says what the button beside it switches off; what is off is in the link",
    "edges_pasted": "is a file from elsewhere, which is only looked at",
    "circuit_name": "says under which name the button beside it keeps a circuit; what is kept is in the link",
}
"""Controls that hold nothing but what a button would do."""

TEXTS = {
    "trail": "logits > 4.1 q",
    "circuit": "-4.1:END",
    "edge_changes": "-4.1->logits",
    "edge_circuit": "embed->4.1<v>, 4.1->logits",
    "kept": "ioi-demo/mine = 3.1:END 2.0:S2",
    "text": "When Tom and Amy met, Tom gave a ring to\n---\nWhen Tom and Amy left, Tom waved to",
    "corrupted": "When Tom and Amy met, Amy gave a ring to\n---\nWhen Tom and Amy left, Amy waved to",
    "io": " Amy",
    "s": " Tom",
    "data": "clean\nWhen Tom and Amy left; Tom waved to\n",
}
"""What is typed into each box for text."""

SOURCES = {
    "generated": PROMPTS,
    "other task": {"model": "ioi-demo", "prompts": "other task", "n": "6"},
    "own": {"model": "ioi-demo", "prompts": "own"},
    "data set": {"model": "ioi-demo", "prompts": "data set", "data": "clean\nWhen Tom and Amy met; Tom waved to\n"},
}


def walk(visitor: Visitor, held: set[str]) -> int:
    """Change every control that the page has or comes to have, but for those that are `held`; return how many.

    Between two changes the page may refuse what is asked for: one answer without the other, say.
    """
    changed: set[str] = set()
    while left := [key for key in shown(visitor.page)["controls"] if key not in changed | held | set(NOT_IN_A_LINK)]:
        changed.add(left[0])
        change(visitor.page, left[0], TEXTS)
    return len(changed)


def in_a_link(found: dict[str, Any]) -> dict[str, Any]:
    """What a page shows, without the controls that have no place in a link."""
    return found | {"controls": {key: held for key, held in found["controls"].items() if key not in NOT_IN_A_LINK}}


def differences(found: dict[str, Any], before: dict[str, Any]) -> dict[str, tuple[object, object]]:
    """Control, figure or part of the page that is not as it was -> what it shows, and what it showed."""

    def flat(page: dict[str, Any]) -> dict[str, object]:
        return {
            f"{part} {name}": value
            for part, values in page.items()
            for name, value in (values if isinstance(values, dict) else dict(enumerate([values]))).items()
        }

    one, other = flat(found), flat(before)
    return {name: (one.get(name), other.get(name)) for name in one | other if one.get(name) != other.get(name)}


def leave_and_return(visitor: Visitor) -> Page:
    """Go to the first page, at once, and Back."""
    page = visitor.page
    path = page.evaluate("location.pathname")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Start").click()
    expect(page.get_by_role("heading", level=1, name="IOI Explorer")).to_be_visible()
    visitor.settled()
    page.go_back()
    page.wait_for_function("path => location.pathname === path", arg=path, timeout=WAIT)
    expect(page.get_by_role("heading", level=1, name="IOI Explorer")).to_have_count(0)
    return visitor.settled()


def check(visitor: Visitor, chromium: Browser) -> None:
    """Back, and a new visitor with the link, find the page as it is."""
    before, address = in_a_link(shown(visitor.page)), visitor.page.url
    leave_and_return(visitor)
    assert differences(in_a_link(shown(visitor.page)), before) == {}, "Back"
    assert visitor.page.url == address
    other = Visitor(chromium, visitor.url)
    other.page.goto(address)
    other.settled()
    assert differences(in_a_link(shown(other.page)), before) == {}, "the link"
    other.leave()


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in ("start", "lessons", "report")])
def test_a_link_and_back_reproduce_every_control_of_a_page(visitor: Visitor, chromium: Browser, view: str) -> None:
    path, query = VIEWS[view]
    page = visitor.open(path, parts="open", **PROMPTS)
    if query and (part := query.get("circuit_part") or query.get("heads_shown")):
        page.get_by_test_id("stButtonGroup").first.get_by_text(part, exact=True).click()
        visitor.settled()
    sidebar = set(shown_in_sidebar(page))
    assert walk(visitor, sidebar | {"shown", "circuit_part", "heads_shown"}) > 0
    check(visitor, chromium)


@pytest.mark.parametrize("source", SOURCES)
def test_a_link_and_back_reproduce_every_control_of_the_sidebar(
    visitor: Visitor, chromium: Browser, source: str
) -> None:
    visitor.open("/prompt", **SOURCES[source])
    assert walk(visitor, {"model", "prompts", "size"}) > 3
    check(visitor, chromium)


def test_a_link_and_back_reproduce_the_seed_of_other_prompts(visitor: Visitor, chromium: Browser) -> None:
    """The walk above leaves this choice for the last of the list, of which there is no seed."""
    page = visitor.open("/edges", edges_other="prompts: another seed", **PROMPTS)
    assert walk(visitor, {*shown_in_sidebar(page), "edges_other"}) > 4
    assert "edges_other_seed=" in page.url
    check(visitor, chromium)


@pytest.mark.parametrize("kind", ASKED)
def test_a_link_and_back_reproduce_a_step_of_a_lesson_and_its_answer(
    visitor: Visitor, chromium: Browser, kind: str
) -> None:
    lesson, step = ASKED[kind]
    page = visitor.open("/lessons", model="ioi-demo", lesson=lesson, step=step)
    check(visitor, chromium)
    for key in [key for key in shown(page)["controls"] if key.startswith("lesson-")]:
        change(page, key, {})
    press(visitor, "Show the answer")
    expect(page.locator(".ioi-says").first).to_be_visible(timeout=WAIT)
    assert f"answers={step}%3A" in page.url
    check(visitor, chromium)


def shown_in_sidebar(page: Page) -> list[str]:
    keys = "boxes => boxes.flatMap(box => [...box.classList]).filter(name => name.startsWith('st-key-'))"
    found = page.get_by_test_id("stSidebar").locator("[class*=st-key-]").evaluate_all(keys)
    return [key.removeprefix("st-key-") for key in found]
