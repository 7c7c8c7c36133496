"""Taking a figure home: the menu by mouse and keyboard, files under their own names, a page that needs no network."""

import json
import re
import struct
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from playwright.sync_api import Browser, expect

from app.take_home.page import Part, page
from tests.app.take_home.test_page import attention_of_length
from tests.browser.visitor import WAIT, Visitor, figure

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = re.compile(r"ioi-demo_patch_heatmap(_\w+)?_[0-9a-f]{8}\.\w+")


@pytest.fixture
def opened(visitor: Visitor) -> Visitor:
    page = visitor.open("/activation_patching", model="ioi-demo")
    figure(page, "patch_heatmap")
    visitor.settled()
    return visitor


def test_the_menu_opens_by_keyboard_and_its_files_have_names_of_their_own(opened: Visitor):
    page = opened.page
    button = page.locator(".st-key-take-patch_heatmap button").first
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-notebook-patch_heatmap button")).to_be_visible(timeout=WAIT)
    found = {}
    for label in ("Notebook", "Web page", "Data (CSV)", "Every prompt (CSV)", "Image (SVG)", "Image (PNG)"):
        with page.expect_download(timeout=WAIT) as download:
            page.get_by_role("button", name=label, exact=True).click(timeout=WAIT)
        found[label] = download.value
    names = [one.suggested_filename for one in found.values()]
    assert len(set(names)) == len(names)
    assert all(NAME.fullmatch(name) for name in names), names
    book = json.loads(Path(found["Notebook"].path()).read_text())
    text = "".join(line for cell in book["cells"] for line in cell["source"])
    assert "ioi_core.patch_activations(" in text
    assert f"{opened.url}/app/static/ioi_explorer-" in text
    assert f"{opened.url}/activation_patching?model=ioi-demo" in text.replace("&amp;", "&")
    svg = Path(found["Image (SVG)"].path()).read_text()
    assert "@font-face" in svg
    assert "Source Sans" in svg
    assert "paint-order: stroke" in svg  # what is written over lines
    png = Path(found["Image (PNG)"].path()).read_bytes()
    assert struct.unpack(">I", png[16:20])[0] > 2000
    answer = page.request.get(re.search(r'"(http[^"]+\.whl)', text)[1])
    assert answer.ok
    assert answer.body()[:2] == b"PK"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_web_page_works_from_disk_without_a_network(opened: Visitor, chromium: Browser, scheme: str):
    file = opened.take_home("patch_heatmap", "Web page")
    context = chromium.new_context(color_scheme=scheme, offline=True)
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if request.url.startswith("http") else None)
    page.goto(file.as_uri())
    expect(page.locator(".js-plotly-plot .heatmaplayer image").first).to_be_attached(timeout=WAIT)
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator(".hoverlayer .hovertext").first).to_be_visible(timeout=WAIT)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 384) == (scheme == "dark")
    assert len(page.pdf(format="A4")) > 10_000
    context.close()
    assert complaints == []


def test_a_large_figure_of_a_web_page_is_unpacked_from_disk(chromium: Browser, tmp_path: Path):
    record = SimpleNamespace(
        title="Attention", words="", about="", provenance={}, requests=(), source=SimpleNamespace(pairs=None)
    )
    file = tmp_path / "page.html"
    file.write_bytes(page([Part(record, pd.DataFrame, [attention_of_length(60)])]))
    opened = chromium.new_page()
    opened.goto(file.as_uri())
    expect(opened.locator(".js-plotly-plot .heatmaplayer image").first).to_be_attached(timeout=WAIT)
    assert opened.evaluate("document.querySelector('.js-plotly-plot')._fullData[0].z.length") == 60
    opened.close()
