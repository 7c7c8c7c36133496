"""The routes of classes, beside Streamlit's own: no session and no script run, and nothing is computed here.

A class's code is in the path, by which a balancer may send it to one machine; whoever is a member says so by a secret
in a header, which no log holds and no other site can send.
"""

import asyncio
import json
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.classroom import codes, files, qr, simulated, views
from app.classroom.checks import RefusedError, WrongCodes, address, check_origin, read_json, whole
from app.classroom.phases import NEXT, OPEN, REVEAL, REVEAL_NOW, after
from app.classroom.rooms import Rooms
from app.classroom.store import ClassStore, FullError, Lesson, Snapshot, Vote
from app.classroom.tallies import as_csv
from app.lessons.answers import check_answer

KEY = "X-Class-Key"
"""The header with a student's id, or the teacher's or projector's secret."""

_NO_STORE = {"Cache-Control": "no-store"}
_SECONDS_UNTIL_AGAIN = 2
_MOST_REMEMBERED = 50
_log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]


class ClassRoutes:
    """Answers for all classes of a process.

    Args:
        base: what the app's paths begin with (server.baseUrlPath).
    """

    def __init__(self, rooms: Rooms, base: str = ""):
        self._rooms, self._wrong = rooms, WrongCodes()
        self._base = f"/{base.strip('/')}/class" if base.strip("/") else "/class"
        self._lessons: dict[str, Lesson] = {}
        self._told: dict[str, tuple[int, asyncio.Future[bytes]]] = {}

    def routes(self) -> list[BaseRoute]:
        """Return the routes; what else is below them is not found."""
        api = "/api/{code}"
        page = partial(self._file, name="index.html")
        asked: list[tuple[str, str, Handler]] = [
            ("GET", "", page),
            ("GET", "/", page),
            ("GET", "/teacher", page),
            ("GET", "/screen", page),
            ("GET", "/files/{name}", self._file),
            ("GET", "/qr.svg", _qr),
            ("POST", f"{api}/join", self._join),
            ("GET", f"{api}/state", self._state),
            ("POST", f"{api}/vote", self._vote),
            ("GET", f"{api}/screen", partial(self._watch, teacher=False)),
            ("GET", f"{api}/teacher", partial(self._watch, teacher=True)),
            ("POST", f"{api}/move", self._move),
            ("POST", f"{api}/simulate", self._simulate),
            ("GET", f"{api}/votes.csv", self._csv),
        ]
        routes = [Route(self._base + path, _refusing(handler), methods=[method]) for method, path, handler in asked]
        return [
            *routes,
            Route(self._base + "/{rest:path}", _refusing(_nothing), methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    async def _file(self, request: Request, name: str = "") -> Response:
        name = name or request.path_params["name"]
        return files.answer(request, name, self._base) if name in files.NAMES else await _nothing(request)

    async def _join(self, request: Request) -> Response:
        """A new student: their id, which is all that anybody knows of them."""
        await read_json(request)
        self._wrong.check(address(request))
        key = _key(request)

        def join(store: ClassStore) -> str | None:
            return store.join(key) if store.snapshot(key) else None

        student = await self._rooms.write(join)
        if student is None:
            raise self._stranger(request)
        return _json({"student": student})

    async def _state(self, request: Request) -> Response:
        """What a student is told, once it is not what they know (`after`, a version) or some seconds have passed."""
        key, secret = _key(request), _secret(request)
        known = request.query_params.get("after", "")[:20]
        now = await self._now(request, ClassStore.is_student)
        again = known == str(now.version) and not await self._rooms.wait(key, now, counts=False)
        late, mine = await self._rooms.call(lambda store: _state_of(store, key, secret))
        if late is None:
            raise self._stranger(request)
        if known == str(late.version):
            return _json({"version": late.version, "again": _SECONDS_UNTIL_AGAIN if again else 0})
        everybody = await self._for_students(key, late)
        own = _dumps(views.for_one(await self._lesson(key), late, mine))
        return Response(own[:-1] + b"," + everybody[1:], media_type="application/json", headers=_NO_STORE)

    async def _vote(self, request: Request) -> Response:
        """An answer to the open vote; an earlier one of the same student is replaced."""
        key, secret = _key(request), _secret(request)
        sent = await read_json(request, "step", "vote", "answer")
        now = await self._now(request, ClassStore.is_student)
        step, vote = whole(sent["step"], 0, 1000, "step"), whole(sent["vote"], 1, 2, "vote")
        closed = RefusedError(409, "This vote is closed: your answer was not counted.")
        if (now.place.phase, now.place.step, now.place.vote) != (OPEN, step, vote):
            raise closed
        lesson = await self._lesson(key)
        if words := check_answer(lesson.steps[step]["question"], sent["answer"]):
            raise RefusedError(422, f"{words[:1].upper()}{words[1:]}.")
        if not await self._rooms.write(lambda store: store.vote(key, secret, step, vote, sent["answer"])):
            raise closed
        return _json({"counted": True})

    async def _watch(self, request: Request, teacher: bool) -> Response:
        """What the projector or the teacher sees, once it is not what they know (`after`)."""
        key, member = _key(request), ClassStore.is_teacher if teacher else ClassStore.is_screen
        known = request.query_params.get("after", "")[:40]
        now = await self._now(request, member)
        again = False
        if known == _mark(now):
            again = not await self._rooms.wait(key, now, counts=True)
            now = await self._now(request, member)
        if known == _mark(now):
            return _json({"mark": known, "again": _SECONDS_UNTIL_AGAIN if again else 0})
        lesson = await self._lesson(key)
        votes = await self._votes(key, now) if teacher or now.place.phase == REVEAL else []
        tell = views.for_teacher if teacher else views.for_screen
        return _json({"mark": _mark(now), **tell(lesson, now, votes)})

    async def _move(self, request: Request) -> Response:
        """The teacher's button; pressed twice it moves once."""
        sent = await read_json(request, "version", "action")
        key, now = _key(request), await self._now(request, ClassStore.is_teacher)
        version = whole(sent["version"], 0, 10**6, "version")
        if sent["action"] not in (NEXT, REVEAL_NOW):
            raise RefusedError(400, f"action is {NEXT} or {REVEAL_NOW}.")
        place = after(now.place, (await self._lesson(key)).steps, sent["action"])
        if place is None:
            raise RefusedError(409, "There is nothing behind this phase.")
        if version != now.version or not await self._rooms.write(lambda store: store.move(key, version, place)):
            raise RefusedError(409, "The class has moved on already.")
        await self._rooms.moved(key)
        return _json({"version": version + 1})

    async def _simulate(self, request: Request) -> Response:
        """Answers of simulated students in the open vote, for a rehearsal."""
        sent = await read_json(request, "students")
        key, now = _key(request), await self._now(request, ClassStore.is_teacher)
        students, place = whole(sent["students"], 1, simulated.MOST, "students"), now.place
        closed = RefusedError(409, "They answer while a vote is open.")
        if place.phase != OPEN:
            raise closed
        lesson = await self._lesson(key)
        question, reveal = lesson.steps[place.step]["question"], lesson.reveals[place.step]
        assert reveal is not None, "a step with a question has a reveal"
        given = simulated.answers(question, reveal, students, place.vote, f"{key} {place.step}")
        if not await self._rooms.write(lambda store: store.make_up(key, place.step, place.vote, given)):
            raise closed
        return _json({"answered": students})

    async def _csv(self, request: Request) -> Response:
        key = _key(request)
        await self._now(request, ClassStore.is_teacher)
        lesson = await self._lesson(key)
        data = await self._rooms.call(lambda store: as_csv(lesson, lambda step: store.votes(key, step)))
        return Response(data, media_type="text/csv; charset=utf-8", headers=_NO_STORE)

    async def _now(self, request: Request, member: Callable[[ClassStore, str, str], bool]) -> Snapshot:
        """Return where the class of a request is, if the request is of a member. Raises RefusedError."""
        check_origin(request)
        key, secret = _key(request), _secret(request)
        found, is_member = await self._rooms.call(
            lambda store: (store.snapshot(key), codes.is_secret(secret) and member(store, key, secret))
        )
        if found is None:
            self._lessons.pop(key, None)
            self._told.pop(key, None)
            raise self._stranger(request)
        if not is_member:
            self._stranger(request)
            raise RefusedError(403, "This link is of no use here: open the one that came with the class.")
        return found

    def _stranger(self, request: Request) -> RefusedError:
        """Count a wrong code or link; return what is said of a code that no class has. Raises RefusedError."""
        self._wrong.check(address(request))
        self._wrong.count(address(request))
        return RefusedError(404, "No class has this code. Look at the projector again; a class is gone after a day.")

    async def _lesson(self, key: str) -> Lesson:
        if key not in self._lessons:
            lesson = await self._rooms.call(lambda store: store.lesson(key))
            if lesson is None:
                raise RefusedError(404, "This class is over.")
            _remember(self._lessons, key, lesson)
        return self._lessons[key]

    async def _votes(self, key: str, now: Snapshot) -> list[Vote]:
        return await self._rooms.call(lambda store: store.votes(key, now.place.step))

    async def _for_students(self, key: str, now: Snapshot) -> bytes:
        """Return what all students are told, made once for each phase, however many ask at that moment."""
        kept = self._told.get(key)
        if kept is None or kept[0] != now.version or (kept[1].done() and kept[1].exception()):
            kept = (now.version, asyncio.ensure_future(self._tell(key, now)))
            _remember(self._told, key, kept)
        return await asyncio.shield(kept[1])

    async def _tell(self, key: str, now: Snapshot) -> bytes:
        lesson = await self._lesson(key)
        votes = await self._votes(key, now) if now.place.phase == REVEAL else []
        return _dumps(views.for_students(lesson, now, votes))


def _state_of(store: ClassStore, key: str, secret: str) -> tuple[Snapshot | None, Mapping[int, Any]]:
    now = store.snapshot(key)
    return now, store.mine(key, secret, now.place.step) if now else {}


def _remember(kept: dict[str, Any], key: str, value: object) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > _MOST_REMEMBERED:
        del kept[next(iter(kept))]


def _mark(now: Snapshot) -> str:
    return f"{now.version}.{now.answered}.{now.joined}.{now.made_up}"


def _key(request: Request) -> str:
    """Return what the class of a request is kept under; a code that cannot be one has a key that nothing has."""
    return ClassStore.key(codes.read_code(request.path_params["code"]) or "")


def _secret(request: Request) -> str:
    return request.headers.get(KEY, "")[:64]


async def _qr(request: Request) -> Response:
    page, code = request.query_params.get("page", ""), codes.read_code(request.query_params.get("code", ""))
    if code is None or not qr.is_join_page(page, request.headers.get("Host", "")):
        raise RefusedError(400, "A QR code is drawn of this server's join page and a class's code.")
    return Response(qr.qr_svg(qr.join_link(page, code)), media_type="image/svg+xml", headers=_NO_STORE)


async def _nothing(_: Request) -> Response:
    raise RefusedError(404, "There is nothing here.")


def _refusing(handler: Handler) -> Handler:
    """Return `handler`, what it refuses told in words, and what cannot be kept as a reason to try again."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusedError as refused:
            return _json({"words": refused.words}, refused.status)
        except FullError as full:
            return _json({"words": str(full)}, 409)
        except ClientDisconnect:
            return _json({"words": "The request broke off."}, 400)
        except (sqlite3.Error, OSError) as error:
            _log.warning("a class cannot be read or kept: %s", error)
            return _json({"words": "The server cannot keep this at the moment. Try again."}, 503)

    return answer


def _json(value: object, status: int = 200) -> Response:
    return Response(_dumps(value), status, media_type="application/json", headers=_NO_STORE)


def _dumps(value: object) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
