"""The server's front door: Streamlit's app behind the rules of `app.hosting.doors`; `python -m app` serves it."""

from starlette.middleware import Middleware
from streamlit.starlette import App

from app.hosting.doors import Doors

app = App("main.py", middleware=[Middleware(Doors)])
