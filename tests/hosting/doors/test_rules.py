"""The front door: what is for this machine alone, the headers of every answer, and no more connections than fit."""

import asyncio
import re
from typing import Any

import pytest

from app.hosting.doors.rules import Doors

HERE, ELSEWHERE = ("127.0.0.1", 5), ("192.0.2.7", 5)


class House:
    """An app behind the door, which says "inside" to everything and keeps its sockets open."""

    def __init__(self, most: int = 3):
        self.door = Doors(self, lambda: most, lambda: "'self' https://school.example")
        self.closed = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await self.closed.wait()
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-content-type-options", b"mine")]})
        await send({"type": "http.response.body", "body": b"inside"})

    async def ask(self, **scope: Any) -> list[dict[str, Any]]:
        """What is sent for one request."""
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect" if scope.get("type") == "websocket" else "http.request"}

        known = {"type": "http", "method": "GET", "path": "/", "client": ELSEWHERE, "headers": []}
        await self.door(known | scope, receive, send)
        return sent

    def status(self, **scope: Any) -> int:
        return asyncio.run(self.ask(**scope))[0]["status"]


@pytest.mark.parametrize("path", ["metrics", "script-health-check", "agent", "agent/x"])
@pytest.mark.parametrize("base", ["", "/ioi"])
def test_figures_and_health_check_are_for_this_machine_alone(path, base):
    house = House()
    scope = {"path": f"{base}/_stcore/{path}"}
    assert [house.status(**scope, client=client) for client in (HERE, ("::1", 5), ELSEWHERE, None)] == [
        200,
        200,
        404,
        404,
    ]
    assert house.status(path="/_stcore/health") == 200


def test_every_answer_says_who_may_frame_it_and_keeps_what_the_app_set():
    headers = dict(asyncio.run(House().ask())[0]["headers"])
    assert headers[b"content-security-policy"] == b"frame-ancestors 'self' https://school.example"
    assert headers[b"x-content-type-options"] == b"mine"
    assert headers[b"referrer-policy"] == b"no-referrer"


def cookies(*headers: tuple[bytes, bytes]) -> list[bytes]:
    start = asyncio.run(House().ask(headers=list(headers)))[0]
    return [value for name, value in start["headers"] if name == b"set-cookie"]


def test_a_page_in_a_frame_of_another_site_gets_a_cookie_that_is_kept_there():
    framed = (b"sec-fetch-dest", b"iframe")
    for site in (b"cross-site", b"same-site"):
        [cookie] = cookies(framed, (b"sec-fetch-site", site))
        assert re.fullmatch(
            rb"_streamlit_xsrf=2\|[0-9a-f|]+; Path=/; SameSite=None; Secure; Partitioned", cookie
        )  # as `visitor()` reads it
        assert cookies(framed, (b"sec-fetch-site", site), (b"cookie", b"a=b; _streamlit_xsrf=2|0|0|0")) == []
    assert cookies(framed, (b"sec-fetch-site", b"same-origin")) == []
    assert cookies((b"sec-fetch-dest", b"document"), (b"sec-fetch-site", b"cross-site")) == []
    assert cookies() == []


def test_no_more_are_connected_than_fit_and_the_next_one_gets_a_page_that_tries_again():
    async def story() -> None:
        house = House(most=2)
        page = {"headers": [(b"accept", b"text/html,application/xhtml+xml")]}
        inside = [asyncio.create_task(house.ask(type="websocket")) for _ in range(2)]
        await asyncio.sleep(0)
        assert (await house.ask(type="websocket")) == [
            {"type": "websocket.close", "code": 1013, "reason": "every place is taken"}
        ]
        start, body = await house.ask(**page)
        assert start["status"] == 503
        assert b"tries again every 10 seconds" in body["body"]
        assert (b"content-security-policy", b"frame-ancestors 'self' https://school.example") in start["headers"]
        assert (await house.ask())[0]["status"] == 200, "what belongs to a page of somebody inside"
        assert (await house.ask(path="/class", **page))[0]["status"] == 200, "a phone's page, which is no session"
        house.closed.set()
        await asyncio.gather(*inside)
        assert (await house.ask(**page))[0]["status"] == 200
        assert (await house.ask(type="websocket"))[0] == {"type": "websocket.accept"}

    asyncio.run(story())


def test_who_is_handed_a_page_finds_room_and_a_page_that_nobody_takes_up_keeps_none(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("app.hosting.doors.rules.time.monotonic", lambda: now[0])
    page = {"headers": [(b"accept", b"text/html")]}

    async def story() -> None:
        house = House(most=3)
        assert [(await house.ask(**page))[0]["status"] for _ in range(4)] == [200, 200, 200, 503]
        inside = [asyncio.create_task(house.ask(type="websocket")) for _ in range(2)]
        await asyncio.sleep(0)
        assert (await house.ask(**page))[0]["status"] == 503
        now[0] += 11
        assert [(await house.ask(**page))[0]["status"] for _ in range(2)] == [200, 503]
        house.closed.set()
        assert [(await task)[0]["type"] for task in inside] == ["websocket.accept"] * 2

    asyncio.run(story())
