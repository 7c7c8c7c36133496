"""A visitor in headless Chromium, and the app served for them."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, ViewportSize, expect

from tests import LOST, ROOT

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LAPTOP: ViewportSize = {"width": 1440, "height": 900}
WAIT = 120_000
"""Milliseconds until a page or a server counts as stuck; patient, since tests run on busy machines too."""
STILL = """() => {
    const ended = document.querySelector('[data-test-script-state=notRunning]');
    if (!ended || document.querySelector('[data-testid=stSkeleton]')) window.stillSince = undefined;
    else window.stillSince ??= performance.now();
    return performance.now() - window.stillSince > 300;
}"""
"""The script has ended, nothing waits for the browser to fetch what draws it, and no other run has followed at once,
which would swallow a click or a key."""

expect.set_options(timeout=WAIT)


@contextmanager
def serving(folder: Path, *command: str, cache: Path | None = None) -> Iterator[tuple[str, Path]]:
    """Serve the app by a command of Python's, its results kept in `cache`, or in `folder`; give its address and log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    environment = {k: v for k, v in os.environ.items() if k != "IOI_MODEL_DIR"}
    environment |= {"HF_HUB_OFFLINE": "1", "IOI_CACHE_DIR": str(cache or folder / "cache")}
    started = [sys.executable, *command, "--server.port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(started, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://localhost:{port}"
            wait_until_healthy(url, process, log)
            yield url, log
        finally:
            process.terminate()
            process.wait(WAIT / 1000)
    assert not LOST.search(log.read_text()), log.read_text()


def wait_until_healthy(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + WAIT / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the app does not start:\n{log.read_text()}")


_rested: WeakKeyDictionary[Browser, list[tuple[dict[str, Any], Page]]] = WeakKeyDictionary()
"""Pages that visitors have left, with nothing of theirs: in a new one the browser would compile all of Streamlit and
Plotly again, which takes most of the time of opening it."""


class Visitor:
    """Someone who has never been here; console errors, page errors and outside requests fail the test.

    Args:
        reduced_motion: what moves takes a good part of a machine without a GPU.
        device: what `Browser.new_context` is told.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        viewport: ViewportSize = LAPTOP,
        color_scheme: str = "light",
        reduced_motion: str = "reduce",
        **device: Any,
    ):
        self.url = url
        self._device = device
        rested = _rested.setdefault(browser, [])
        same = next((one for one in rested if one[0] == device), None)
        if same:
            rested.remove(same)
        self.page: Page = same[1] if same else browser.new_context(viewport=viewport, **device).new_page()
        self.context: BrowserContext = self.page.context
        self.context.set_default_timeout(WAIT)
        self.page.set_viewport_size(viewport)
        self.page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        self.complaints: list[str] = []
        self._heard = {"console": self._console, "pageerror": self._page_error, "request": self._request}
        for event, hear in self._heard.items():
            self.page.on(event, hear)

    def _page_error(self, error: Error) -> None:
        self.complaints.append(f"page error: {error}")

    def _console(self, message: ConsoleMessage) -> None:
        # Streamlit looks for its server below a page's own path first, and reports its own 404.
        probing = re.search(r"/_stcore/(health|host-config)$", message.location.get("url", ""))
        if message.type == "error" and not probing:
            self.complaints.append(f"console: {message.text} {message.location}")

    def _request(self, request) -> None:
        if not request.url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.complaints.append(f"asked the outside for {request.url}")

    def open(self, path: str = "/prompt", **query: str) -> Page:
        """The page that a link opens; its parts below the main figure are closed, if nothing else is said."""
        self.page.goto(f"{self.url}{path}?{urllib.parse.urlencode(query)}")
        return self.settled()

    def settled(self) -> Page:
        """The page once its script has run to the end and the browser has fetched what draws it."""
        expect(self.page.locator("h1").first).to_be_visible(timeout=WAIT)
        self.page.evaluate("window.stillSince = undefined")
        self.page.wait_for_function(STILL, timeout=WAIT, polling=50)  # each frame would cost frames
        said = self.page.locator(".ioi-says >> visible=true")  # the page waited for its numbers
        expect(said.or_(self.page.locator(".ioi-report, .ioi-lessons")).first).to_be_attached(timeout=WAIT)
        return self.page

    def says(self) -> list[str]:
        return [text.replace("\u00a0", " ") for text in self.page.locator(".ioi-says").all_inner_texts()]

    def go(self, title: str) -> Page:
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        return self.settled()

    def open_menu(self, figure: str) -> None:
        """Open a figure's "Take home"."""
        self.page.locator(f".st-key-take-{figure} button").first.click(timeout=WAIT)
        expect(self.page.locator(f".st-key-csv-{figure} button")).to_be_visible(timeout=WAIT)

    def take_home(self, figure: str, what: str) -> Path:
        """Return a file of a figure, saved under the name that it was given."""
        self.open_menu(figure)
        with self.page.expect_download(timeout=WAIT) as download:
            self.page.get_by_role("button", name=what, exact=True).click(timeout=WAIT)
        path = Path(download.value.path())
        return path.rename(path.with_name(download.value.suggested_filename))

    def leave(self) -> None:
        visible = self.page.locator("body").inner_text()
        self._clear()
        assert self.complaints == []
        assert "Traceback" not in visible
        assert "Something went wrong" not in visible

    def _clear(self) -> None:
        """Leave the page to the next visitor with nothing but what the browser has compiled."""
        self.page.evaluate("localStorage.clear(), sessionStorage.clear()")
        self.page.goto("about:blank")
        for event, hear in self._heard.items():
            self.page.remove_listener(event, hear)
        self.context.clear_cookies()
        devtools = self.context.new_cdp_session(self.page)
        # Once more: a page that still ran has written. Playwright would open a page to look what there is.
        devtools.send("Storage.clearDataForOrigin", {"origin": self.url, "storageTypes": "local_storage"})
        devtools.send("Page.resetNavigationHistory")  # a browser keeps 50 entries, and tests count them
        devtools.detach()
        assert self.page.evaluate("history.length") == 1
        _rested[self.context.browser].append((self._device, self.page))


def in_both_schemes(page: Page) -> Iterator[str]:
    """Yield "dark", then "light", each time once the open page is drawn in it."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        at_rest(
            page,
            """() => [...document.querySelectorAll('.stApp, .main-svg')].map(part => {
                const { width, backgroundColor } = getComputedStyle(part);
                return [width, backgroundColor];
            })""",
        )
        yield scheme


def part(page: Page, question: str) -> Locator:
    """The line by which a part of the page is opened and closed."""
    return page.locator("[class*=st-key-part_] > .stExpander > details > summary").filter(has_text=question)


def pick(page: Page, label: str, option: str) -> None:
    """Choose an option of a select box by keyboard, found by typing: its list draws only what fits.

    A run of the page that ends meanwhile closes the list, for a visitor too: then what was typed is gone once the box
    is left, and it is typed again.
    """
    box = page.get_by_role("combobox", name=re.compile(re.escape(label)))
    for _ in range(20):
        box.focus()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(option)
        with suppress(AssertionError):
            expect(page.get_by_role("option", name=option, exact=True)).to_be_visible(timeout=WAIT / 20)
            page.keyboard.press("Enter")
            page.keyboard.press("Tab")
            expect(box).to_have_value(option, timeout=WAIT / 20)
            return
    raise AssertionError(f"{option} cannot be chosen in {label}")


def figure(page: Page, name: str) -> dict:
    """The data of a drawn Plotly figure: its traces and its layout's texts."""
    expect(page.locator(f".st-key-figure-{name} .js-plotly-plot")).to_be_visible(timeout=WAIT)
    read = """chart => ({
        title: chart.layout.title.text,
        ticks: chart.layout.xaxis.ticktext,
        traces: chart._fullData.map(t => ({
            z: t.z && Array.from(t.z, row => Array.from(row)), x: t.x && Array.from(t.x), y: t.y && Array.from(t.y),
            text: t.text, said: t.customdata})),
    })"""
    return read_chart(page, name, read)


def hover(page: Page, x: float, y: float) -> None:
    """Move the mouse over a part of a figure, and wait until that tells what it is: a click before would be lost."""
    page.mouse.move(x, y)
    expect(page.locator(".hoverlayer .hovertext").first).to_be_visible()


def read_chart(page: Page, name: str, read: str, *arguments: object):
    """What `read`, JavaScript of the chart's element, returns once Plotly has drawn it and that is something."""
    return page.wait_for_function(_of_chart(read), arg=[name, *arguments], timeout=WAIT).json_value()


def chart_at_rest(page: Page, name: str, read: str, *arguments: object):
    """What `read_chart` returns, once that does not change any more."""
    return at_rest(page, _of_chart(read), [name, *arguments])


def _of_chart(read: str) -> str:
    """JavaScript that looks the chart up each time: Streamlit may replace it, and Plotly draw it again, at any time."""
    return f"""([name, ...more]) => {{
        const chart = document.querySelector(`.st-key-figure-${{name}} .js-plotly-plot`);
        return chart && chart.layout && chart._fullData && chart._fullLayout && ({read})(chart, ...more);
    }}"""


def at_rest(page: Page, read: str, argument: object = None):
    """What `read`, JavaScript, returns once that is something and stays the same for some frames and 300 ms.

    Frames too, not time alone: of a browser too busy to draw seconds pass, and nothing has moved.
    """
    return page.evaluate(
        f"""async argument => {{
            const read = {read}, until = performance.now() + {WAIT};
            const frames = (count, since) => new Promise(done => {{
                const enough = () => count-- <= 0 && performance.now() - since > 300;
                const next = () => enough() ? done() : requestAnimationFrame(next);
                next();
            }});
            for (let now, before; performance.now() < until; before = now) {{
                await frames(8, performance.now());
                now = JSON.stringify(read(argument) || null);
                if (now === before && now !== 'null') return JSON.parse(now);
            }}
            throw new Error(`still moving: ${{before}}`);
        }}""",
        argument,
    )
