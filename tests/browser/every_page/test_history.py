"""Addresses, history and titles in a real browser: one entry a page, Back to the page as it was, tabs told apart."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import WAIT, Visitor, part, pick
from tests.models.bundled import MOVERS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AT_REST = 2500
"""Milliseconds after which the address is the page's own (app/shell/history.js)."""


def address(page: Page) -> tuple[str, dict[str, list[str]]]:
    page.wait_for_timeout(AT_REST)
    parts = urlsplit(page.url)
    query = parse_qs(parts.query)
    return parts.path, query


def entries(page: Page) -> int:
    return page.evaluate("history.length")


def expect_page(visitor: Visitor, heading: str) -> None:
    expect(visitor.page.get_by_role("heading", name=heading, level=1)).to_be_visible(timeout=WAIT)
    visitor.settled()


def facts(page: Page) -> str:
    return page.locator(".ioi-strip").text_content() or ""


@pytest.mark.parametrize("path", ["/path_patching", "/attention", "/activation_patching"])
def test_open_head_makes_one_entry_and_back_returns_to_the_page_as_it_was(visitor: Visitor, path: str) -> None:
    own = {
        "/path_patching": {"sender_position": "END"},
        "/attention": {"run": "corrupted"},
        "/activation_patching": {"direction": "noising", "part_cell": "true"},
    }[path]
    text = "When Tom and Amy met, Tom gave a ring to\nWhen Tom and Amy left, Tom waved to"
    page = visitor.open(path, model="ioi-demo", prompts="own", text=text, **own)
    before, shown, count = address(page), facts(page), entries(page)
    link = page.get_by_role("button", name="Open head").last
    head = link.inner_text().split()[-1]
    link.click()
    expect_page(visitor, f"What does head {head} do?")
    opened = {"model": ["ioi-demo"], "prompts": ["own"], "text": [text], "head": [head]}
    assert address(page) == ("/heads", opened)
    assert entries(page) == count + 1
    page.reload()
    expect_page(visitor, f"What does head {head} do?")
    page.go_back()
    expect(page.get_by_role("button", name="Open head").first).to_be_visible(timeout=WAIT)
    visitor.settled()
    assert address(page) == before
    assert facts(page) == shown
    page.go_forward()
    expect_page(visitor, f"What does head {head} do?")
    assert address(page) == ("/heads", opened)


def test_the_sidebar_leaves_a_page_with_its_own_address(visitor: Visitor) -> None:
    page = visitor.open("/attention", model="ioi-demo", attention_head="2.1", run="corrupted")
    before, count = address(page), entries(page)
    visitor.go("Heads")
    expect(page.get_by_role("heading", name="What does head", level=1)).to_be_visible(timeout=WAIT)
    assert address(page) == ("/heads", {"model": ["ioi-demo"]})
    assert entries(page) == count + 1
    page.go_back()
    expect_page(visitor, "Where does each head look?")
    assert address(page) == before
    expect(page.get_by_role("button", name="Open head 2.1")).to_be_visible(timeout=WAIT)


def test_a_row_of_the_table_is_a_page_of_its_own(visitor: Visitor) -> None:
    layer = str(MOVERS[0].layer)
    shown = {"heads_shown": "all heads", "table_role": "name mover", "table_layers": layer}
    page = visitor.open("/heads", model="ioi-demo", **shown)
    before, count = address(page), entries(page)
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 15, box["y"] + 35 + 17)
    expect(page.get_by_role("heading", name=f"What does head {layer}.", level=1)).to_be_visible(timeout=WAIT)
    visitor.settled()
    _, query = address(page)
    assert set(query) == {"model", "head"}
    assert entries(page) == count + 1
    page.go_back()
    expect_page(visitor, "What does each head do?")
    assert address(page) == before


