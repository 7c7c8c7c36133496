"""The form of every page: its figure first, few words, closed parts below, and a projector's screen that is enough.

A main figure is the first chart of a page, its first table, or the example on the first page. Words are those that are
seen with all folds and parts closed.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.every_page.test_access import CUT, VIEWS, sideways
from tests.browser.visitor import Visitor, at_rest, part, read_chart

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LAPTOP, PHONE, PROJECTOR, LARGE_PROJECTOR = (1366, 768), (390, 844), (1280, 720), (1920, 1080)
HIGHEST_FIGURE = {LAPTOP: 420, PHONE: 640, PROJECTOR: 330}
"""Size of the window -> pixels above the main figure."""
MOST_PROSE, MOST_IN_A_SENTENCE, MOST_SCREENS = 250, 25, 3
WHOLE_SENTENCE = ("prompt", "logit lens", "activation patching", "path patching")
"""Views whose main sentence is on the first screen with its small print too."""
WITHOUT_CHART, WITHOUT_PROMPT = ("start", "all heads"), ("start", "lessons", "report")
"""Views whose main figure is none, and those on which no prompt is chosen."""
LEAST_PLOT = {"prompt": 200, "logit lens": 240, "attention": 240}
"""View -> pixels between the axes of its main figure on the smaller projector."""
LEAST_TARGET = 24
ONE_LINE = 64
"""Pixels that a line of text with buttons or chips beside it takes at most."""

TICKS = """[...document.querySelectorAll('.js-plotly-plot :is(.xtick, .ytick) text')].map(
    label => getComputedStyle(label).fontSize)"""

GROWN = """[...document.querySelectorAll('[class*=st-key-room-screenful-]')].map(room => {
    const chart = room.querySelector('.js-plotly-plot'), drawn = chart.getBoundingClientRect();
    const spare = Math.abs(room.getBoundingClientRect().right - drawn.right);
    return [drawn.width / chart.offsetWidth, spare]; })"""
"""How much larger than it was drawn a chart is seen, and how far from its room's edge it ends."""

PLOT = "document.querySelector('.js-plotly-plot')?._fullLayout.yaxis?._length || 0"

FORM = """([width]) => {
    const main = document.querySelector('.stMain');
    const drawn = figure => figure.querySelector('.js-plotly-plot .main-svg');
    if (innerWidth !== width || ![...main.querySelectorAll('[class*=st-key-figure-]')].every(drawn)) return null;
    const figure = main.querySelector('.js-plotly-plot, [data-testid=stDataFrame], .ioi-table, .ioi-example')
        .getBoundingClientRect();
    const seen = e => e.checkVisibility({visibilityProperty: true}) && !e.closest('.st-key-unseen');
    const prose = [...main.querySelectorAll(`[data-testid=stMarkdown], [data-testid=stCaptionContainer], .stHeading,
        .stText, .ioi-notice, .ioi-card, .ioi-legend`)]
        .filter(e => seen(e) && !e.closest('button, [data-testid=stWidgetLabel], .stPlotlyChart'));
    const words = text => text.split(/\\s+/).filter(word => /[\\p{L}\\p{N}]/u.test(word)).length;
    const said = [...main.querySelectorAll('.ioi-says')];
    const answer = e => e.firstChild;  // the rest is small
    const bottom = e => {
        const range = document.createRange();
        range.selectNode(answer(e));
        return range.getBoundingClientRect().bottom + main.scrollTop;
    };
    const rows = element => {
        const range = document.createRange();
        range.selectNodeContents(element.querySelector('span') || element);
        return new Set([...range.getClientRects()].map(rect => Math.round(rect.top))).size;
    };
    const height = name => document.querySelector(name)?.getBoundingClientRect().height || 0;
    return {
        top: figure.top + main.scrollTop, end: said.length ? bottom(said[0]) : 0,
        small: said.length ? said[0].getBoundingClientRect().bottom + main.scrollTop : 0,
        prose: prose.filter(e => !prose.some(other => other !== e && other.contains(e)))
            .reduce((sum, e) => sum + words(e.innerText), 0),
        long: said.map(e => answer(e).textContent).filter(text => words(text) > LONGEST),
        heading: rows(main.querySelector('h1')), screens: main.scrollHeight / innerHeight,
        contents: main.querySelectorAll('.ioi-contents a').length,
        lines: [height('.st-key-standin'), height('.st-key-strip')],
    };
}""".replace("LONGEST", str(MOST_IN_A_SENTENCE))

