"""Every page for those who do not see, click or hold still, or hold a phone: axe-core, contrast, keys, zoom, titles."""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, expect

from app.heads.controls import ALL_HEADS
from app.report.pins import Pin, written
from tests import ROOT
from tests.browser.every_page.test_touch import FIGURES
from tests.browser.visitor import Visitor, at_rest, part, pick

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
PARTS = ("break it", "backup heads", "token or position", "direct and total", "ways to ablate")
VIEWS = {
    "start": ("/", {}),
    "prompt": ("/prompt", {}),
    "logit lens": ("/logit_lens", {"templates_lens": "true"}),
    "attention": ("/attention", {}),
    "activation patching": ("/activation_patching", {}),
    "path patching": ("/path_patching", {}),
    "edges": ("/edges", {}),
    **{f"circuit, {part}": ("/circuit", {"circuit_part": part}) for part in PARTS},
    "one head": ("/heads", {}),
    "all heads": ("/heads", {"heads_shown": ALL_HEADS}),
    "lessons": ("/lessons", {"lesson": "patching", "step": "3", "answers": "3:4,14"}),
    "report": ("/report", {"pins": written([Pin("logit_lens?model=ioi-demo", "logit_lens_curve", "why")])}),
}
LAPTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ZOOMED = {"width": 720, "height": 450}
"""A laptop at 200 %."""
SMALL_PHONE = {"width": 360, "height": 740}

OF_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe-core that a theme can change anything for: those tagged `cat.color` that a run has."""
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
CONTRASTS = """() => {
    const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
        .map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
        .reduce((sum, part, n) => sum + part * [.2126, .7152, .0722][n], .05);
    return [...document.querySelectorAll(".js-plotly-plot")].flatMap(chart => {
        const paper = text => {
            const box = text.closest(".annotation")?.querySelector(".bg"), style = box && getComputedStyle(box);
            const own = style?.opacity > 0 && style.fillOpacity > 0;
            return light(own ? style.fill : getComputedStyle(chart.querySelector(".main-svg")).backgroundColor);
        };
        // Black on coloured cells and nodes: tests/app/drawing/test_contrast.py.
        const black = text => ["rgb(0, 0, 0)", "rgb(27, 31, 36)"].includes(text.style.fill);
        const texts = [...chart.querySelectorAll(".main-svg text")]
            .filter(text => !(black(text) && text.closest(".heatmaplayer, .scatterlayer")));
        return texts.flatMap(text => text.childElementCount ? [...text.children] : [text])
            .filter(text => text.textContent.trim() && text.textContent.trim() !== "■")
            .map(text => [text.textContent, light(getComputedStyle(text).fill), paper(text)])
            .map(([text, ink, paper]) => [text, Math.max(ink, paper) / Math.min(ink, paper)]);
    });
}"""

FORM = """() => [innerWidth, document.querySelector('.stMain').scrollHeight,
    ...[...document.querySelectorAll('.stApp, .main-svg')].map(part => {
        const { width, backgroundColor, color } = getComputedStyle(part);
        return [width, backgroundColor, color];
    })]"""
CUT = """[...document.querySelectorAll('.ioi-token, .ioi-says, .ioi-notice')]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').map(e => e.innerText)"""
CLICKABLE = """() => [...document.querySelectorAll('[class*=st-key-figure-]:has(.js-plotly-plot)')]
    .filter(e => e.querySelector('.js-plotly-plot')._fullLayout.clickmode.includes('select'))
    .map(e => e.className.match(/st-key-figure-(\\S+)/)[1])"""
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


@pytest.fixture(params=VIEWS, scope="module")
def page(request: pytest.FixtureRequest, chromium: Browser, server: str) -> Iterator[Page]:
    visitor = Visitor(chromium, server)
    path, query = VIEWS[request.param]
    page = visitor.open(path, model="ioi-demo", parts="open", **query)
    if request.param not in ("start", "all heads"):
        expect(page.locator(".js-plotly-plot").first).to_be_visible()
    yield page
    visitor.leave()


def violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds, by all of its rules or these alone, one line an element."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": {"type": "rule", "values": rules}} if rules else {})
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def sideways(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    return page.evaluate("(main => main.scrollWidth - main.clientWidth)(document.querySelector('.stMain'))")


def test_every_page_is_looked_at():
    pages = {path.stem for path in (ROOT / "pages").glob("*.py")} - {"__init__"}
    assert {path.strip("/") or "start" for path, _ in VIEWS.values()} == pages


def test_nobody_is_kept_out(page: Page):
    found = {}
    page.evaluate(AXE)
    of_colours = page.evaluate("axe.getRules(['cat.color']).map(rule => rule.ruleId)")
    assert set(of_colours) == {*OF_COLOURS, "color-contrast-enhanced"}  # the last is off, if not asked for
    # All rules once a width; from one to the next as little changes as can be, since everything is drawn again.
    for name, size, scheme, rules in (
        ("laptop", LAPTOP, "light", ()),
        ("laptop", LAPTOP, "dark", OF_COLOURS),
        ("phone", PHONE, "dark", OF_COLOURS),
        ("phone", PHONE, "light", ()),
    ):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        background = at_rest(page, FORM)[2][1]  # Streamlit changes its theme, Plotly its widths
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 384) == (scheme == "dark")
        found |= {f"{scheme}, {name}": lines for lines in [violations(page, *rules)] if lines}
        contrasts = page.evaluate(CONTRASTS) if size == PHONE else []
        found |= {(scheme, text): ratio for text, ratio in contrasts if ratio < LEAST_CONTRAST}
    assert found == {}
    for figure in page.locator(".stPlotlyChart").all():
        assert figure.get_attribute("role") == "figure"
        assert ": " in figure.get_attribute("aria-label")  # title and note
    expect(page.locator("h1")).to_have_count(1)
    parts = page.locator("[class*=st-key-part_] > .stExpander > details > summary")
    expect(parts.get_by_role("heading", level=2)).to_have_count(parts.count())
    for size in (SMALL_PHONE, ZOOMED):
        page.set_viewport_size(size)
        at_rest(page, FORM)
        assert sideways(page) == 0
        assert page.evaluate(CUT) == []


@pytest.fixture
def on_a_phone(page: Page) -> Iterator[Page]:
    """The open page as on a phone: what depends on fingers changes too."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setDeviceMetricsOverride", {**PHONE, "deviceScaleFactor": 1, "mobile": True})
    devtools.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    assert page.evaluate("matchMedia('(hover: none) and (pointer: coarse)').matches")
    yield page
    devtools.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    devtools.detach()


def test_on_a_phone_titles_are_read_in_full_and_no_clickable_figure_is_missing_from_the_test_of_taps(on_a_phone: Page):
    at_rest(on_a_phone, FORM)
    for end in (0, 1):
        wrong, said = at_rest(on_a_phone, TITLES, [end])
        assert wrong == []
        assert said or not on_a_phone.locator(".js-plotly-plot").count()
        assert all(text.startswith(title) for text, title in said if "<" not in title)
    assert {figure.name for figure in FIGURES}.issuperset(on_a_phone.evaluate(CLICKABLE))


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.outerHTML")


def test_a_new_result_is_announced_once(visitor: Visitor):
    page = visitor.open("/activation_patching", model="ioi-demo")
    region = page.locator(".st-key-unseen").get_by_role("status")
    expect(region).to_be_empty()
    region.evaluate("region => { region.stillThere = true; }")
    pick(page, "Cell", "head 0.0")
    expect(part(page, "A closer look: head 0.0")).to_be_visible()
    visitor.settled()
    expect(region).to_have_text(next(sentence for sentence in visitor.says() if "head 0.0" in sentence))
    assert region.evaluate("region => region.stillThere"), "a new region announces nothing"


@pytest.mark.parametrize("view", ["logit lens", "circuit, backup heads", "circuit, direct and total"])
def test_a_head_is_opened_by_keyboard_where_a_click_on_a_figure_opens_it(visitor: Visitor, view: str):
    path, query = VIEWS[view]
    page = visitor.open(path, model="ioi-demo", parts="open", **query)
    pick(page, "A head to look at", "2.3")
    button = page.get_by_role("button", name="Open head 2.3")
    expect(button).to_be_visible()
    visitor.settled()
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What does head 2.3 do?")).to_be_visible()
    visitor.settled()


def test_focus_is_seen_and_nothing_moves_by_itself(chromium: Browser, server: str):
    visitor = Visitor(chromium, server, reduced_motion="reduce")
    page = visitor.open("/prompt", model="ioi-demo")
    outline = "getComputedStyle(document.activeElement.closest('label') || document.activeElement).outline"
    seen = []
    for _ in range(25):
        page.keyboard.press("Tab")
        kind = page.evaluate("document.activeElement.tagName + (document.activeElement.type || '')").lower()
        if kind in ("a", "summary", "inputradio") or kind.startswith("button"):
            assert "3px" in page.evaluate(outline), focused(page)
            seen.append(kind)
    assert {"a", "inputradio"} <= set(seen)
    slow = "animation => Number(animation.effect.getComputedTiming().duration) > 1"
    assert page.evaluate(f"document.getAnimations().filter({slow}).length") == 0
    visitor.leave()
