"""The Circuit page in a real browser: the circuit is broken by clicks, and every number drawn is the core's."""

import time
import urllib.parse

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.circuit.members import KEPT_AT
from app.words.phrases import number
from ioi_core import (
    Circuit,
    Model,
    PromptPairs,
    completeness_sets,
    edit_circuit,
    evaluate_circuit,
    head_roles,
    ioi_dataset,
)
from ioi_core.circuit.definition import NO_HEADS
from tests.browser.visitor import WAIT, Visitor, figure, hover, read_chart
from tests.models.bundled import INHIBITION, MOVERS, PREVIOUS

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CIRCUIT = "/circuit"
VIEW = {
    "model": "ioi-demo",
    "prompts": "generated",
    "n": "50",
    "corruption": "ABC",
    "circuit_start": "heads with measured roles",
}
CHECKED = dict.fromkeys(("part_levels", "part_minimality", "part_templates"), "true")
"""The parts with the figures that `check` reads."""
WHERE = """(chart, name) => {
    const box = chart.querySelector('.nsewdrag').getBoundingClientRect();
    for (const trace of chart._fullData) {
        const n = (trace.customdata || []).findIndex(cell => cell[0] === name);
        if (n >= 0) return [box.left + chart._fullLayout.xaxis.d2p(trace.x[n]),
                            box.top + chart._fullLayout.yaxis.d2p(trace.y[n])];
    }
}"""


@pytest.fixture(scope="module")
def pairs(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 50, corruption="abc")


@pytest.fixture(scope="module")
def start(demo_model: Model, pairs: PromptPairs) -> Circuit:
    found = head_roles(demo_model, pairs)
    return Circuit.of([(head, KEPT_AT[role]) for role in found.axes["role"] for head in found.heads(role)])


def changes(page: Page) -> str:
    query = urllib.parse.parse_qs(urllib.parse.urlparse(page.url).query)
    return query.get("circuit", [""])[0]


def click(visitor: Visitor, member: str, then: str) -> float:
    """Click a head in the graph; the seconds until the numbers have changed."""
    page, summary = visitor.page, visitor.page.locator(".st-key-circuit-summary")
    page.locator(".st-key-figure-circuit_graph .js-plotly-plot").scroll_into_view_if_needed()
    before = summary.inner_text()
    x, y = read_chart(page, "circuit_graph", WHERE, member)
    hover(page, x, y)
    clicked = time.monotonic()
    page.mouse.click(x, y)
    expect(summary).not_to_have_text(before, use_inner_text=True, timeout=WAIT)
    took = time.monotonic() - clicked
    visitor.settled()
    assert changes(page) == then
    return took


def check(page: Page, model: Model, pairs: PromptPairs, start: Circuit, off: Circuit) -> None:
    """The bars, and the members' own, are those of `edit_circuit`."""
    expected = edit_circuit(model, pairs, start, off)
    before = evaluate_circuit(model, pairs, start)
    now = expected.evaluation
    levels = [now.model_logit_diff, now.logit_diff, now.empty_logit_diff]
    if off:
        gone = float(expected.completeness.model_values)
        levels = [now.model_logit_diff, gone, before.logit_diff, now.logit_diff, now.empty_logit_diff]
    np.testing.assert_allclose(figure(page, "circuit_levels")["traces"][0]["x"], levels, atol=1e-3)
    bars = figure(page, "circuit_minimality")["traces"][0]["x"]
    np.testing.assert_allclose(np.sort(bars), np.sort(expected.minimality.signed_scores), atol=1e-4)
    templates = figure(page, "circuit_templates")["traces"][0]["y"]
    known = dict(zip(now.template_numbers, now.faithfulness_by_template, strict=True))
    in_order = [known[number] for number in dict.fromkeys(pairs.templates.tolist())]
    np.testing.assert_allclose(templates, [now.faithfulness, *in_order], atol=1e-4)


def test_heads_are_switched_by_clicks_and_back(
    visitor: Visitor, demo_model: Model, pairs: PromptPairs, start: Circuit
) -> None:
    page = visitor.open(CIRCUIT, **VIEW, **CHECKED)
    check(page, demo_model, pairs, start, NO_HEADS)
    mover, reader = (f"{head}:END" for head in (MOVERS[0], INHIBITION[0]))
    one, other = Circuit({MOVERS[0]: "END"}), Circuit({INHIBITION[0]: "END"})
    took = [click(visitor, mover, f"-{mover}")]
    check(page, demo_model, pairs, start, one)
    took.append(click(visitor, reader, f"-{reader} -{mover}"))
    check(page, demo_model, pairs, start, one.with_(other))
    took.append(click(visitor, mover, f"-{reader}"))
    check(page, demo_model, pairs, start, other)
    took.append(click(visitor, mover, f"-{reader} -{mover}"))
    print("seconds from a click to its numbers, 50 prompts:", " ".join(f"{seconds:.2f}" for seconds in took))
    for left, off in ((f"-{reader}", other), (f"-{reader} -{mover}", one.with_(other))):
        page.get_by_role("button", name="Undo").click()
        page.wait_for_url(lambda _, left=left: changes(page) == left, timeout=WAIT)
        visitor.settled()
        check(page, demo_model, pairs, start, off)


