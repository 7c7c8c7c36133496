"""The server's front door, which `python -m app` serves: Streamlit's app, the routes of live classes beside it, and the
rules of `app.hosting.doors` before both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.middleware import Middleware
from streamlit import config
from streamlit.starlette import App

from app.classroom.rooms import Rooms, shared_store
from app.classroom.routes import ClassRoutes
from app.hosting.doors import Doors
from app.hosting.logs import take_over

_rooms = Rooms(shared_store)


@asynccontextmanager
async def _running(_: App) -> AsyncIterator[None]:
    async with _rooms.running():
        yield


take_over()
app = App(
    "main.py",
    lifespan=_running,
    routes=ClassRoutes(_rooms, config.get_option("server.baseUrlPath") or "").routes(),
    middleware=[Middleware(Doors)],
)
