"""A view in a frame of another site, through the proxy: allowed and refused, its cookies, its form, an upload."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Frame, Page, expect

from benchmarks.load import serving
from tests import LOST
from tests.browser.embed import hosted
from tests.browser.every_page.controls import shown
from tests.browser.visitor import WAIT, Visitor, at_rest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TEXT = 'When Tom & "Amy" <b>met</b>, Tom waved to\nWhen Tom and Amy left, Tom gave a ring to'
CHOSEN = {"model": "ioi-demo", "prompts": "own", "text": TEXT, "direction": "noising"}


@dataclass
class World:
    """The app behind its proxy, and two other sites, of which the host names the first."""

    app: str
    school: str
    lesson: dict[str, str]
    stranger: str
    copy: dict[str, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if hosted.NGINX is None:
        reason = "NO NGINX FOUND, frames stay untested through the proxy: apt install nginx"
        if os.environ.get("IOI_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("hosted")
    with ExitStack() as stack:
        school, lesson = stack.enter_context(hosted.site())
        stranger, copy = stack.enter_context(hosted.site())
        app = stack.enter_context(serving(folder, warm=False, IOI_FRAME_ANCESTORS=f"'self' {school}"))
        yield World(stack.enter_context(hosted.proxy(folder, app.port)), school, lesson, stranger, copy)
    assert not LOST.search(Path(folder / "log").read_text())


def framed(page: Page) -> Frame:
    """The app inside the page, once it is drawn."""
    expect(page.frame_locator("iframe").locator("h1")).to_be_visible()
    return next(frame for frame in page.frames if "embed=true" in frame.url)


def listen(page: Page) -> list[str]:
    """What will go wrong on a page, but for what Streamlit and the browser look for in vain."""
    complaints: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        in_vain = re.search(r"/(_stcore/(health|host-config)|favicon.ico)$", said.location.get("url", ""))
        if said.type == "error" and not in_vain:
            complaints.append(said.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def test_the_frame_that_a_page_offers_shows_its_view_in_a_page_of_another_site(chromium: Browser, world: World) -> None:
    visitor = Visitor(chromium, world.app)
    page = visitor.open("/activation_patching", **CHOSEN)
    before = shown(page)
    page.get_by_role("button", name="Embed").click()
    offered = page.get_by_test_id("stPopoverBody")
    expect(offered).to_contain_text(f"in pages of {world.school}, and this host's own")
    code = offered.locator(".ioi-copy code").inner_text()
    assert not re.search(r"<(?!/?iframe)", code), "what was typed is markup in somebody's page"
    assert 'title="IOI Explorer: Activation patching" width="1000" height="800"' in code
    visitor.leave()

    world.lesson["/lesson"] = code
    reader = chromium.new_context(viewport={"width": 1100, "height": 900})
    lesson = reader.new_page()
    complaints = listen(lesson)
    lesson.goto(f"{world.school}/lesson")
    inside = framed(lesson)
    query = {name: values[0] for name, values in parse_qs(urlsplit(inside.url).query).items()}
    assert query == {**CHOSEN, "embed": "true"}
    expect(inside.locator(".ioi-says").first).to_have_text(before["says"][0], use_inner_text=True, timeout=WAIT)
    for gone in (".stSidebar", ".stAppHeader", ".st-key-present"):
        for part in inside.locator(gone).all():
            expect(part).to_be_hidden()
    expect(inside.get_by_role("link", name="Open in IOI Explorer")).to_have_attribute(
        "href", re.compile(r"^http://localhost:\d+/activation_patching\?(?!.*embed=)")
    )
    assert inside.evaluate("document.querySelector('.stMain h1').getBoundingClientRect().top") < 200
    cookies = {cookie["name"]: cookie for cookie in reader.cookies()}
    for name in ("ioi_replica", "_streamlit_xsrf"):
        assert cookies[name]["sameSite"] == "None"
        assert cookies[name]["secure"]
        assert cookies[name]["partitionKey"]
    assert complaints == []
    reader.close()


def test_a_visitor_in_a_frame_stays_with_a_replica_and_may_upload(chromium: Browser, world: World) -> None:
    world.lesson["/upload"] = f'<iframe src="{world.app}/prompt?embed=true&prompts=data+set" width="1000" height="800">'
    reader = chromium.new_context()
    lesson = reader.new_page()
    lesson.goto(f"{world.school}/upload")
    inside = framed(lesson)
    rows = "clean\n" + "".join(f'"When {name} and Mary met, {name} waved to"\n' for name in ("John", "Tom"))
    field = inside.locator("input[type=file]")
    expect(field).to_be_attached()
    with lesson.expect_response(lambda answer: "/upload_file/" in answer.url) as answer:
        field.set_input_files(files=[{"name": "rows.csv", "mimeType": "text/csv", "buffer": rows.encode()}])
    assert answer.value.ok, answer.value.status
    expect(inside.locator(".ioi-strip")).to_contain_text("Prompts: 2", timeout=WAIT)
    given = reader.cookies()
    lesson.reload()
    framed(lesson)
    [before], [after] = ([one["value"] for one in c if one["name"] == "ioi_replica"] for c in (given, reader.cookies()))
    assert before == after
    reader.close()


def test_a_site_that_the_host_does_not_name_is_refused(chromium: Browser, world: World) -> None:
    world.copy["/lesson"] = f'<iframe src="{world.app}/prompt?embed=true&model=ioi-demo" width="1000" height="800">'
    reader = chromium.new_context()
    page = reader.new_page()
    complaints = listen(page)
    page.goto(f"{world.stranger}/lesson")
    at_rest(page, "() => document.querySelector('iframe') && 'there'")
    assert any("frame-ancestors" in text for text in complaints), complaints
    assert not any(frame.url.startswith(world.app) for frame in page.frames)
    reader.close()


def test_outside_of_frames_the_cookies_are_as_they_were(chromium: Browser, world: World) -> None:
    visitor = Visitor(chromium, world.app)
    visitor.open("/prompt", model="ioi-demo")
    cookies = {cookie["name"]: cookie for cookie in visitor.context.cookies()}
    for name in ("ioi_replica", "_streamlit_xsrf"):
        assert (cookies[name]["sameSite"], cookies[name]["secure"]) == ("Lax", False)
        assert "partitionKey" not in cookies[name]
    visitor.leave()
