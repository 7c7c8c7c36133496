"""The app in a real browser: served as a visitor gets it, in headless Chromium, its numbers compared with the core."""

import re

import pytest
from playwright.sync_api import Browser, expect

from app.drawing import look
from app.report import tray
from app.shell import history
from app.take_home import copying
from app.words.phrases import adds_or_takes, number
from ioi_core import Model, arena_pairs, attribute_heads, attribute_layers, logit_lens, predictions, prompt_pairs
from tests.browser.visitor import WAIT, Visitor, figure

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OWN = "When Tom and Amy went to the park, Tom gave the ball to"
HOSTILE = "When $x$ *b* <b>x</b> :red[x] <script>window.hacked=1</script> <img src=x onerror=window.hacked=1> Mary and John met, John gave 😀 Mary Mary to"  # noqa: E501


def test_the_first_page_is_there_and_shows_the_cores_numbers(visitor: Visitor, demo_model: Model):
    page = visitor.open()
    found = predictions(demo_model, arena_pairs(demo_model))
    assert f"{number(found.clean_logit_diff[0])}" in visitor.says()[0]
    clean, corrupted = figure(page, "logit_diff")["traces"]
    assert clean["y"] == pytest.approx(found.clean_logit_diff.tolist(), abs=1e-4)
    assert corrupted["y"] == pytest.approx(found.corrupted_logit_diff.tolist(), abs=1e-4)
    bars = page.locator(".bartext").all()
    assert len(bars) == 2 * len(clean["y"])
    expect(bars[0]).to_have_css("paint-order", "stroke")  # the mean's line does not strike numbers through
    expect(page.get_by_text("This is ioi-demo, not GPT-2.")).to_be_visible()


def test_every_figure_of_the_logit_lens_shows_the_cores_numbers(visitor: Visitor, demo_model: Model):
    visitor.open(parts="open")
    page = visitor.go("Logit lens")
    pairs = arena_pairs(demo_model)
    final, own = figure(page, "logit_lens_curve")["traces"][:2]
    assert final["y"] == pytest.approx(logit_lens(demo_model, pairs).values.tolist(), abs=1e-4)
    assert own["y"] == pytest.approx(logit_lens(demo_model, pairs, scale="per_layer").values.tolist(), abs=1e-4)
    [bars] = figure(page, "attribution_by_layer")["traces"]
    assert bars["x"] == pytest.approx(attribute_layers(demo_model, pairs).values.tolist(), abs=1e-4)
    heads, bias, _click_targets = figure(page, "attribution_by_head")["traces"]
    expected = attribute_heads(demo_model, pairs)
    for shown_row, row in zip(heads["z"], expected.values.tolist(), strict=True):
        assert shown_row == pytest.approx(row, abs=1e-4)
    assert [value for [value] in bias["z"]] == pytest.approx(expected.bias.tolist(), abs=1e-4)


def test_an_own_prompt_typed_in_the_sidebar(visitor: Visitor, demo_model: Model):
    page = visitor.open()
    page.get_by_text("own", exact=True).click()
    field = page.get_by_label("Prompts, one a line", exact=True)
    field.fill(OWN + "  ")
    field.press("Control+Enter")
    expect(page.locator(".ioi-chips").first).to_contain_text("·Amy", timeout=WAIT)
    visitor.settled()
    found = predictions(demo_model, prompt_pairs(demo_model, OWN))
    expect(page.locator(".ioi-says").first).to_contain_text(f"{number(found.clean_logit_diff[0])}", timeout=WAIT)
    assert figure(page, "logit_diff")["traces"][0]["y"] == pytest.approx(found.clean_logit_diff.tolist(), abs=1e-4)

    page = visitor.go("Logit lens")
    curve = figure(page, "logit_lens_curve")["traces"][0]["y"]
    assert curve[-1] == pytest.approx(float(found.clean_logit_diff[0]), abs=1e-4)
    assert "prompts=own" in page.url


