"""The activation patching page in a real browser: real cells are clicked, numbers compared with the core."""

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.words.phrases import number
from ioi_core import Model, PatchResult, arena_pairs, attention_patterns, patch_activations
from tests.browser.visitor import WAIT, Visitor, figure, hover, part, pick
from tests.models.bundled import SHAPE

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATH = "/activation_patching"


def click_cell(page: Page, result: PatchResult, row: int, column: int, *, off_centre: float = 0.0) -> None:
    """Click inside a cell of the heatmap; `off_centre` up to 0.5 is towards its lower right corner."""
    plot = page.locator(".st-key-figure-patch_heatmap .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    rows, columns = result.values.shape
    x = box["x"] + box["width"] * (column + 0.5 + off_centre) / columns
    y = box["y"] + box["height"] * (row + 0.5 + off_centre) / rows
    hover(page, x, y)
    page.mouse.click(x, y)


def test_heatmap_shows_the_cores_numbers_and_a_click_looks_closer(visitor: Visitor, demo_model: Model) -> None:
    page = visitor.open(PATH, model="ioi-demo")
    result = patch_activations(demo_model, arena_pairs(demo_model), "z")
    heatmap = figure(page, "patch_heatmap")["traces"][0]
    np.testing.assert_allclose(heatmap["z"], result.effects.mean(-1), atol=1e-5)
    last = SHAPE[0] - 1, SHAPE[1] - 1
    for layer, head, off_centre in ((2, 3, 0.0), (0, 1, 0.4), (*last, -0.4)):
        click_cell(page, result, layer, head, off_centre=off_centre)
        expect(part(page, f"A closer look: head {layer}.{head}")).to_be_visible(timeout=WAIT)
        visitor.settled()
        bars = figure(page, "patch_prompts")["traces"][0]
        np.testing.assert_allclose(bars["y"], result.effects[layer, head], atol=1e-5)
        effect = float(result.effects[layer, head].mean())
        assert any(f"({number(effect)}).\nMean over 8 prompts, 95 %" in text for text in visitor.says())
    patterns = attention_patterns(demo_model, arena_pairs(demo_model).clean_tokens[:1])
    drawn = figure(page, "patch_attention_clean")["traces"][0]["z"]
    seen = np.tri(len(drawn), dtype=bool)
    np.testing.assert_allclose(np.array(drawn)[seen].astype(float), patterns.values[0, *last][seen], atol=1e-5)


def test_a_link_to_a_cell_reproduces_it(visitor: Visitor, chromium: Browser, server: str) -> None:
    page = visitor.open(PATH, model="ioi-demo", site="resid_pre", direction="noising")
    pick(page, "Cell", "layer 1, position 12")
    expect(part(page, "A closer look: layer 1 at position 12")).to_be_visible(timeout=WAIT)
    page.wait_for_function("location.search.includes('position')", timeout=WAIT)
    other = Visitor(chromium, server)
    other.page.goto(page.url)
    other.settled()
    expect(part(other.page, "A closer look: layer 1 at position 12")).to_be_visible(timeout=WAIT)
    assert other.says() == visitor.says()
    other.leave()


def test_a_cell_that_is_gone_is_not_shown_as_chosen(visitor: Visitor) -> None:
    page = visitor.open(PATH, model="ioi-demo", site="resid_pre")
    pick(page, "Cell", "layer 1, position 14")
    expect(part(page, "A closer look: layer 1 at position 14")).to_be_visible(timeout=WAIT)
    page.get_by_text("BOS in front").click()  # one token less
    expect(part(page, "A closer look: layer 1 at position 14")).not_to_be_visible(timeout=WAIT)
    visitor.settled()
    box = page.get_by_role("combobox", name=re.compile("Cell"))
    expect(box).to_have_value("")
    chosen = box.get_attribute("placeholder") or ""
    assert re.fullmatch(r"layer \d, position (\d|1[0-3])", chosen)
    layer, position = re.findall(r"\d+", chosen)
    expect(part(page, f"A closer look: layer {layer} at position {position} (")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium: Browser, server: str, scheme: str) -> None:
    visitor = Visitor(chromium, server, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = visitor.open(PATH, model="ioi-demo", parts="open")
    expect(page.locator(".st-key-figure-patch_heatmap")).to_be_visible(timeout=WAIT)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the page itself never scrolls sideways"
    visitor.leave()
