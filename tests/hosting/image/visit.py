"""A visitor in Chromium who sees the dashboard through the proxy: `python -m tests.hosting.image.visit URL MODEL`.

Opens every page, compares drawn numbers with what `ioi_core` computes here, and counts any console error, among them
every violation of the proxy's content policy, as a failure. MODEL is what the page must say it shows.
"""

import re
import shutil
import sys

import numpy as np
from playwright.sync_api import expect, sync_playwright

from ioi_core import Model, arena_pairs, attribute_layers, load_model, predictions
from tests.browser.visitor import CHROMIUM_NAMES, FLAGS, WAIT, Visitor, figure

SECRET = "Quixotelsky"
"""A word that this visitor types, and that no log may hold."""

_CLOSED = (
    "/_stcore/metrics", "/_stcore/script-health-check", "/_stcore/agent/openapi.json", "/_stcore/agent/interact",
    "/_stcore/upload_file/a/b", "/_stcore/upload_file", "/heads/_stcore/metrics", "//_stcore/metrics",
    "/%5fstcore/metrics",
)  # fmt: skip
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


def main(url: str, name: str) -> None:
    """Visit the dashboard at `url`, which shows what `load_model` gives for the name."""
    model = load_model(name)
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)))
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        visitor = Visitor(browser, url)
        _first_page(visitor, name, model)
        for title in visitor.page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts():
            _page(visitor, title)
            if title == "Logit lens":
                [bars] = figure(visitor.page, "attribution_by_layer")["traces"]
                np.testing.assert_allclose(bars["x"], attribute_layers(model, arena_pairs(model)).values, atol=1e-3)
        visitor.open(prompts="own", text=f"When Mary and John met {SECRET}, John gave a drink to", io="Mary", s="John")
        _edges(visitor)
        _uploads(visitor)
        visitor.leave()
        browser.close()


def _first_page(visitor: Visitor, asked: str, model: Model) -> None:
    page = visitor.open("/prompt")
    strip = page.locator(".ioi-strip")
    # It is loaded in the background; ioi-demo stands in.
    while f"Model: {model.name}" not in (strip.text_content() or ""):
        expect(page.get_by_role("button", name=f"Show {asked}")).to_be_visible(timeout=4 * WAIT)
        page = visitor.open("/prompt")
    found = predictions(model, arena_pairs(model))
    clean, corrupted = figure(page, "logit_diff")["traces"]
    np.testing.assert_allclose(clean["y"], found.clean_logit_diff, atol=1e-3)
    np.testing.assert_allclose(corrupted["y"], found.corrupted_logit_diff, atol=1e-3)
    print(f"prompt 1 has logit_diff {clean['y'][0]:+.4f} through the proxy, {found.clean_logit_diff[0]:+.4f} here")


def _page(visitor: Visitor, title: str) -> None:
    page = visitor.page
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
    for _ in range(3):  # parts of a page start on their own once the rest is drawn, and may have a model of 12 layers
        page.wait_for_timeout(1000)
        expect(page.locator("[class*=st-key-computing]")).to_have_count(0, timeout=10 * WAIT)
    visitor.settled()
    if title == "Start":
        expect(page.locator(".ioi-example")).to_be_visible(timeout=WAIT)
    else:
        expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=WAIT)
    if title == "Attention patterns":  # circuitsvis, in a frame within a frame
        drawn = page.frame_locator("iframe").first.frame_locator("iframe")
        expect(drawn.locator("#cv")).to_contain_text("Head Selector", timeout=WAIT)
    print(f"{title}: drawn")


def _edges(visitor: Visitor) -> None:
    """What the proxy adds, hands on compressed, and keeps to itself."""
    ask = visitor.context.request
    answer = ask.get(visitor.url)
    assert {name: answer.headers.get(name) for name in _HEADERS} == _HEADERS, answer.headers
    policies = answer.headers["content-security-policy"]
    assert "script-src 'self' 'sha256-" in policies
    assert "frame-ancestors 'self'" in policies
    script = re.findall(r'src="\./(static/js/index\.[^"]+)"', answer.text())[0]
    assert ask.get(f"{visitor.url}/{script}").headers.get("content-encoding") == "gzip"
    assert ask.get(f"{visitor.url}/_stcore/health").ok
    reached = {path: status for path in _CLOSED if (status := ask.get(visitor.url + path).status) != 404}
    assert not reached, reached
    stranger = {"Origin": "http://elsewhere.example", "Upgrade": "websocket", "Connection": "Upgrade"} | {
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    assert ask.get(f"{visitor.url}/_stcore/stream", headers=stranger).status == 403, "another site may connect"
    print("headers, compression, closed paths and origins: as they should be")


def _uploads(visitor: Visitor) -> None:
    """A data set gets through, from the page's own field alone, no larger and no more often than is meant."""
    page = visitor.page
    page.goto(f"{visitor.url}/?prompts=data+set")
    rows = "clean\n" + "".join(f'"When {name} and Mary met, {name} waved to"\n' for name in ("John", "Tom"))
    with page.expect_request(lambda request: "/upload_file/" in request.url) as sent:
        page.locator("input[type=file]").set_input_files(
            files=[{"name": "rows.csv", "mimeType": "text/csv", "buffer": rows.encode()}]
        )
    expect(page.locator(".ioi-strip")).to_contain_text("Prompts: 2", timeout=WAIT)
    url, headers = sent.value.url, sent.value.all_headers()
    token = {"X-Xsrftoken": headers["x-xsrftoken"]}

    def put(size: int = 10, **more: str) -> int:
        content = {"name": "x.csv", "mimeType": "text/csv", "buffer": b"x" * size}
        return visitor.context.request.put(url, headers=token | more, multipart={"file": content}).status

    assert put() in (200, 204), "the page's own token is refused"
    token, kept = {}, token
    assert put() == 403, "a file is taken without the page's token"
    token = kept
    assert put(**{"Sec-Fetch-Site": "cross-site"}) == 403, "another site may upload"
    assert put(3 * 2**20) == 413, "a file of three megabytes is taken"
    assert visitor.context.request.get(url).status == 403, "uploaded files can be read"
    statuses = [put() for _ in range(20)]
    assert 429 in statuses, f"twenty uploads in a row: {statuses}"
    print("uploads: from the page alone, small and few")


if __name__ == "__main__":
    main(*sys.argv[1:])