def test_hovering_reads_as_a_sentence(visitor: Visitor, demo_model: Model):
    page = visitor.open("/logit_lens", parts="open")
    chart = page.locator(".st-key-figure-attribution_by_head .js-plotly-plot")
    chart.scroll_into_view_if_needed()
    box = chart.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 12)
    page.mouse.move(box["x"] + 24, box["y"] + 14)
    value = attribute_heads(demo_model, arena_pairs(demo_model)).values[0, 0]
    hover = chart.locator(".hoverlayer")
    expect(hover).to_contain_text(adds_or_takes("Head 0.0", value))
    expect(hover).to_contain_text("mean over 8 prompts")


@pytest.mark.parametrize("path", ["/", "/logit_lens"])
def test_hostile_text_is_literal_and_runs_nothing(visitor: Visitor, path: str):
    page = visitor.open(path, prompts="own", text=HOSTILE, io="Mary", s="John", parts="open")
    chips = "".join(page.locator(".ioi-chips").first.locator(".ioi-token").all_inner_texts())
    assert "·<script>window.hacked=1</script>" in chips
    assert "·$x$·*b*·<b>x</b>·:red[x]" in chips
    if path != "/":
        drawn = figure(page, "token_lens")
        assert sum(tick.startswith("·Mary") for tick in drawn["ticks"]) == 3
        labels = page.locator(".st-key-figure-token_lens .xtick text").all_text_contents()
        assert any(label.startswith("</") for label in labels)
        assert len(labels) == len(drawn["ticks"])
    assert page.evaluate("window.hacked") is None
    assert page.locator(".stMain img").count() == 0
    scripts = page.locator(".stMain script").all_text_contents()
    ours = (look.TOUCH, history.SCRIPT, tray.SCRIPT, copying.SCRIPT)
    assert {text.strip() for text in scripts} <= set(map(str.strip, ours))


def test_back_returns_to_the_view_before(visitor: Visitor):
    page = visitor.open("/", prompts="generated", n="12", seed="3")
    visitor.go("Logit lens")
    expect(page.get_by_role("heading", name="Where in the model")).to_be_visible(timeout=WAIT)
    page.go_back()
    expect(page.get_by_role("heading", name="What does the model think")).to_be_visible(timeout=WAIT)
    expect(page.locator(".ioi-strip")).to_contain_text("Prompts: 12", timeout=WAIT)


def test_a_copied_link_reproduces_the_view_for_somebody_else(visitor: Visitor, chromium: Browser, server: str):
    page = visitor.open("/logit_lens", prompts="generated", n="12", seed="3", corruption="ABC", parts="open")
    page.get_by_text("rank of IO", exact=True).click()
    page.get_by_text("BOS in front").click()
    field = page.get_by_role("spinbutton", name="Prompt shown")
    field.fill("7")
    field.press("Enter")
    expect(page.locator(".ioi-strip")).to_contain_text("Prompt shown: 7", timeout=WAIT)
    visitor.settled()
    expect(page).to_have_url(re.compile("cells=rank"))
    expect(page).to_have_url(re.compile("shown=7"))
    seen = figure(page, "token_lens"), figure(page, "logit_lens_curve"), visitor.says()
    other = Visitor(chromium, server)
    other.page.goto(page.url)
    other.settled()
    assert (figure(other.page, "token_lens"), figure(other.page, "logit_lens_curve"), other.says()) == seen
    other.leave()


def test_the_csv_holds_what_the_figure_shows(visitor: Visitor, demo_model: Model):
    visitor.open("/logit_lens", parts="open")
    lines = visitor.take_home("attribution_by_layer", "Data (CSV)").read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "component,logit_diff,low_95,high_95,prompts,source"
    expected = attribute_layers(demo_model, arena_pairs(demo_model))
    assert [float(line.split(",")[1]) for line in lines[1:]] == pytest.approx(expected.values.tolist(), abs=1e-4)


def test_a_refused_prompt_says_what_to_change(visitor: Visitor):
    visitor.page.goto(f"{visitor.url}/?prompts=own&text=Nobody+is+named+here")
    alert = visitor.page.get_by_role("alert").filter(has_text="io")
    expect(alert).to_be_visible(timeout=WAIT)
