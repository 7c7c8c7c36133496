"""The server's front door: Streamlit's app behind the rules of `app.hosting.doors`; `python -m app` serves it."""

from starlette.middleware import Middleware
from streamlit.starlette import App

from app.hosting.doors import Doors
from app.hosting.logs import take_over

take_over()
app = App("main.py", middleware=[Middleware(Doors)])
