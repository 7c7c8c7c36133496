"""The server's front door, which `python -m app` serves: Streamlit's app, the routes of live classes beside it, and the
rules of `app.hosting.doors.rules` before both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.middleware import Middleware
from streamlit import config
from streamlit.starlette import App
from streamlit.web.server.server_util import get_display_address, get_url

from app.classroom.rooms import Rooms, shared_store
from app.classroom.routes import ClassRoutes
from app.hosting.doors.rules import Doors
from app.hosting.logs import log_event

_rooms = Rooms(shared_store)


@asynccontextmanager
async def _running(_: App) -> AsyncIterator[None]:
    async with _rooms.running():
        log_event("serving", address=get_url(get_display_address(config.get_option("server.address") or "localhost")))
        yield


app = App(
    "main.py",
    lifespan=_running,
    routes=ClassRoutes(_rooms, config.get_option("server.baseUrlPath") or "").routes(),
    middleware=[Middleware(Doors)],
)
