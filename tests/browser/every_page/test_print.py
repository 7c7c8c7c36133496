"""A page on paper: white, with nothing to press, and nothing cut."""

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.visitor import Visitor, at_rest, part

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
