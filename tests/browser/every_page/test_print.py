"""A page on paper: white, with nothing to press, and nothing cut."""

import math

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visitor import Visitor, at_rest, part
from tests.models.bundled import SHAPE

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAPER = {"width": 718, "height": 1047}
"""CSS pixels of A4 within margins of 10 mm."""
OUTSIDE = """() => {
    const charts = [...document.querySelectorAll('.js-plotly-plot .main-svg, .ioi-strip .ioi-chip')];
    return [charts.length, charts.filter(one => {
        const { left, right } = one.getBoundingClientRect();
        return left < 0 || right > innerWidth;
    }).length];
}"""
COLOURS = """() => ['.stApp', '.ioi-says', 'h1', '.js-plotly-plot .xtick text', '.ioi-IO'].map(name => {
    const { backgroundColor, color, fill } = getComputedStyle(document.querySelector(name));
    return name === '.stApp' ? backgroundColor : name.endsWith('text') ? fill : color;
})"""
WHITE, INK = "rgb(255, 255, 255)", "rgb(11, 14, 18)"


@pytest.mark.parametrize(("scheme", "size"), [("dark", (1440, 900)), ("light", (390, 844))])
def test_all_of_a_page_is_on_white_paper(chromium: Browser, server: str, scheme: str, size: tuple[int, int]) -> None:
    viewport = {"width": size[0], "height": size[1]}
    visitor = Visitor(chromium, server, viewport=viewport, color_scheme=scheme)
    page = visitor.open("/logit_lens", model="ioi-demo", part_tokens="true")
    expect(part(page, "each token")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # as the browser says it, before it lays out the pages
    page.emulate_media(media="print")
    page.set_viewport_size(PAPER)
    charts, outside = at_rest(page, OUTSIDE)
    assert charts > 10
    assert outside == 0
    assert at_rest(page, COLOURS) == [WHITE, INK, INK, INK, WHITE]
    inverted = (
        "(e => [getComputedStyle(e).filter, getComputedStyle(e).color])(document.querySelector('.stMain .stCheckbox'))"
    )
    assert page.evaluate(inverted) == ["none", INK], "a toggle's label has the page's ink: inverted, it was white"
    for pressed in ("stSidebar", "stPopover", "stElementToolbar", "stAppHeader"):
        for one in page.get_by_test_id(pressed).all():
            expect(one).not_to_be_visible()
    whole = page.locator(".st-key-figure-token_lens").evaluate(
        "e => getComputedStyle(e.closest('[class*=st-key-room]')).breakInside"
    )
    assert whole == "avoid"
    page.emulate_media(media="screen")
    visitor.leave()


def test_circuitsvis_which_cannot_be_printed_says_where_its_patterns_are(visitor: Visitor) -> None:
    page = visitor.open("/attention", model="ioi-demo", part_side_by_side="true")
    said, frame = page.get_by_text("circuitsvis draws on the screen alone"), page.locator("iframe").first
    expect(said).not_to_be_visible()
    expect(frame).to_be_visible()
    page.emulate_media(media="print")
    expect(said).to_be_visible()
    expect(frame).not_to_be_visible()
    page.emulate_media(media="screen")


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_a_table_is_whole_on_paper(chromium: Browser, server: str, size: tuple[int, int]) -> None:
    """The screen's scrolls both ways; paper had what it showed."""
    visitor = Visitor(chromium, server, viewport={"width": size[0], "height": size[1]})
    page = visitor.open("/attention", model="ioi-demo", part_from_end="true")
    on_screen, table = page.get_by_test_id("stDataFrame"), page.locator(".ioi-on-paper table")
    expect(on_screen).to_be_visible()
    expect(table).not_to_be_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size(PAPER)
    expect(on_screen).not_to_be_visible()
    expect(table.locator("tbody tr")).to_have_count(math.prod(SHAPE))
    titles = table.locator("th").all_inner_texts()
    assert [title.replace("\u00a0", " ") for title in titles[-3:]] == ["S2 clean", "S2 corrupted", "S2 difference"]
    sides = at_rest(
        page,
        """() => [...document.querySelectorAll('.ioi-on-paper th')].map(one => one.getBoundingClientRect())
            .map(({left, right}) => [left, right])""",
    )
    assert len(sides) == len(titles) == 11
    assert all(0 <= left < right <= PAPER["width"] for left, right in sides)
    page.emulate_media(media="screen")
    visitor.leave()
