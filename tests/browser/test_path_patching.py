"""The path patching page in a real browser: the demo circuit is rebuilt by clicking, numbers compared with the core."""

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.words.phrases import number
from ioi_core import Head, Model, PathResult, arena_pairs, explain_attention, patch_paths
from tests.browser.visitor import WAIT, Visitor, figure, hover
from tests.models.bundled import BACKUP, MOVERS, SHAPE

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PATH = "/path_patching"


def drawn(page: Page) -> np.ndarray:
    return np.array(figure(page, "path_heatmap")["traces"][0]["z"], dtype=float)


def click_sender(page: Page, layer: int, head: int) -> None:
    plot = page.locator(".st-key-figure-path_heatmap .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * (head + 0.5) / (SHAPE[1] + 1), box["y"] + box["height"] * (layer + 0.5) / SHAPE[0]
    hover(page, x, y)
    page.mouse.click(x, y)


def check_heatmap(page: Page, result: PathResult) -> None:
    z, n_layers = drawn(page), result.receivers[-1].layer if result.receivers else SHAPE[0]
    np.testing.assert_allclose(z[:n_layers, :-1], result.values[:n_layers], atol=1e-5)
    np.testing.assert_allclose(z[:n_layers, -1], result.mlp_values[:n_layers], atol=1e-5)
    assert np.isnan(z[n_layers:]).all(), "no path is not painted 0"


def test_the_circuit_is_rebuilt_by_clicking(visitor: Visitor, demo_model: Model) -> None:
    """logits <- three name movers' queries <- one head's values: figure 2 of the paper, on the bundled model."""
    pairs = arena_pairs(demo_model)
    page = visitor.open(PATH, model="ioi-demo", part_paths="true")
    check_heatmap(page, patch_paths(demo_model, pairs))
    movers = [*MOVERS, *BACKUP]
    onto_movers = f"→ {' '.join(map(str, movers))} q"
    for head in movers:
        click_sender(page, head.layer, head.head)
        expect(page.locator(".st-key-next_receivers").get_by_text(str(head), exact=True)).to_be_visible(timeout=WAIT)
        visitor.settled()
    page.get_by_role("button", name="queries (q)?").click()
    expect(page.get_by_role("button", name=onto_movers)).to_be_visible(timeout=WAIT)
    visitor.settled()
    onto_queries = patch_paths(demo_model, pairs, movers, receiver_input="q")
    check_heatmap(page, onto_queries)
    layer, head = np.unravel_index(np.nanargmax(np.abs(onto_queries.values)), onto_queries.values.shape)
    said = f"head {layer}.{head} ({number(float(onto_queries.values[layer, head]))})"
    assert any(said in text for text in visitor.says())
    click_sender(page, int(layer), int(head))
    expect(page.locator(".st-key-next_receivers").get_by_text(f"{layer}.{head}", exact=True)).to_be_visible(
        timeout=WAIT
    )
    visitor.settled()
    page.get_by_role("button", name="values (v)?").click()
    expect(page.get_by_role("button", name=f"→ {layer}.{head} v")).to_be_visible(timeout=WAIT)
    visitor.settled()
    check_heatmap(page, patch_paths(demo_model, pairs, [Head(int(layer), int(head))], receiver_input="v"))
    nodes = {re.sub("<[^>]*>", "", name) for name in figure(page, "path_graph")["traces"][-1]["text"]}
    assert {"logits", *map(str, movers), f"{layer}.{head}"} <= nodes
    page.get_by_role("button", name=onto_movers).click()
    expect(page.get_by_role("button", name=f"→ {layer}.{head} v")).not_to_be_visible(timeout=WAIT)
    visitor.settled()
    check_heatmap(page, onto_queries)


def test_a_link_reproduces_a_trail(visitor: Visitor, demo_model: Model) -> None:
    mover = MOVERS[0]
    page = visitor.open(
        PATH,
        model="ioi-demo",
        trail=f"logits > {mover} q",
        path_direction="denoising",
        why_head=str(mover),
        why_key="S2",
    )
    pairs = arena_pairs(demo_model)
    result = patch_paths(
        demo_model, pairs, [mover], receiver_input="q", direction="denoising", metric="logit_diff_recovered"
    )
    check_heatmap(page, result)
    split = explain_attention(demo_model, pairs, mover, "END", "S2")
    assert any(f"the attention logit is {number(split.logits.mean())}" in text for text in visitor.says())
    for n, side in enumerate(split.axes["side"]):
        bars = figure(page, f"path_split_{side}")["traces"][0]["x"]
        assert sum(bars) == pytest.approx(float(split.logits.mean()), abs=1e-3)
        assert max(map(abs, bars[:10])) == pytest.approx(float(np.abs(split.values[n]).max()), abs=1e-4)


def test_the_graph_can_be_kept(visitor: Visitor) -> None:
    visitor.open(PATH, model="ioi-demo", trail=f"logits > {MOVERS[0]} q", part_paths="true")
    text = visitor.take_home("path_graph", "Web page").read_text()
    assert "Paths found along your trail" in text
    assert "<script src" not in text, "it needs no network"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium: Browser, server: str, scheme: str) -> None:
    visitor = Visitor(chromium, server, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = visitor.open(PATH, model="ioi-demo", trail=f"logits > {' '.join(map(str, MOVERS + BACKUP))} q", parts="open")
    expect(page.locator(".st-key-figure-path_heatmap")).to_be_visible(timeout=WAIT)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the page itself never scrolls sideways"
    visitor.leave()
