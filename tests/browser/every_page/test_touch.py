"""A finger on every figure that can be clicked: a swipe scrolls the page, each tap acts on what was tapped."""

import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from ioi_core import Head
from tests.browser.visitor import WAIT, Visitor, chart_at_rest, part, read_chart
from tests.models.bundled import INHIBITION, MOVERS, NEGATIVE, SHAPE

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "reduced_motion": "no-preference",
}
WHERE = """(chart, name) => {
    const box = chart.querySelector('.nsewdrag').getBoundingClientRect(), axes = chart._fullLayout;
    const x = at => box.left + axes.xaxis.d2p(at), y = at => box.top + axes.yaxis.d2p(at);
    for (const trace of chart._fullData) {
        const n = (trace.customdata || []).findIndex(said => said[0] === name);
        // A bar's own middle, any other mark itself.
        if (n >= 0) return [x(trace.type === 'bar' ? trace.x[n] / 2 : trace.x[n]), y(trace.y[n])];
    }
}"""
"""The place on the screen of what a click hands on as `name`."""
APART = """chart => {
    const { xaxis, yaxis } = chart._fullLayout, marks = chart._fullData.flatMap(trace =>
        (trace.customdata || []).map((said, n) => [said[0], xaxis.d2p(trace.x[n]), yaxis.d2p(trace.y[n])]));
    const room = ([name, x, y]) => Math.min(...marks.filter(([other]) => other !== name)
        .map(([_, right, down]) => Math.hypot(right - x, down - y)));
    const free = marks.filter(([name]) => name).sort((one, other) => room(other) - room(one));
    return free.slice(0, 2).map(([name]) => name);
}"""
"""The names of the two marks farthest from all others."""
RANGES = "chart => [...chart._fullLayout.xaxis.range, ...chart._fullLayout.yaxis.range]"


@dataclass(frozen=True)
class Clickable:
    """A figure that can be clicked.

    Attributes:
        name: the figure's; path, query: of its page.
        taps: what is tapped, one after the other; none given, two marks that no other covers.
        shown: waits until the page shows all that was tapped so far; reopen: whether a tap leads to another page.
    """

    name: str
    path: str
    query: dict[str, str]
    taps: tuple[str, ...]
    shown: Callable[[Page, tuple[str, ...]], None]
    reopen: bool = False


def heading(text: str) -> Callable[[Page, tuple[str, ...]], None]:
    """The last tap's head is in a heading, or in the line of an open part."""

    def shown(page: Page, tapped: tuple[str, ...]) -> None:
        name = text.format(tapped[-1].removeprefix("head "))
        expect(page.get_by_role("heading", name=name).or_(part(page, name)).first).to_be_visible(timeout=WAIT)

    return shown


def address(**values: Callable[[tuple[str, ...]], str]) -> Callable[[Page, tuple[str, ...]], None]:
    """The address holds what the taps make of it."""

    def shown(page: Page, tapped: tuple[str, ...]) -> None:
        def there(url: str) -> bool:
            query = urllib.parse.parse_qs(urllib.parse.urlparse(url).query)
            return all(query.get(key) == [value(tapped)] for key, value in values.items())

        page.wait_for_url(there, timeout=WAIT)

    return shown


def picked(page: Page, tapped: tuple[str, ...]) -> None:
    """All heads tapped are the next receivers."""
    tags = page.locator("[data-testid=stMultiSelect]", has_text="Next receivers").locator("[data-tag]")
    expect(tags).to_have_text([name.removeprefix("head ") for name in tapped], timeout=WAIT)


def opened(page: Page, tapped: tuple[str, ...]) -> None:
    heading("What does head {} do?")(page, tapped)


