"""Who a session belongs to, as well as can be told without accounts, and the place in line of the page it draws."""

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from cache.jobs import Place
from cache.line import new_place

_PLACE = "_place"
_COOKIE = re.compile(r"2\|[0-9a-f]{8}\|[0-9a-f]{32}\|[0-9]{1,15}")


def visitor() -> str:
    """Return a name for the browser, by the cookie that Streamlit gives each; without one, for this session alone.

    All tabs of a browser have the same name. It is no secret kept and no proof: whoever drops the cookie is another.
    """
    context = get_script_run_ctx()
    cookie = str(st.context.cookies.get(XSRF_COOKIE_NAME, "")).strip('"')
    if _COOKIE.fullmatch(cookie):
        token, _ = decode_xsrf_token_string(cookie)  # masked anew in each answer; what is below the mask stays
        if token:
            return token.hex()
    return "" if context is None else context.session_id


def begin_page() -> None:
    """Take a place in line for what this run of the script will ask for."""
    st.session_state[_PLACE] = new_place(visitor())


def place() -> Place:
    """Return the place in line of the page that is drawn."""
    if _PLACE not in st.session_state:
        begin_page()
    taken: Place = st.session_state[_PLACE]
    return taken
