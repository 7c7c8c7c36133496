"""The attention page in a real browser: real clicks, the drawn numbers against the core, also inside circuitsvis."""

import csv
import time
import urllib.request

import numpy as np
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from app.attention import circuitsvis_frame
from app.words.phrases import size
from ioi_core import Model, arena_pairs, attention_patterns, attribute_heads, prompt_pairs
from tests.browser.visitor import WAIT, Visitor, figure, hover, in_both_schemes, pick, read_chart
from tests.models.bundled import INHIBITION, MOVERS, SHAPE

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATH = "/attention"
SCRIPT = "</script><script>document.title='hacked'</script>"


def patterns_of(model: Model, row: int = 0, *, weighted: bool = False) -> tuple[np.ndarray, np.ndarray]:
    pairs, one = arena_pairs(model), slice(row, row + 1)
    return tuple(
        attention_patterns(model, tokens[one], weighted=weighted).values[0]
        for tokens in (pairs.clean_tokens, pairs.corrupted_tokens)
    )


def numbers(drawn: list) -> np.ndarray:
    """Cells as the browser has them; nan where there is nothing."""
    return np.array(drawn, dtype=float)


def assert_drawn(page: Page, name: str, expected: np.ndarray) -> None:
    drawn = numbers(figure(page, name)["traces"][0]["z"])
    seen = np.tri(len(expected), dtype=bool)
    np.testing.assert_allclose(drawn[seen], expected[seen], atol=1e-5)
    assert np.isnan(drawn[~seen]).all()


def assert_overview(page: Page, expected: np.ndarray) -> None:
    drawn = numbers(figure(page, "attention_overview")["traces"][1]["z"])
    n_layers, n_heads, length, _ = expected.shape
    step = len(drawn) // n_layers
    assert drawn.shape == (n_layers * step, n_heads * step)
    for layer in range(n_layers):
        for head in range(n_heads):
            block = drawn[layer * step :, head * step :][:length, :length]
            np.testing.assert_allclose(np.nan_to_num(block), np.tril(expected[layer, head]), atol=1e-4)


