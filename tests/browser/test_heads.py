"""The Heads page in a real browser: reached by clicks from every other page, its drawn numbers the core's."""

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.drawing.by_template_charts import template_groups
from ioi_core import Head, Model, arena_pairs, attention_and_writing, attribute_heads, ioi_dataset, patch_paths
from tests.browser.visitor import WAIT, Visitor, figure, hover
from tests.models.bundled import INHIBITION, MOVERS, SHAPE

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def expect_head(page: Page, head: Head) -> None:
    expect(page.get_by_role("heading", name=f"What does head {head} do?")).to_be_visible(timeout=WAIT)


def check_direct(visitor: Visitor, model: Model, pairs, head: Head) -> None:
    visitor.settled()
    bars = figure(visitor.page, "head_direct")["traces"][0]["y"]
    np.testing.assert_allclose(bars, attribute_heads(model, pairs).per_prompt[head.layer, head.head], atol=1e-3)


def test_a_link_shows_the_cores_numbers(visitor: Visitor, demo_model: Model) -> None:
    pairs, head = arena_pairs(demo_model), MOVERS[0]
    page = visitor.open("/heads", model="ioi-demo", head=str(head), part_writes="true")
    check_direct(visitor, demo_model, pairs, head)
    found = attention_and_writing(demo_model, pairs)
    traces = figure(page, "head_writing")["traces"][:3]
    for n, trace in enumerate(traces):
        np.testing.assert_allclose(trace["x"], found.attention[n, head.layer, head.head], atol=1e-5)
        np.testing.assert_allclose(trace["y"], found.per_prompt[n, head.layer, head.head], atol=1e-3)


def test_template_by_template_by_a_click(visitor: Visitor, demo_model: Model) -> None:
    head = MOVERS[0]
    page = visitor.open("/heads", model="ioi-demo", head=str(head), prompts="generated", n="20", seed="3")
    page.get_by_text("Template by template").first.click()
    expect(page.locator(".st-key-figure-by_template_head_direct .js-plotly-plot")).to_be_visible(timeout=WAIT)
    visitor.settled()
    pairs = ioi_dataset(demo_model, 20, seed=3)
    direct = attribute_heads(demo_model, pairs).per_prompt[head.layer, head.head]
    means = [direct[group.rows].mean() for group in template_groups(pairs)]
    np.testing.assert_allclose(figure(page, "by_template_head_direct")["traces"][0]["x"], means, atol=1e-3)
    assert "templates_head_direct=true" in page.url


def test_edges_are_computed_and_lead_on(visitor: Visitor, demo_model: Model) -> None:
    head = INHIBITION[0]
    # Prompts of its own: what another test of this server has computed is there without a button.
    prompts = {"prompts": "generated", "n": "6", "seed": "49"}
    page = visitor.open("/heads", model="ioi-demo", head=str(head), part_edges="true", **prompts)
    page.get_by_role("button", name=f"Compute the edges of head {head}").click()
    expect(page.locator(".st-key-figure-head_edges_in")).to_be_visible(timeout=WAIT)
    visitor.settled()
    drawn = figure(page, "head_edges_in")["traces"][0]["x"]
    pairs = ioi_dataset(demo_model, 6, seed=49)
    results = [patch_paths(demo_model, pairs, [head], receiver_input=x) for x in "qkv"]
    every = np.concatenate([np.append(r.values[: head.layer].ravel(), r.mlp_values[: head.layer]) for r in results])
    assert max(map(abs, drawn)) == pytest.approx(float(np.abs(every).max()), abs=1e-5)


def test_a_click_on_a_direct_effect_opens_the_head_on_the_same_prompts(visitor: Visitor, demo_model: Model) -> None:
    page = visitor.open(
        "/logit_lens", model="ioi-demo", prompts="generated", n="5", seed="7", bos="false", parts="open"
    )
    plot = page.locator(".st-key-figure-attribution_by_head .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    head, columns = MOVERS[1], SHAPE[1] + 1.5  # b_O, half a column to the right
    x = box["x"] + box["width"] * (head.head + 0.5) / columns
    y = box["y"] + box["height"] * (head.layer + 0.5) / SHAPE[0]
    hover(page, x, y)
    page.mouse.click(x, y)
    expect_head(page, head)
    check_direct(visitor, demo_model, ioi_dataset(demo_model, 5, seed=7, prepend_bos=False), head)


@pytest.mark.parametrize("path", ["/activation_patching", "/path_patching", "/attention"])
def test_other_pages_link_to_the_head_they_show(visitor: Visitor, demo_model: Model, path: str) -> None:
    page = visitor.open(path, model="ioi-demo", prompts="generated", n="4", seed="3", parts="open")
    link = page.get_by_role("button", name="Open head").first
    link.scroll_into_view_if_needed()
    head = Head.parse(link.inner_text().split()[-1])
    link.click()
    expect_head(page, head)
    check_direct(visitor, demo_model, ioi_dataset(demo_model, 4, seed=3), head)


def test_one_head_after_another_can_be_opened(visitor: Visitor) -> None:
    """What was looked at before does not stand in the way of the next link."""
    page = visitor.open("/path_patching", model="ioi-demo")
    for n in range(2):
        link = page.get_by_role("button", name="Open head").nth(n)
        head = Head.parse(link.inner_text().split()[-1])
        link.click()
        expect_head(page, head)
        visitor.settled()
        visitor.go("Path patching")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium: Browser, server: str, scheme: str) -> None:
    visitor = Visitor(chromium, server, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for shown in ("one head", "all heads"):
        page = visitor.open("/heads", model="ioi-demo", heads_shown=shown, parts="open")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the page itself never scrolls sideways"
    visitor.leave()


def test_the_size_of_what_is_chosen_is_seen_as_a_colour(visitor: Visitor) -> None:
    """With reduced motion too: the table asks the browser what a colour is, which must not fade from the last one."""
    page = visitor.open("/heads", model="ioi-demo", heads_shown="all heads")
    inside = """canvas => {  // of the third column's first cell, left of its number
        const scale = canvas.width / canvas.getBoundingClientRect().width;
        return [...canvas.getContext('2d').getImageData(scale * 160, scale * 52, 1, 1).data].slice(0, 3);
    }"""
    red, green, blue = page.locator(".st-key-table-all_heads canvas").first.evaluate(inside)
    assert blue > green > red, "head 4.1 writes most towards the answer"