def test_a_class_goes_and_comes_back_by_its_switch(
    visitor: Visitor, demo_model: Model, pairs: PromptPairs, start: Circuit
) -> None:
    page = visitor.open(CIRCUIT, **VIEW, **CHECKED)
    switch = page.locator(".st-key-switch-name-mover").get_by_role("switch")
    switch.focus()
    page.keyboard.press("Space")
    expect(switch).not_to_be_checked(timeout=WAIT)
    visitor.settled()
    movers = Circuit.of([(head, "END") for head in head_roles(demo_model, pairs).heads("name mover")])
    check(page, demo_model, pairs, start, movers)
    page.get_by_role("button", name="Reset").click()
    expect(switch).to_be_checked(timeout=WAIT)
    visitor.settled()
    check(page, demo_model, pairs, start, NO_HEADS)


def test_boxes_in_the_table_are_ticked_by_keyboard_which_keeps_its_place(
    visitor: Visitor, demo_model: Model, pairs: PromptPairs, start: Circuit
) -> None:
    page = visitor.open(CIRCUIT, **VIEW, **CHECKED, part_members="true")
    table = page.locator("[class*='st-key-circuit-table'] [data-testid=stDataFrame]")
    table.scroll_into_view_if_needed()

    def expect_at(row: int, column: int) -> None:
        """Until the table has taken the last click or key it loses the next one."""
        expect(table.get_by_test_id(f"glide-cell-{column}-{row}")).to_be_focused()

    expect(table.get_by_test_id("glide-cell-1-0")).to_be_attached()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 110, box["y"] + 1.5 * 35)
    expect_at(0, 1)
    page.keyboard.press("ArrowLeft")
    gone = ""
    for row, (head, role) in enumerate(start.members[:2]):
        expect_at(row, 0)
        gone = f"{gone} -{head}:{role}".strip()
        page.keyboard.press("Space")
        page.wait_for_url(lambda _, gone=gone: changes(page) == gone, timeout=WAIT)
        visitor.settled()
        expect_at(row, 0)
        page.keyboard.press("ArrowDown")
    check(page, demo_model, pairs, start, Circuit.of(start.members[:2]))
    assert table.bounding_box() == box, "nothing moves under the hand that switches"


def test_a_link_reproduces_the_view(visitor: Visitor, demo_model: Model, pairs: PromptPairs, start: Circuit) -> None:
    added, off = Circuit({PREVIOUS[0]: "S2"}), Circuit({MOVERS[0]: "END"})
    assert not set(added.members) & set(start.members)
    page = visitor.open(CIRCUIT, circuit=f"{PREVIOUS[0]}:S2 -{MOVERS[0]}:END", **VIEW, **CHECKED)
    check(page, demo_model, pairs, start.with_(added), off)
    page.reload()
    visitor.settled()
    check(page, demo_model, pairs, start.with_(added), off)


def test_many_sets_are_taken_out_of_both(
    visitor: Visitor, demo_model: Model, pairs: PromptPairs, start: Circuit
) -> None:
    page = visitor.open(CIRCUIT, **VIEW, part_completeness="true")
    sets = completeness_sets(demo_model, pairs, start)
    drawn = figure(page, "circuit_completeness")["traces"]
    np.testing.assert_allclose(sorted(x for trace in drawn for x in trace["x"]), np.sort(sets.model_values), atol=1e-3)
    np.testing.assert_allclose(
        sorted(y for trace in drawn for y in trace["y"]), np.sort(sets.circuit_values), atol=1e-3
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(chromium: Browser, server: str, scheme: str) -> None:
    visitor = Visitor(chromium, server, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for size in ("normal", "large"):
        page = visitor.open(CIRCUIT, circuit=f"-{MOVERS[0]}:END", size=size, **VIEW, parts="open")
        expect(page.locator(".st-key-figure-circuit_graph")).to_be_visible(timeout=WAIT)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the page itself never scrolls sideways"
    visitor.leave()


def test_a_link_holds_kept_circuits_and_what_is_compared(visitor: Visitor, demo_model: Model) -> None:
    """A circuit that was found or made here can be sent to somebody else, compared as it is here."""
    kept = f"ioi-demo/movers alone = {MOVERS[0]}:END {MOVERS[1]}:END"
    page = visitor.open(CIRCUIT, **VIEW, kept=kept, compare_with="kept: movers alone")
    visitor.settled()
    alone = evaluate_circuit(demo_model, ioi_dataset(demo_model, 50, corruption="abc"), Circuit.of(
        [(head, "END") for head in MOVERS[:2]]
    ))  # fmt: skip
    expect(page.locator(".stMain")).to_contain_text(f"logit_diff {number(alone.logit_diff)}", timeout=WAIT)
    page.get_by_label("Keep this circuit as").fill("all of it")
    page.get_by_label("Keep this circuit as").press("Enter")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="all of it", exact=True)).to_be_visible(timeout=WAIT)
    visitor.settled()
    link = urllib.parse.parse_qs(urllib.parse.urlparse(page.url).query)
    page.goto(page.url)
    expect(page.get_by_role("button", name="all of it", exact=True)).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="movers alone", exact=True)).to_be_visible()
    visitor.settled()
    assert urllib.parse.parse_qs(urllib.parse.urlparse(page.url).query) == link
    assert link["kept"][0].startswith(f"{kept}; ioi-demo/all of it = ")
