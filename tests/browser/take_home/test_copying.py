"""Texts that are copied by one press: by mouse, keyboard and touch, with and without the browser's clipboard."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.every_page.test_access import AXE, PHONE, violations
from tests.browser.visitor import WAIT, Visitor, figure

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SELECTED = "This browser does not let a page copy. The text is selected: copy it yourself."
WITHOUT = {
    "clipboard": "Object.defineProperty(navigator, 'clipboard', { value: null, configurable: true })",
    "any way": "Object.defineProperty(navigator, 'clipboard', { value: null }); document.execCommand = () => false",
}
"""What a browser is like for plain http from another machine, and one that is closed altogether."""


def menu(chromium: Browser, server: str, **device: object) -> Iterator[Visitor]:
    visitor = Visitor(chromium, server, **device)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open("/activation_patching", model="ioi-demo", site="v", direction="noising")
    figure(page, "patch_heatmap")
    visitor.settled()
    visitor.open_menu("patch_heatmap")
    page.evaluate("navigator.clipboard.writeText('what was there before')")
    yield visitor
    visitor.context.clear_permissions()
    visitor.leave()


@pytest.fixture
def laptop(chromium: Browser, server: str) -> Iterator[Visitor]:
    yield from menu(chromium, server)


@pytest.fixture
def phone(chromium: Browser, server: str) -> Iterator[Visitor]:
    yield from menu(chromium, server, viewport=PHONE, has_touch=True)


def by_mouse(button: Locator) -> None:
    button.click()


def by_keyboard(button: Locator) -> None:
    button.focus()
    button.press("Enter")


def by_touch(button: Locator) -> None:
    button.tap()


def copied(page: Page, label: str, press: Callable[[Locator], None]) -> str:
    """What is in the clipboard once a button is pressed and has said so."""
    room = page.locator(".ioi-copy").filter(has=page.get_by_role("button", name=label, exact=True))
    said = room.get_by_role("status")
    said.evaluate("status => { status.stillThere = true; }")
    press(room.get_by_role("button", name=label, exact=True))
    expect(said).to_have_text("Copied")
    assert said.evaluate("status => status.stillThere"), "a new region announces nothing"
    text = page.evaluate("delete navigator.clipboard, navigator.clipboard.readText()")
    assert text == room.locator("pre").evaluate("shown => shown.textContent")
    return text


def asserts_its_figure(text: str, page: Page) -> None:
    """The Python that was copied gives the numbers of the figure above it."""
    names: dict = {}
    exec(compile(text, "copied", "exec"), names)
    [drawn] = [trace["z"] for trace in figure(page, "patch_heatmap")["traces"] if trace["z"]]
    assert np.allclose(names["effects"].mean(-1), np.array(drawn, dtype=float), atol=1e-4)


def test_by_mouse_the_link_and_by_keyboard_the_python_with_nothing_in_anybodys_way(laptop: Visitor):
    page = laptop.page
    box = page.get_by_test_id("stPopoverBody").bounding_box()
    assert box is not None
    assert box["height"] > 300  # wherever on the screen its button stands
    page.evaluate(AXE)
    assert violations(page) == []
    assert copied(page, "Copy link", by_mouse) == page.url
    expect(page.locator(".ioi-copy pre").first).to_be_visible()  # for whoever copies by hand
    asserts_its_figure(copied(page, "Copy as Python", by_keyboard), page)
    expect(page.locator(".ioi-copy").first.get_by_role("status")).to_be_empty()  # the clipboard holds one
    page.get_by_text("Show the Python").click()
    page.evaluate(AXE)
    assert violations(page) == []
    assert copied(page, "Copy citation", by_keyboard).startswith("The IOI Explorer authors.")
    assert copied(page, "Copy BibTeX", by_mouse).startswith("@software{")


def test_by_touch_on_a_phone(phone: Visitor):
    page = phone.page
    assert copied(page, "Copy link", by_touch) == page.url
    assert "ioi_core.patch_activations(" in copied(page, "Copy as Python", by_touch)
    page.evaluate(AXE)
    assert violations(page) == []
    box = page.get_by_role("button", name="Copy as Python").bounding_box()
    assert box is not None
    assert box["height"] >= 40  # a finger's


@pytest.mark.parametrize("press", [by_mouse, by_keyboard])
def test_where_the_browser_gives_no_clipboard(laptop: Visitor, press: Callable[[Locator], None]):
    page = laptop.page
    page.evaluate(WITHOUT["clipboard"])
    text = copied(page, "Copy as Python", press)
    asserts_its_figure(text, page)
    expect(page.get_by_role("button", name="Copy as Python")).to_be_focused()
    expect(page.locator(".ioi-copy textarea")).to_have_count(0)


def test_where_nothing_may_be_copied_the_text_is_selected(laptop: Visitor):
    page = laptop.page
    page.evaluate(WITHOUT["any way"])
    expect(page.locator(".ioi-copy pre").nth(1)).to_be_hidden()
    page.get_by_role("button", name="Copy as Python").click()
    expect(page.locator(".ioi-copy").nth(1).get_by_role("status")).to_have_text(SELECTED)
    shown = page.locator(".ioi-copy pre").nth(1)
    expect(shown).to_be_visible(timeout=WAIT)
    assert page.evaluate("getSelection().toString()").strip() == shown.inner_text().strip()