def click_head(page: Page, layer: int, head: int, shape: tuple[int, int], *, off_centre: float = 0.0) -> None:
    """Click inside a small pattern of the overview; `off_centre` up to 0.5 is towards its lower right corner."""
    plot = page.locator(".st-key-figure-attention_overview .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    x = box["x"] + box["width"] * (head + 0.5 + off_centre) / shape[1]
    y = box["y"] + box["height"] * (layer + 0.5 + off_centre) / shape[0]
    hover(page, x, y)
    page.mouse.click(x, y)


def choose(page: Page, group: str, option: str) -> None:
    page.get_by_role("radiogroup", name=group, exact=True).get_by_text(option, exact=True).click()


def circuitsvis(page: Page, run: str) -> FrameLocator:
    """The drawing's own document, once it is drawn."""
    outer = page.locator(f".st-key-circuitsvis-{run} iframe")
    outer.scroll_into_view_if_needed()  # browsers draw frames of foreign origin only where they can be seen
    inner = outer.content_frame.locator("iframe").content_frame
    expect(inner.locator("canvas").last).to_be_visible(timeout=WAIT)
    return inner


def painted(frame: FrameLocator, index: int, length: int) -> np.ndarray:
    """[query_pos key_pos 3] the colours in the middle of each cell of a small square."""
    read = """(canvas, n) => {
        const context = canvas.getContext("2d"), at = k => Math.floor((k + 0.6) * canvas.width / n);
        return Array.from({length: n}, (_, q) => Array.from({length: n},
            (_, k) => Array.from(context.getImageData(at(k), at(q), 1, 1).data.slice(0, 3))));
    }"""
    for _ in range(100):
        colours = np.array(frame.locator("canvas").nth(index).evaluate(read, length), dtype=float)
        if (colours[~np.tri(length, dtype=bool)] == 200).all():
            break
        time.sleep(0.2)  # it is still being painted
    return colours


def test_all_heads_are_drawn_and_a_click_looks_closer(visitor: Visitor, demo_model: Model) -> None:
    page = visitor.open(PATH, model="ioi-demo")
    clean, corrupted = patterns_of(demo_model)
    assert_overview(page, clean)
    for layer, head, off_centre in ((2, 3, 0.0), (0, 0, 0.3), (SHAPE[0] - 1, SHAPE[1] - 1, -0.3)):
        click_head(page, layer, head, clean.shape[:2], off_centre=off_centre)
        said = page.locator(".ioi-says", has_text=f"From END, head {layer}.{head} looks most at")
        expect(said).to_be_visible(timeout=WAIT)
        visitor.settled()
        assert_drawn(page, "attention_head_clean", clean[layer, head])
        assert_drawn(page, "attention_head_corrupted", corrupted[layer, head])
        assert_drawn(page, "attention_head_difference", clean[layer, head] - corrupted[layer, head])
        most = int(clean[layer, head, 14].argmax())
        expect(said).to_contain_text(f"({size(clean[layer, head, 14, most])})")
        page.wait_for_function(f"location.search.includes('head={layer}.{head}')", timeout=WAIT)


def test_corrupted_difference_and_value_weighted(visitor: Visitor, demo_model: Model) -> None:
    page = visitor.open(PATH, model="ioi-demo", shown="3")
    clean, corrupted = patterns_of(demo_model, 2)
    choose(page, "Prompt", "difference")
    expect(page.locator(".ioi-says").first).to_contain_text("changes most", timeout=WAIT)
    visitor.settled()
    assert_overview(page, clean - corrupted)
    choose(page, "Attention", "value-weighted")
    choose(page, "Prompt", "corrupted")
    expect(page.locator(".ioi-says").first).to_contain_text("In corrupted prompt 3", timeout=WAIT)
    visitor.settled()
    assert "Value-weighted attention of all heads, corrupted prompt 3" in figure(page, "attention_overview")["title"]
    assert_overview(page, patterns_of(demo_model, 2, weighted=True)[1])


def test_circuitsvis_paints_the_cores_numbers(visitor: Visitor, demo_model: Model) -> None:
    page = visitor.open(PATH, model="ioi-demo", top="3", part_side_by_side="true")
    direct = attribute_heads(demo_model, arena_pairs(demo_model)).values
    heads = [divmod(int(n), direct.shape[1]) for n in np.argsort(-np.abs(direct), axis=None)[:3]]
    for run, values in zip(("clean", "corrupted"), patterns_of(demo_model), strict=True):
        frame = circuitsvis(page, run)
        assert frame.locator("h4").all_inner_texts() == [f"{layer}.{head}" for layer, head in heads]
        for index, place in enumerate(heads):
            colours, pattern = painted(frame, index, 15), values[place]
            seen = np.tri(15, dtype=bool)
            assert (colours[~seen] == 200).all(), "later tokens are grey"
            darkness = 255 - colours.mean(-1)
            strong, none = seen & (pattern > 0.9), seen & (pattern < 0.02)
            assert (darkness[none] < 12).all()
            assert (darkness[strong] > 120).all()
            order = np.argsort(pattern[seen])
            assert np.corrcoef(pattern[seen][order], darkness[seen][order])[0, 1] > 0.98
    frame.locator("h4", has_text=f"{heads[2][0]}.{heads[2][1]}").click()
    expect(frame.locator("h3").last).to_have_text(f"{heads[2][0]}.{heads[2][1]} Zoomed")


def test_a_prompt_that_is_script_is_drawn_literally_and_runs_nowhere(visitor: Visitor, demo_model: Model) -> None:
    page = visitor.open(PATH, model="ioi-demo", parts="open")
    page.get_by_text("own", exact=True).click()
    text = f"When Mary and John met{SCRIPT}, John gave a bag to"
    for label, value in (("IO (optional)", "Mary"), ("S (optional)", "John"), ("Prompts, one a line", text)):
        field = page.get_by_label(label, exact=True)
        field.fill(value)
        field.press("Control+Enter")
        # Not `settled`: IO without S may be refused, and then there are no chips.
        expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached(timeout=WAIT)
    expect(page.locator(".ioi-chips").first).to_contain_text("acked", timeout=WAIT)
    visitor.settled()
    pairs = prompt_pairs(demo_model, text, None, "Mary", "John")
    values = attention_patterns(demo_model, pairs.clean_tokens).values[0]
    assert_overview(page, values)
    labels = page.locator(".st-key-figure-attention_head_clean .ytick text").all_text_contents()
    assert len(labels) == pairs.lengths[0]
    assert "".join(labels).count("script") == SCRIPT.count("script")
    for run in ("clean", "corrupted"):
        frame = circuitsvis(page, run)
        tokens = frame.locator("#props").evaluate("script => JSON.parse(script.textContent).tokens")
        assert "".join(tokens).removeprefix("BOS").replace("·", " ") == (
            text if run == "clean" else text.replace(", John gave", ", Mary gave")
        )
        assert frame.locator("body").evaluate("() => document.title") == ""
        assert frame.locator("script").count() == 3, "the data, the start, and the library that it loads"
    assert "hacked" not in page.title()
    assert page.evaluate("[...document.scripts].filter(s => s.textContent.includes('hacked')).length") == 0


def test_the_frame_cannot_reach_the_page_or_the_network(visitor: Visitor) -> None:
    page = visitor.open(PATH, model="ioi-demo", parts="open")
    frame = circuitsvis(page, "clean")
    tried = frame.locator("body").evaluate(
        """async () => {
            const tries = {
                parent: () => parent.parent.document.title, storage: () => localStorage.length,
                cookie: () => document.cookie, network: () => fetch("/_stcore/health"),
            };
            const refused = [];
            for (const [name, go] of Object.entries(tries)) try { await go(); } catch { refused.push(name); }
            const element = document.createElement("div");
            document.body.append(element);
            element.innerHTML = "<img src=x onerror='window.hacked = 1'>";
            await new Promise(done => setTimeout(done, 300));
            return [refused, window.hacked];
        }"""
    )
    assert tried == [["parent", "storage", "cookie", "network"], None]
    visitor.complaints = [text for text in visitor.complaints if "Content Security Policy" not in text]


def test_it_says_so_where_the_library_cannot_be_loaded(server: str, visitor: Visitor) -> None:
    # The frame alone, with an address that is not served: Playwright's routes reach a frame without rights too late.
    page = visitor.page
    page.goto(f"{server}/_stcore/health")
    page.set_content(circuitsvis_frame.frame("/app/static/not-there.js", {"attention": []}, "no heads"))
    drawing = page.frame_locator("iframe")
    expect(drawing.get_by_text("could not be loaded")).to_be_visible(timeout=WAIT)
    assert drawing.locator("canvas").count() == 0
    visitor.complaints = [text for text in visitor.complaints if "404" not in text]


def test_the_library_is_served_as_script(server: str, visitor: Visitor) -> None:
    page = visitor.open(PATH, model="ioi-demo", parts="open")
    address = circuitsvis(page, "clean").locator("html").get_attribute("data-library")
    assert address is not None
    with urllib.request.urlopen(server + address) as answer:
        assert "javascript" in answer.headers["Content-Type"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_link_reproduces_the_view(visitor: Visitor, chromium: Browser, server: str) -> None:
    page = visitor.open(PATH, model="ioi-demo", prompts="generated", n="9", shown="4", parts="open")
    choose(page, "Attention", "value-weighted")
    choose(page, "Prompt", "difference")
    head = str(INHIBITION[0])
    for label, option in (("Which heads", "patching"), ("Head (or click", head)):
        pick(page, label, option)
        visitor.settled()
    for asked in (f"head={head}", "by=patching"):
        page.wait_for_function("asked => location.search.includes(asked)", arg=asked, timeout=WAIT)
    # The address changes with the click, the page a run of its script later.
    expect(page.locator(".ioi-says").filter(has_text=f"From END, head {head}").first).to_be_visible(timeout=WAIT)
    visitor.settled()
    titled = "(chart, head) => chart.layout.title.text.includes(head)"
    read_chart(page, "attention_head_clean", titled, head)
    seen = visitor.says(), figure(page, "attention_overview"), figure(page, "attention_head_clean")
    other = Visitor(chromium, server)
    other.page.goto(page.url)
    other.settled()
    assert any(f"From END, head {head}" in text for text in other.says())
    read_chart(other.page, "attention_head_clean", titled, head)
    there = other.says(), figure(other.page, "attention_overview"), figure(other.page, "attention_head_clean")
    assert there == seen
    other.leave()


def test_the_csv_holds_the_patterns(visitor: Visitor, demo_model: Model) -> None:
    head = MOVERS[0]
    visitor.open(PATH, model="ioi-demo", head=str(head))
    file = visitor.take_home("attention_head", "Data (CSV)")
    with file.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    clean, corrupted = patterns_of(demo_model)
    assert len(rows) == 15 * 16 // 2
    for row in rows:
        place = head.layer, head.head, int(row["query_pos"]), int(row["key_pos"])
        assert float(row["attention_clean"]) == pytest.approx(clean[place], abs=1e-5)
        assert float(row["attention_corrupted"]) == pytest.approx(corrupted[place], abs=1e-5)
    assert rows[-1]["clean_key_token"] == " to"


@pytest.mark.parametrize("width", [360, 1440])
def test_it_fits_phone_and_screen(chromium: Browser, server: str, width: int) -> None:
    visitor = Visitor(chromium, server, viewport={"width": width, "height": 740})
    page = visitor.open(PATH, model="ioi-demo", size="large" if width == 1440 else "normal", top="6", parts="open")
    frame = circuitsvis(page, "clean")
    for scheme in in_both_schemes(page):
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{scheme} never scrolls sideways"
        inside = frame.locator("html").evaluate(
            "e => [e.scrollWidth - innerWidth, e.scrollHeight - innerHeight, getComputedStyle(e).backgroundColor]"
        )
        assert inside == [0, 0, "rgb(255, 255, 255)"], f"nothing of the drawing is cut, on white: {scheme}"
        slack = frame.locator("#cv").evaluate("e => innerHeight - e.getBoundingClientRect().bottom")
        assert slack < 60, "no empty space below the drawing"
    visitor.leave()
