"""Figures on a phone: titles are read in full, wherever a wide figure is scrolled to, and nothing lies on them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.every_page.test_access import VIEWS
from tests.browser.every_page.test_touch import PHONE
from tests.browser.visitor import Visitor, at_rest, chart_at_rest, read_chart

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TITLES = """([end]) => {
    const boxes = [...document.querySelectorAll('.stMain [class*=st-key-wide-]')];
    if (!boxes.every(box => box.querySelector('.js-plotly-plot .main-svg'))) return null;
    const lines = element => {
        const range = document.createRange();
        range.selectNodeContents(element);
        return [...range.getClientRects()].filter(rect => rect.width);
    };
    const seen = element => element.checkVisibility() && element.getBoundingClientRect().width;
    const apart = (one, other) => one.right <= other.left || other.right <= one.left || one.bottom <= other.top
        || other.bottom <= one.top;
    const wrong = [], said = [];
    for (const box of boxes) {
        box.scrollLeft = end * box.scrollWidth * (getComputedStyle(box).direction === 'rtl' ? -1 : 1);
        const name = box.className.match(/st-key-(wide-\\S+)/)[1], { left, right } = box.getBoundingClientRect();
        const title = box.querySelector('.ioi-title'), chart = box.querySelector('.js-plotly-plot');
        const outer = chart.getBoundingClientRect(), texts = [...chart.querySelectorAll('text')].filter(seen);
        said.push([title.textContent, chart.layout.title.text]);
        if (!lines(title).length) wrong.push(`${name}: no title`);
        for (const line of lines(title)) {
            if (line.left < left - 1 || line.right > right + 1) wrong.push(`${name}: cut title`);
            const over = [...texts, ...document.querySelectorAll('.modebar-btn, [data-testid=stElementToolbar] button')]
                .filter(other => seen(other) && !apart(line, other.getBoundingClientRect()));
            wrong.push(...over.map(other => `${name}: covered by ${other.textContent || other.className}`));
        }
        for (const text of texts.filter(text => !text.closest('.hoverlayer'))) {
            const { left, right, top, bottom } = text.getBoundingClientRect();
            if (left < outer.left - 1 || right > outer.right + 1 || top < outer.top - 1 || bottom > outer.bottom + 1)
                wrong.push(`${name}: cut ${text.textContent}`);
        }
        for (const name of chart.querySelectorAll('.ytick text:has([style*=bold])')) {  // its halo lies on that
            const bold = name.textContent.lastIndexOf(name.querySelector('[style*=bold]').textContent);
            const room = name.getStartPositionOfChar(bold).x - name.getEndPositionOfChar(bold - 2).x;
            const halo = parseFloat(getComputedStyle(name).strokeWidth) / 2;
            if (room < halo) wrong.push(`${name.textContent}: half covered`);
        }
        const level = tick => !/rotate\\((?!0)/.test(tick.getAttribute('transform'));
        const ticks = [...chart.querySelectorAll('.xtick text')].filter(level).map(tick => tick.getBoundingClientRect())
            .sort((one, other) => one.left - other.left);
        if (ticks.some((tick, n) => n && !apart(ticks[n - 1], tick))) wrong.push(`${name}: names run into each other`);
    }
    return [[...new Set(wrong)], said];
}"""
"""What is wrong with the figures' texts, each box scrolled to one end; and their titles, as written and as text."""


@pytest.fixture
def phone(chromium: Browser, server: str) -> Iterator[Visitor]:
    visitor = Visitor(chromium, server, **PHONE)
    yield visitor
    visitor.leave()


def open_view(phone: Visitor, view: str) -> Page:
    path, query = VIEWS[view]
    page = phone.open(path, model="ioi-demo", parts="open", **query)
    if view not in ("start", "all heads"):
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    return page


@pytest.mark.parametrize("view", [view for view in VIEWS if view not in ("start", "all heads")])
def test_titles_are_read_in_full_and_nothing_lies_on_them(phone: Visitor, view: str) -> None:
    page = open_view(phone, view)
    for end in (0, 1):
        wrong, said = at_rest(page, TITLES, [end])
        assert wrong == []
        assert said
        assert all(text.startswith(title) for text, title in said if "<" not in title)


def test_the_layers_of_the_circuit_stay_in_sight_while_it_scrolls(phone: Visitor) -> None:
    page = open_view(phone, "circuit, break it")
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
