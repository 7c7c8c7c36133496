"""The Edges page in a real browser: edges are dropped by clicks, numbers compared with the core."""

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from app.edges.plan import first_size
from app.words.phrases import in_percent
from ioi_core import EdgeGraph, Model, arena_pairs, edge_scores, evaluate_edges
from ioi_core.edges.evaluation import strongest_mask
from tests.browser.visitor import WAIT, Visitor, figure, hover, read_chart
from tests.models.bundled import MOVERS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
FIRST, SECOND = (f"{mover}->logits" for mover in MOVERS[:2])


def click_edge(page: Page, name: str) -> None:
    """Click in the middle of an edge, where its point for clicks is drawn."""
    chart = page.locator(".st-key-figure-edge_graph .js-plotly-plot")
    chart.scroll_into_view_if_needed()
    x, y = chart.evaluate(
        """(chart, name) => {
            const targets = chart._fullData.find(trace => (trace.customdata || []).some(([key]) => key === name));
            const at = targets.customdata.findIndex(([key]) => key === name) + 2;
            const { xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(targets.x[at]), box.y + yaxis._offset + yaxis.d2p(targets.y[at])];
        }""",
        name,
    )
    hover(page, x, y)
    page.mouse.click(x, y)


def test_edges_are_dropped_by_clicks_and_kept_again(visitor: Visitor, demo_model: Model) -> None:
    pairs, graph = arena_pairs(demo_model), EdgeGraph.of(demo_model)
    scores = edge_scores(demo_model, pairs, "exact")
    mask = strongest_mask(graph, scores.values, first_size(graph.n_edges))

    def expect_said(dropped: list[str]) -> None:
        edges = [edge for edge in graph.edges(mask) if "->".join(edge) not in dropped]
        found = evaluate_edges(demo_model, pairs, edges)
        said = f"{found.n_edges:,} of {graph.n_edges:,} edges"
        expect(page.locator(".ioi-says").first).to_contain_text(said, timeout=WAIT)
        expect(page.locator(".ioi-says").first).to_contain_text(
            f"recover {in_percent(found.faithfulness)} of", timeout=WAIT
        )
        visitor.settled()

    page = visitor.open("/edges", model="ioi-demo")
    expect_said([])
    assert str(MOVERS[0]) in {
        text for trace in figure(page, "edge_graph")["traces"] for text in trace.get("text") or []
    }
    boxes = read_chart(page, "edge_graph", "chart => chart.layout.annotations.map(box => box.text)")
    assert boxes == ["embed", "logits"]
    click_edge(page, FIRST)
    expect_said([FIRST])
    click_edge(page, SECOND)
    expect_said([FIRST, SECOND])
    assert set(page.get_by_label("Changes", exact=True).input_value().split(", ")) == {f"-{FIRST}", f"-{SECOND}"}
    click_edge(page, FIRST)
    expect_said([SECOND])
    page.reload()
    visitor.settled()
    expect_said([SECOND])


def test_the_parts_draw_the_cores_numbers(visitor: Visitor, demo_model: Model) -> None:
    pairs = arena_pairs(demo_model)
    page = visitor.open("/edges", model="ioi-demo", parts="open", edge_method="EAP-IG")
    scores = edge_scores(demo_model, pairs, "eap_ig")
    points = figure(page, "edge_estimate")["traces"][0]
    drawn = np.sort(np.array(points["x"], dtype=float))
    np.testing.assert_allclose(drawn, np.sort(-scores.values[np.isfinite(scores.values)]), atol=1e-5)
    assert any("EAP-IG" in text and "CMD" in text for text in visitor.says())


def test_a_pasted_circuit_of_heads_is_put_on_the_page_and_in_the_link(visitor: Visitor, demo_model: Model) -> None:
    page = visitor.open("/edges", model="ioi-demo", part_files="true", edge_method="EAP")
    heads = f"{MOVERS[0]}, {MOVERS[1]}"
    box = page.get_by_label("A circuit from elsewhere", exact=False)
    box.fill(heads)
    box.blur()
    found = evaluate_edges(demo_model, arena_pairs(demo_model), heads)
    expect(page.locator(".ioi-says").filter(has_text="The pasted circuit recovers")).to_contain_text(
        in_percent(found.faithfulness), timeout=WAIT
    )
    page.locator(".st-key-edges_pasted_on button").click()
    expect(page.locator(".ioi-says").first).to_contain_text(f"{found.n_edges:,} of", timeout=WAIT)
    visitor.settled()
    page.reload()
    visitor.settled()
    expect(page.locator(".ioi-says").first).to_contain_text(f"{found.n_edges:,} of", timeout=WAIT)