CIRCUIT = {"model": "ioi-demo", "circuit_start": "heads with measured roles"}
BACKUP = {"circuit_part": "backup heads", "part_movers": "true"}
MOVER, SECOND = map(str, MOVERS)
READER, OTHER_READER = map(str, INHIBITION)
LAST = Head(SHAPE[0] - 1, SHAPE[1] - 1)
FIGURES = (
    Clickable("attribution_by_head", "/logit_lens", {"part_heads": "true"}, (MOVER, "0.3"), opened, reopen=True),
    Clickable("attention_overview", "/attention", {}, ("0.1", "2.3", f"{LAST}"),
              address(attention_head=lambda heads: heads[-1])),
    Clickable("patch_heatmap", "/activation_patching", {}, ("head 2.1", "head 1.2", f"head {LAST}"),
              heading("A closer look: head {}")),
    Clickable("path_heatmap", "/path_patching", {}, ("head 2.1", "head 0.2", f"head {LAST}"), picked),
    Clickable("edge_graph", "/edges", {}, (f"{MOVER}->logits", f"{SECOND}->logits", f"{MOVER}->logits"),
              address(edge_changes=lambda edges: ", ".join(
                  f"-{edge}" for edge in sorted(set(edges)) if edges.count(edge) % 2))),
    Clickable("circuit_graph", "/circuit", CIRCUIT, (f"{READER}:END", f"{MOVER}:END", f"{MOVER}:END"),
              address(circuit=lambda members: " ".join(
                  f"-{member}" for member in sorted(set(members)) if members.count(member) % 2))),
    Clickable("circuit_completeness", "/circuit", CIRCUIT | {"part_completeness": "true"}, (),
              address(circuit=lambda sets: sets[-1])),
    Clickable("direct_and_total", "/circuit", {"circuit_part": "direct and total"}, (), opened,
              reopen=True),
    Clickable("backup_movers", "/circuit", BACKUP, (f"{NEGATIVE[0]}", READER), opened,
              reopen=True),
    Clickable("backup_changes", "/circuit", BACKUP, (f"{NEGATIVE[0]}", READER), opened,
              reopen=True),
    Clickable("head_edges_in", "/heads", {"head": MOVER, "part_edges": "true"}, (READER, OTHER_READER), opened,
              reopen=True),
    Clickable("head_edges_out", "/heads", {"head": READER, "part_edges": "true"}, (MOVER, SECOND), opened, reopen=True),
)  # fmt: skip


@pytest.fixture
def phone(chromium: Browser, server: str) -> Iterator[Visitor]:
    visitor = Visitor(chromium, server, **PHONE)
    yield visitor
    visitor.leave()


