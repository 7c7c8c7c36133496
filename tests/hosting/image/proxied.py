"""What the proxy adds, lets through and keeps to itself, as a visitor's browser meets it."""

import io
import re
import zipfile

from playwright.sync_api import expect

from app.hosting.wheel import NAME
from tests.browser.visitor import WAIT, Visitor

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


def doors(visitor: Visitor) -> None:
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
    wheel = ask.get(f"{visitor.url}/app/static/{NAME}").body()
    assert zipfile.is_zipfile(io.BytesIO(wheel)), "no notebook can install ioi_core"
    reached = {path: status for path in _CLOSED if (status := ask.get(visitor.url + path).status) != 404}
    assert not reached, reached
    stranger = {"Origin": "http://elsewhere.example", "Upgrade": "websocket", "Connection": "Upgrade"} | {
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }  # fmt: skip
    assert ask.get(f"{visitor.url}/_stcore/stream", headers=stranger).status == 403, "another site may connect"
    print("headers, compression, closed paths and origins: as they should be")


def uploads(visitor: Visitor) -> None:
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