def test_a_button_that_changes_a_page_makes_no_entry(visitor: Visitor) -> None:
    page = visitor.open("/circuit", model="ioi-demo", circuit_start="empty")
    count = entries(page)
    page.get_by_role("button", name="Take 56 generated prompts").click()
    expect(page.locator(".ioi-strip")).to_contain_text("Prompts: 56", timeout=WAIT)
    visitor.settled()
    path, query = address(page)
    assert path == "/circuit"
    assert {name: query[name] for name in ("prompts", "n", "corruption")} == {
        "prompts": ["generated"], "n": ["56"], "corruption": ["ABC"],
    }  # fmt: skip
    assert entries(page) == count


def test_every_page_has_one_heading_of_the_first_level_and_a_title_of_its_own(visitor: Visitor) -> None:
    page = visitor.open("/prompt", model="ioi-demo", prompts="generated", n="3", seed="7")
    titles = []
    for name in (
        "Start",
        "Prompt",
        "Logit lens",
        "Attention patterns",
        "Activation patching",
        "Path patching",
        "Circuit",
        "Heads",
    ):
        visitor.go(name)
        start = {"Heads": "Head ", "Circuit": "Circuit: break it"}.get(name, name)
        page.wait_for_function("start => document.title.startsWith(start)", arg=start, timeout=WAIT)
        visitor.settled()
        assert page.get_by_role("heading", level=1).count() == 1, name
        titles.append(page.title())
        assert titles[-1].endswith(" · ioi-demo · 3 generated prompts, seed 7 · IOI Explorer")
    assert len(set(titles)) == 8


def test_what_a_button_changed_just_before_the_page_is_left_is_there_after_back(visitor: Visitor) -> None:
    """The page is left in the very moment in which the server has written the change into the address."""
    page = visitor.open("/circuit", model="ioi-demo", circuit_part="break it")
    switches = page.locator(".st-key-circuit-classes").get_by_role("switch")
    expect(switches.first).to_be_checked()
    leave = """() => {
        const link = [...document.querySelectorAll('[data-testid=stSidebarNav] a')].find(a => a.innerText === 'Start');
        const look = () => location.search.includes('circuit=-') ? link.click() : requestAnimationFrame(look);
        look();
    }"""
    page.evaluate(leave)
    page.locator(".st-key-circuit-classes label").first.click()
    expect_page(visitor, "IOI Explorer")
    page.go_back()
    expect_page(visitor, "What happens if you break the circuit?")
    assert "circuit" in address(page)[1]
    expect(switches.first).not_to_be_checked()


def test_a_choice_stays_in_the_address_whatever_an_earlier_run_still_writes(visitor: Visitor) -> None:
    """A run that began before the choice sends the whole address as it was then."""
    page = visitor.open("/activation_patching", model="ioi-demo")
    page.evaluate("""() => {
        const [before, replace] = [location.href, history.replaceState];
        history.replaceState = (...choice) => {
            history.replaceState = replace;
            replace(...choice);
            window.chosen = location.search;
            history.pushState({}, '', before);
        };
    }""")
    pick(page, "Cell", "head 2.0")
    visitor.settled()
    assert "cell" in page.evaluate("window.chosen")
    page.wait_for_function(
        """() => [...new URLSearchParams(window.chosen)]
            .every(([name, value]) => new URLSearchParams(location.search).get(name) === value)""",
        timeout=WAIT,
    )


def test_a_page_visited_twice_is_each_time_as_it_was(visitor: Visitor) -> None:
    page = visitor.open("/activation_patching", model="ioi-demo")
    steps = []
    for head in ("1.3", "2.0"):
        pick(page, "Cell", f"head {head}")
        expect(part(page, f"A closer look: head {head}")).to_be_visible()
        visitor.settled()
        steps.append(address(page))
        visitor.go("Prompt")
        if head == "1.3":
            visitor.go("Activation patching")
    for move, step, head in (("back", 1, "2.0"), ("back", 0, "1.3"), ("forward", 1, "2.0")):
        for _ in range(1 if head == "2.0" and move == "back" else 2):
            getattr(page, f"go_{move}")()
            visitor.settled()
        expect(part(page, f"A closer look: head {head}")).to_be_visible()
        visitor.settled()
        assert address(page) == steps[step]
