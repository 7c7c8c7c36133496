"""Who a session belongs to, as well as can be told without accounts, and the place in line of the page it draws."""

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

from cache.jobs import Place
from cache.line import new_place

_PLACE, _PAGE = "_place", "_page_of_place"
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


def begin_page(name: str = "") -> Place | None:
    """Take a place in line for what this run of the script will ask for.

    Args:
        name: of the page.
    Returns:
        the place that the session had on another page, which it has left.
    """
    before, page = st.session_state.get(_PLACE), st.session_state.get(_PAGE)
    st.session_state[_PLACE], st.session_state[_PAGE] = new_place(visitor()), name
    return before if page != name else None


def place() -> Place:
    """Return the place in line of the page that is drawn."""
    if _PLACE not in st.session_state:
        begin_page()
    taken: Place = st.session_state[_PLACE]
    return taken