class Finger:
    """What a finger does: real touches, of which the browser makes swipes and taps."""

    def __init__(self, visitor: Visitor):
        self.devtools = visitor.context.new_cdp_session(visitor.page)

    def _touch(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        self.devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def tap(self, x: float, y: float) -> None:
        self._touch("touchStart", (x, y))
        time.sleep(0.09)
        self._touch("touchEnd")

    def swipe(self, x: float, y: float, right: float, down: float) -> None:
        self._touch("touchStart", (x, y))
        for step in range(1, 11):
            self._touch("touchMove", (x + right * step / 10, y + down * step / 10))
            time.sleep(0.02)
        self._touch("touchEnd")


def place(page: Page, figure: str, name: str) -> list[float]:
    """Scroll what is called `name` to the middle of the screen, and return where it is."""
    x, y = read_chart(page, figure, WHERE, name)
    page.evaluate(
        """([figure, right, down]) => {
            document.querySelector(`.st-key-wide-${figure}`).scrollBy(right, 0);
            document.querySelector('[data-testid=stMain]').scrollBy(0, down);
        }""",
        [figure, x - PHONE["viewport"]["width"] / 2, y - PHONE["viewport"]["height"] / 2],
    )
    return chart_at_rest(page, figure, WHERE, name)


def open_figure(visitor: Visitor, clickable: Clickable) -> Page:
    page = visitor.open(clickable.path, **({"model": "ioi-demo"} | clickable.query))
    drawn = page.locator(f".st-key-figure-{clickable.name} .js-plotly-plot")
    if clickable.name.startswith("head_edges"):
        for name in ("Compute the edges of head", "Compute every edge between heads"):
            button = page.get_by_role("button", name=name)
            expect(button.or_(drawn).first).to_be_visible(timeout=WAIT)  # a page that is still drawn has neither
            while button.count():  # a tap while the page still runs is lost
                button.tap()
                with suppress(AssertionError):
                    expect(button).to_have_count(0, timeout=WAIT / 10)
                visitor.settled()
    expect(drawn).to_be_visible(timeout=WAIT)
    return page


@pytest.mark.parametrize("clickable", FIGURES, ids=lambda clickable: clickable.name)
def test_a_swipe_scrolls_and_each_tap_acts_on_what_was_tapped(phone: Visitor, clickable: Clickable) -> None:
    page, finger = open_figure(phone, clickable), Finger(phone)
    taps = clickable.taps or tuple(read_chart(page, clickable.name, APART))
    x, y = place(page, clickable.name, taps[0])
    url, ranges = page.url, read_chart(page, clickable.name, RANGES)
    left = "main => main.scrollHeight - main.clientHeight - main.scrollTop"
    up = -1 if page.get_by_test_id("stMain").evaluate(left) > 200 else 1  # to where there is more page
    finger.swipe(x, y, 0, up * 200)
    for _ in range(100):
        page.wait_for_timeout(200)
        if (moved := up * (read_chart(page, clickable.name, WHERE, taps[0])[1] - y)) > 100:
            break
    assert moved > 100, "the page scrolls"
    assert (page.url, read_chart(page, clickable.name, RANGES)) == (url, ranges), "nothing else happens"
    for n, name in enumerate(taps):
        if clickable.reopen and n:
            open_figure(phone, clickable)
        finger.tap(*place(page, clickable.name, name))
        clickable.shown(page, taps[: n + 1])
        phone.settled()


def test_no_toolbar_covers_a_button(phone: Visitor) -> None:
    for path, button in (("/circuit", "Add"), ("/heads", "Increment")):
        page = phone.open(path, model="ioi-demo", heads_shown="all heads", parts="open")
        expect(page.get_by_test_id("stElementToolbar").first).to_be_visible()
        on_top = """button => {
            button.scrollIntoView({block: 'center'});
            const box = button.getBoundingClientRect();
            return button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
        }"""
        assert page.get_by_role("button", name=button).last.evaluate(on_top)


def test_no_key_is_asked_for_that_a_phone_lacks(phone: Visitor) -> None:
    page = phone.open("/prompt", model="ioi-demo", prompts="own")
    page.locator(".st-key-text textarea").press_sequentially(" the")
    told = page.locator(".st-key-text").get_by_test_id("InputInstructions")
    expect(told).to_be_attached()
    seen = "e => [getComputedStyle(e).fontSize, getComputedStyle(e, '::after').content]"
    assert told.evaluate(seen) == ["0px", '"Tap outside the box to apply"']


def test_a_wide_figure_says_so_and_begins_at_its_end(phone: Visitor) -> None:
    page = phone.open("/logit_lens", model="ioi-demo", parts="open")
    ends = """chart => {
        const box = chart.closest('[class*=st-key-wide-]'), plot = chart.querySelector('.nsewdrag');
        return [plot.getBoundingClientRect().right, box.getBoundingClientRect().right, box.scrollWidth, box.clientWidth,
                getComputedStyle(box, '::before').content];
    }"""
    right, edge, wide, narrow, hint = read_chart(page, "token_lens", ends)
    assert wide > narrow
    assert edge - 40 < right <= edge, "END is in sight"
    assert "Scroll sideways" in hint
    *_, wide, narrow, hint = read_chart(page, "attribution_by_layer", ends)
    assert (wide, hint) == (narrow, "none")


def test_the_layers_of_the_circuit_stay_in_sight_while_it_scrolls(phone: Visitor) -> None:
    page = phone.open("/circuit", model="ioi-demo", circuit_part="break it")
    names = """(chart, slid) => {
        const box = chart.closest('[class*=st-key-wide-]'), { left, right } = box.getBoundingClientRect();
        box.scrollLeft = slid * (box.clientWidth - box.scrollWidth);
        return [...chart.querySelectorAll('.ytick text')].map(name => [name.textContent, name.getBoundingClientRect()])
            .map(([name, at]) => [name, at.left >= left - 1 && at.right <= left + 80 && at.right <= right]);
    }"""
    layers = [[name, True] for name in ("0", "1", "2", "3", "4", "5", "out")]
    start = "chart => [chart.closest('[class*=st-key-wide-]').scrollLeft]"
    assert read_chart(page, "circuit_graph", start) == [0], "it begins at its right end"
    for slid in (0, 0.5, 1):
        assert chart_at_rest(page, "circuit_graph", names, slid) == layers
