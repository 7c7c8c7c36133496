"""The offer of a frame at the end of each page, and the page inside one: its view alone, with a link to all of it."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import url
from app.embed.words import frame, where_it_works
from app.hosting.models import DEMO
from app.hosting.services import settings
from app.shell.sidebar import stands_in
from app.shell.title import APP
from app.take_home.address import query_of_view
from app.take_home.copying import copyable

_STYLE = Path(__file__).with_name("embed.css").read_text(encoding="utf-8")


def is_embedded() -> bool:
    """Return whether the address has `embed=true`: the page is shown in a frame."""
    return bool(st.context.is_embedded)


def style_embedded() -> None:
    """Leave out of a page in a frame what leads elsewhere: the sidebar, the header, the way on."""
    if is_embedded():
        st.html(f"<style>{_STYLE}</style>")


def offer_frame(room: DeltaGenerator, title: str) -> None:
    """Offer the frame that shows the view; inside one, the way out of it.

    Called once the page is drawn, when the address holds all that was chosen, by buttons and clicks too.

    Args:
        room: of the page's end; title: of the page.
    """
    page = st.context.url
    if page is None:
        return
    wanted = st.session_state[url.MODEL]
    query = query_of_view(DEMO if stands_in(wanted) else wanted)
    with room:
        if is_embedded():
            st.link_button(f"Open in {APP}", url.link(page, query), icon=":material/open_in_new:", type="tertiary")
            return
        opened = st.popover(
            "Embed", icon=":material/code:", type="tertiary", help="Show this view in a page of your own.",
            key="embed", on_change="rerun",
        )  # fmt: skip
        if not opened.open:
            return
        with opened:
            copyable("Copy the frame", frame(page, query, f"{APP}: {title}"), "frame")
            st.caption("It shows this view, as it is now, in a page of your own.")
            if any(name.endswith(url.left_out("")) for name in query):
                st.caption("A text that is too long for a link is left out.")
            st.caption(where_it_works(settings().frame_ancestors))
