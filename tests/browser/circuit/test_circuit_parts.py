"""Four parts of the Circuit page in a real browser: what is drawn is the core's, and it fits a phone."""

import math

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from ioi_core import (
    Head,
    Model,
    PromptPairs,
    attribute_heads,
    backup_heads,
    contrast_methods,
    direct_and_total,
    head_roles,
    ioi_dataset,
    prompt_pairs,
    token_and_position,
)
from ioi_core.prompts.corruptions import SIGNAL_FLIPS
from tests.browser.visitor import WAIT, Visitor, figure, read_chart
from tests.models.bundled import DUPLICATE, INHIBITION, MOVERS, SHAPE

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROMPTS = {"model": "ioi-demo", "prompts": "generated", "n": "6", "seed": "2", "corruption": "ABC"}
FIGURES = {
    "backup heads": ("backup_stages", "backup_movers", "backup_changes"),
    "token or position": ("signal_fit",),
    "direct and total": ("direct_and_total",),
    "ways to ablate": ("methods",),
}


@pytest.fixture(scope="module")
def pairs(demo_model: Model) -> PromptPairs:
    return ioi_dataset(demo_model, 6, seed=2, corruption="abc")


def test_backup_heads_are_drawn_from_a_link(visitor: Visitor, demo_model: Model, pairs: PromptPairs) -> None:
    first, second = DUPLICATE[1], MOVERS[1]
    link = (
        f"{visitor.url}/circuit?parts=open&circuit_part=backup+heads&knock_out={first}&knock_out={second}&"
        + "&".join(f"{name}={value}" for name, value in PROMPTS.items())
    )
    visitor.page.goto(link)
    visitor.settled()
    backup = backup_heads(demo_model, pairs, [first, second])
    real, _, naive = figure(visitor.page, "backup_stages")["traces"]
    np.testing.assert_allclose(real["x"], backup.logit_diff, atol=1e-3)
    np.testing.assert_allclose(naive["x"], backup.naive, atol=1e-3)
    bars = figure(visitor.page, "backup_movers")["traces"][0]
    for value, (name, _) in zip(bars["x"], bars["said"], strict=True):
        head = Head.parse(name)
        assert value == pytest.approx(backup.changes[-1, head.layer, head.head], abs=1e-3)
    assert f"knock_out={first}" in visitor.page.url, "the link stays"
    visitor.page.reload()
    visitor.settled()
    np.testing.assert_allclose(
        figure(visitor.page, "backup_stages")["traces"][0]["x"], backup.logit_diff, atol=1e-3
    )  # fmt: skip


def test_the_keyboard_takes_a_head_off_the_list(visitor: Visitor, demo_model: Model, pairs: PromptPairs) -> None:
    page = visitor.open("/circuit", circuit_part="backup heads", **PROMPTS)
    before = visitor.says()[0]
    direct = attribute_heads(demo_model, pairs).values
    strongest = [Head(*divmod(int(place), SHAPE[1])) for place in np.argsort(-direct, axis=None)[:2]]
    assert len(figure(page, "backup_stages")["traces"][0]["x"]) == 3
    page.get_by_role("combobox", name="Heads to ablate, in this order").press("Backspace")
    expect(page.locator(".ioi-says").first).not_to_have_text(before, timeout=WAIT)
    visitor.settled()
    backup = backup_heads(demo_model, pairs, strongest[:1])
    np.testing.assert_allclose(figure(page, "backup_stages")["traces"][0]["x"], backup.logit_diff, atol=1e-3)


def test_signals_are_drawn(visitor: Visitor, demo_model: Model, pairs: PromptPairs) -> None:
    page = visitor.open("/circuit", circuit_part="token or position", **PROMPTS)
    io, s = ([demo_model.token_text(token) for token in column] for column in pairs.answers.T.tolist())
    flips = {
        flip: prompt_pairs(demo_model, list(pairs.clean_text), None, io, s, corruption=flip) for flip in SIGNAL_FLIPS
    }
    result = token_and_position(demo_model, flips, head_roles(demo_model, pairs).heads("S-inhibition"))
    measured, _, formula = figure(page, "signal_fit")["traces"]
    np.testing.assert_allclose(measured["x"], result.values, atol=1e-3)
    np.testing.assert_allclose(formula["x"], result.fitted, atol=1e-3)


def test_a_point_opens_its_head(visitor: Visitor, demo_model: Model, pairs: PromptPairs) -> None:
    page = visitor.open("/circuit", circuit_part="direct and total", **PROMPTS)
    result = direct_and_total(demo_model, pairs)
    points = {
        name: (x, y)
        for trace in figure(page, "direct_and_total")["traces"][1:]  # not the line
        for (name, _), x, y in zip(trace["said"], trace["x"], trace["y"], strict=True)
    }
    assert len(points) == math.prod(SHAPE)
    for name, point in points.items():
        head = Head.parse(name)
        assert point == pytest.approx(tuple(result.values[:, head.layer, head.head]), abs=1e-3)
    chart = page.locator(".st-key-figure-direct_and_total .js-plotly-plot")
    chart.scroll_into_view_if_needed()
    name = max(points, key=lambda key: points[key][0])  # far from all others
    place = read_chart(
        page,
        "direct_and_total",
        "(chart, [x, y]) => { const l = chart._fullLayout, box = chart.getBoundingClientRect(); return ["
        "box.x + l.xaxis._offset + l.xaxis.d2p(x), box.y + l.yaxis._offset + l.yaxis.d2p(y)]; }",
        list(points[name]),
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    expect(page.get_by_role("heading", name=f"What does head {name} do?")).to_be_visible(timeout=WAIT)
    visitor.settled()


def test_methods_are_drawn(visitor: Visitor, demo_model: Model, pairs: PromptPairs) -> None:
    page = visitor.open(
        "/circuit", circuit_part="ways to ablate", method_heads=str(INHIBITION[0]), method_at="END", **PROMPTS
    )
    result = contrast_methods(demo_model, pairs, {INHIBITION[0]: "END"})
    np.testing.assert_allclose(figure(page, "methods")["traces"][0]["x"], result.changes.mean(-1), atol=1e-3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_fits_a_phone(chromium: Browser, server: str, scheme: str) -> None:
    visitor = Visitor(chromium, server, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for part, names in FIGURES.items():
        page = visitor.open("/circuit", circuit_part=part, **PROMPTS, parts="open")
        for name in names:
            chart = page.locator(f".st-key-figure-{name} .js-plotly-plot")
            expect(chart).to_be_visible(timeout=WAIT)
            title = page.locator(f".st-key-figure-{name} .gtitle").first
            box = title.bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 360, f"{name}: the title is cut"
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the page itself never scrolls sideways"
    visitor.leave()
