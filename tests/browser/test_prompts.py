"""Prompts of every kind in a real browser: other tasks, several lines, uploaded data, and texts too long for a link."""

import csv
import io

import pytest
from playwright.sync_api import expect

from app.words.phrases import number
from ioi_core import Model, patch_activations, predictions, prompt_pairs, task_dataset
from ioi_core.data_sets.pairs import pairs_of
from ioi_core.data_sets.rows import parse_rows
from tests.browser.visitor import WAIT, Visitor, figure, pick

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MARY = "When John and Mary went to the shops, John gave the bag to"
ROWS = f"""clean,corrupted,io,s,label
"{MARY}",,,,"a, b"
"After Tom and Amy met, Tom told",,Amy,Tom,"=c"
"""


def test_a_task_chosen_in_the_sidebar_and_its_numbers_on_two_pages(visitor: Visitor, demo_model: Model):
    page = visitor.open()
    page.get_by_text("other task", exact=True).click()
    pick(page, "Task", "capital of a country")
    expect(page.locator(".ioi-strip")).to_contain_text("another country", timeout=WAIT)
    pairs = task_dataset(demo_model, "capital", 20)
    found = predictions(demo_model, pairs)
    expect(page.locator(".ioi-says").first).to_contain_text(f"{number(found.clean_logit_diff[0])}", timeout=WAIT)
    visitor.settled()
    assert figure(page, "logit_diff")["traces"][0]["y"] == pytest.approx(found.clean_logit_diff.tolist(), abs=1e-4)
    page = visitor.go("Activation patching")
    expected = patch_activations(demo_model, pairs, "z")
    drawn = figure(page, "patch_heatmap")["traces"][0]["z"]
    effects = expected.effects.mean(-1).tolist()
    for shown, row in zip(drawn, effects, strict=True):
        assert shown == pytest.approx(row, abs=1e-4)
    assert "task=capital" in page.url


def test_an_uploaded_file_is_read_mended_and_taken_home(visitor: Visitor, demo_model: Model):
    page = visitor.open(parts="open")
    page.get_by_text("data set", exact=True).click()
    expect(page.get_by_role("textbox", name="or paste it here")).to_be_in_viewport(timeout=WAIT)  # by touch.js
    upload = page.locator("input[type=file]")
    broken = ROWS + "no name is here,,,,\n"
    upload.set_input_files(files=[{"name": "rows.csv", "mimeType": "text/csv", "buffer": broken.encode("utf-8-sig")}])
    expect(page.locator(".ioi-problem")).to_contain_text("Correct 1 row of the data set", timeout=WAIT)
    expect(page.get_by_role("textbox", name="or paste it here")).to_have_value(broken, timeout=WAIT)
    page.get_by_text("Leave out rows that cannot be used").click()
    expect(page.locator(".ioi-strip")).to_contain_text("Prompts: 2", timeout=WAIT)
    expect(page.get_by_text("1 row of the data set left out")).to_be_visible(timeout=WAIT)
    visitor.settled()
    expected = pairs_of(demo_model, parse_rows(ROWS)).pairs
    assert expected is not None
    found = predictions(demo_model, expected)
    assert figure(page, "logit_diff")["traces"][0]["y"] == pytest.approx(found.clean_logit_diff.tolist(), abs=1e-4)
    with page.expect_download() as download:
        page.get_by_role("button", name="Prompts as a data set").click()
    assert download.value.suggested_filename == "prompts.jsonl"  # "=c" would run in a spreadsheet
    again = pairs_of(demo_model, parse_rows(download.value.path().read_text("utf-8")), answer_space=False).pairs
    assert again is not None
    assert (again.clean_text, again.corrupted_text) == (expected.clean_text, expected.corrupted_text)
    assert again.answers.tolist() == expected.answers.tolist()
    assert again.labels == ("a, b", "=c")

    page.get_by_role("textbox", name="or paste it here").fill(ROWS.replace("=c", "c"))
    page.get_by_role("textbox", name="or paste it here").press("Control+Enter")
    expect(page.get_by_text("1 row of the data set left out")).to_have_count(0, timeout=WAIT)
    visitor.settled()
    with page.expect_download() as download:
        page.get_by_role("button", name="Prompts as a data set").click()
    assert download.value.suggested_filename == "prompts.csv"
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert [row["label"] for row in table] == ["a, b", "c"]


def test_a_short_data_set_and_several_lines_are_in_the_link(visitor: Visitor, demo_model: Model):
    page = visitor.open(prompts="data set", data=ROWS)
    strip = page.locator(".ioi-strip").text_content() or ""
    assert "Prompts: 2" in strip
    text = "Q: France\nA: Paris\n\nQ: Italy\nA:"
    twin = text.replace("Italy", "Spain")
    page = visitor.open(prompts="own", several_lines="true", text=text, corrupted=twin, io="Rome", s="Madrid")
    found = predictions(demo_model, prompt_pairs(demo_model, text, twin, "Rome", "Madrid"))
    assert figure(page, "logit_diff")["traces"][0]["y"] == pytest.approx(found.clean_logit_diff.tolist(), abs=1e-4)
    page.reload()
    visitor.settled()
    assert figure(page, "logit_diff")["traces"][0]["y"] == pytest.approx(found.clean_logit_diff.tolist(), abs=1e-4)


def test_a_text_too_long_for_a_link_works_and_is_said_to_have_none(visitor: Visitor):
    page = visitor.open(prompts="own", text=MARY)
    field = page.get_by_label("Prompts, one a line", exact=True)
    prompt = "Мария и Иван ушли. " * 35 + MARY
    long = f"{prompt}\n{prompt}"
    field.fill(long)
    field.press("Control+Enter")
    notice = page.get_by_text("Too long for a link")
    expect(notice).to_be_visible(timeout=WAIT)
    visitor.settled()
    assert len(page.url) < 1000
    expect(page.locator(".ioi-chips").first).to_contain_text("·Mary", timeout=WAIT)
    page = visitor.go("Logit lens")  # the text stays while its tab is open
    assert page.get_by_label("Prompts, one a line", exact=True).input_value() == long
    field = page.get_by_label("Prompts, one a line", exact=True)
    field.fill(MARY.replace("Mary", "Amy"))
    field.press("Control+Enter")
    expect(notice).to_have_count(0, timeout=WAIT)
    page.wait_for_url("**text=When*Amy*", timeout=WAIT)
    page.reload()
    visitor.settled()
    expect(page.locator(".ioi-chips").first).to_contain_text("·Amy", timeout=WAIT)