HEADS = """chart => [...chart.querySelectorAll('.points path')].map(head => head.getBoundingClientRect())
    .filter(({width}) => width > 20).map(({x, y, width, height}) => [x + width / 2, y + height / 2, width])"""
"""The middles of a graph's nodes and how wide they are; not of what is clicked on its lines."""
WIDTH = """chart => {
    const box = chart.closest('[class*=st-key-wide-]');
    return [chart.getBoundingClientRect().right, box.scrollWidth, box.clientWidth];
}"""


def form(page: Page, size: tuple[int, int]) -> dict[str, Any]:
    """What `FORM` finds once the page has come to rest in a window of this size."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    return at_rest(page, FORM, list(size))


@pytest.fixture
def open_view(chromium: Browser, server: str):
    """Open one of VIEWS as a new visitor, who has not chosen a model: with the banner that says which one it is."""
    with opening(chromium, server) as opened:
        yield opened


@pytest.fixture(scope="module", params=VIEWS)
def view(request: pytest.FixtureRequest, chromium: Browser, server: str) -> Iterator[tuple[str, Visitor]]:
    """One of VIEWS and who looks at it: it is presented once it has been looked at as it opens."""
    with opening(chromium, server) as opened:
        yield request.param, opened(request.param)


@contextmanager
def opening(chromium: Browser, server: str) -> Iterator[Callable[..., Visitor]]:
    visitors = []

    def opened(name: str, **more: str) -> Visitor:
        path, query = VIEWS[name]
        visitor = Visitor(chromium, server)
        visitors.append(visitor)
        page = visitor.open(path, **query, **more)
        expect(
            page.locator(".stMain")
            .locator(".js-plotly-plot .main-svg, .stDataFrame canvas, .ioi-table, .ioi-example")
            .first
        ).to_be_attached()
        expect(page.get_by_text("This is ioi-demo, not GPT-2.")).to_be_visible()
        return visitor

    yield opened
    for visitor in visitors:
        visitor.leave()


def test_the_figure_comes_first_and_words_are_few(view: tuple[str, Visitor]) -> None:
    name, page = view[0], view[1].page
    phone, laptop = form(page, PHONE), form(page, LAPTOP)
    assert 0 < phone["top"] <= HIGHEST_FIGURE[PHONE]
    assert 0 < laptop["top"] <= HIGHEST_FIGURE[LAPTOP]
    assert max(phone["lines"] + laptop["lines"]) <= ONE_LINE
    assert (phone["heading"], laptop["heading"]) == (1 + (name == "start"), 1)  # it has the app's name too
    if name in WHOLE_SENTENCE:
        assert 0 < laptop["small"] <= LAPTOP[1]
    assert laptop["prose"] <= MOST_PROSE
    assert laptop["long"] == []
    assert laptop["screens"] <= MOST_SCREENS  # its closed parts are its list of contents
    assert phone["screens"] <= MOST_SCREENS or phone["contents"]


def test_question_figure_and_answer_fit_a_projectors_screen(view: tuple[str, Visitor]) -> None:
    name, page = view[0], view[1].page
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    view[1].settled()
    for size in (PROJECTOR, LARGE_PROJECTOR):
        found = form(page, size)
        assert 0 < found["top"] <= HIGHEST_FIGURE[PROJECTOR] * size[1] / PROJECTOR[1]
        assert found["small" if name in WHOLE_SENTENCE else "end"] <= size[1]
        assert all(size == "16px" for size in page.evaluate(TICKS))  # whenever Streamlit's theme was laid over them
        charts, boxes = page.evaluate(GROWN), page.locator(".st-key-shown >> visible=true").all()
        assert len(charts) == (name not in WITHOUT_CHART)
        assert len(boxes) == (name not in WITHOUT_PROMPT)
        for grown, spare in charts:  # as all other text has
            assert (grown, spare) == (pytest.approx(size[1] / PROJECTOR[1], rel=0.01), pytest.approx(0, abs=2))
        for box in boxes:
            expect(box.get_by_test_id("stNumberInputStepUp")).to_be_visible()
        if name in LEAST_PLOT:
            assert page.evaluate(PLOT) >= LEAST_PLOT[name]
        assert sideways(page) == 0
        assert page.evaluate(CUT) == []
        assert not page.evaluate(
            "[...document.querySelectorAll('.legend .scrollbar')].some(bar => bar.getBBox().height)"
        )
        expect(page.get_by_role("heading", level=1)).to_be_in_viewport(ratio=1)
        expect(page.get_by_test_id("stSidebar").get_by_role("radiogroup").first).not_to_be_in_viewport()


def test_graphs_and_the_token_grid_are_whole_on_a_projector(open_view) -> None:
    boxes = {"circuit_graph": 1, "edge_graph": 2}  # the logits, and the embedding
    for view, name in (("circuit, break it", "circuit_graph"), ("edges", "edge_graph"), ("logit lens", "token_lens")):
        page = open_view(view, size="large", part_tokens="true").page  # of the Circuit page no part
        form(page, PROJECTOR)
        right, width, room = read_chart(page, name, WIDTH)
        assert right <= PROJECTOR[0]
        assert width == room
        if name == "circuit_graph":
            numbers = page.locator(".st-key-circuit-summary").get_by_test_id("stMetric")
            expect(numbers.last).to_be_in_viewport(ratio=1)
        if name in boxes:
            for (*one, wide), (*other, _) in combinations(read_chart(page, name, HEADS)[: -boxes[name]], 2):
                assert math.dist(one, other) >= wide


def test_an_entry_of_the_contents_list_opens_its_part_and_goes_there(visitor: Visitor) -> None:
    page = visitor.open("/heads", model="ioi-demo", part_writes="true")
    entries, history = page.locator(".ioi-contents a"), "history.length"
    assert all(entry.bounding_box()["height"] >= LEAST_TARGET for entry in entries.all())
    before = page.evaluate(history)
    by_key, by_pointer = partial(Locator.press, key="Enter"), Locator.click
    for name, follow in (("all other heads", by_key), ("write what it looks at", by_pointer)):  # closed, open
        follow(entries.filter(has_text=name))
        line = part(page, name)
        expect(line).to_be_focused()
        visitor.settled()
        expect(line.locator("..")).to_have_attribute("open", "")
        top = at_rest(page, "() => document.activeElement.getBoundingClientRect().top")
        assert 0 <= top <= 2 * ONE_LINE
    assert page.evaluate(history) == before
    assert "#" not in page.url


def test_a_button_leads_to_the_presenting_view_and_back(visitor: Visitor) -> None:
    page = visitor.open("/logit_lens", model="ioi-demo")
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    visitor.settled()
    assert "size=large" in page.url
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})  # who is given such a link
    menu, strip = at_rest(
        page,
        """() => ['[data-testid=stExpandSidebarButton]', '.st-key-strip']
            .map(name => document.querySelector(name).getBoundingClientRect()).map(({top, bottom}) => [top, bottom])""",
    )
    assert menu[1] <= strip[0]
    page.get_by_role("button", name="Leave").click()
    page.set_viewport_size({"width": LAPTOP[0], "height": LAPTOP[1]})
    expect(page.get_by_role("button", name="Present")).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_role("radiogroup").first).to_be_visible()
    visitor.settled()
    assert "size=large" not in page.url
