""" "Take home": the menu under every figure. Nothing of it is computed or sent before it is opened."""

import html
import json
import re
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

import ioi_core
from app import url
from app.hosting.models import DEMO, GPT2
from app.hosting.services import settings
from app.hosting.static_files import publish_wheel
from app.questions.ask import Request
from app.questions.compute import compute_all
from app.questions.shown import Shown, shown_by_default
from app.take_home import data
from app.take_home.address import query_of_view
from app.take_home.caught import CAUGHT, Caught
from app.take_home.cite import bibtex, citation
from app.take_home.code import python
from app.take_home.copying import copyable
from app.take_home.notebook import notebook
from app.take_home.page import Part, is_light, page
from app.take_home.record import Record, Source
from ioi_core import Model, PromptPairs


def download_button(
    label: str, make: Callable[[], str | bytes], file: str, mime: str | None = None, **more: Any
) -> None:
    """Draw a button that downloads what `make` returns once it is pressed; in a run for a report, none."""
    if CAUGHT not in st.session_state:
        st.download_button(
            label, make, file, mime, on_click="ignore", icon=":material/download:", type="tertiary", width="content",
            **more,
        )  # fmt: skip


_MAKING = threading.Lock()


def one_at_a_time(make: Callable[[], bytes]) -> Callable[[], bytes]:
    """Return what makes a file when no other is made: the memory of large ones does not add up."""

    def made() -> bytes:
        with _MAKING:
            return make()

    return made


_SOURCE, _MODEL = "_source", "_model_of_source"

_VERSIONS = (("ioi_core", ioi_core.__version__), ("torch", version("torch")), ("streamlit", version("streamlit")))


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a page says of a figure: `Record` without its source; no `shown` means the requests' main numbers."""

    name: str
    title: str
    words: str
    about: str
    requests: tuple[Request[Any], ...]
    shown: tuple[Shown, ...]

    def record(self, source: Source) -> Record:
        """Return the figure's record."""
        shown = self.shown or shown_by_default(self.requests)
        return Record(self.name, self.title, source, self.requests, shown, self.words, self.about)


def begin_records(model: Model, pairs: PromptPairs, prompts: Request[PromptPairs], in_words: str) -> None:
    """Note what every figure of this run is drawn on, but for its address; the arguments are those of `Source`."""
    loadable = model.name == DEMO or (model.name == GPT2 and model.is_gpt2_small)
    st.session_state[_MODEL] = weakref.ref(model)
    st.session_state[_SOURCE] = Source(
        model.name, model.fingerprint, ioi_core.PROCESSING, loadable, prompts, pairs, in_words, "", _VERSIONS
    )


def _linked(source: Source) -> Source:
    """Return a source with the address of this view, as it is by the time that a menu is open."""
    if not st.context.url:
        return source
    model = DEMO if source.model == DEMO else str(st.session_state.get(url.MODEL, source.model))
    return replace(source, url=url.link(st.context.url, query_of_view(model)))


def take_home(drawn: Drawn, frame: Callable[[], pd.DataFrame], figures: Sequence[go.Figure] = ()) -> None:
    """Draw the menu of a figure: closed, it is a button and nothing else. In a run for a report, keep the figure.

    Args:
        frame: makes the figure's table; figures: those that are drawn, none where it is a table alone.
    """
    caught: Caught | None = st.session_state.get(CAUGHT)
    if caught is not None:
        caught.keep(Part(drawn.record(st.session_state[_SOURCE]), frame, figures), st.session_state[_MODEL])
        if caught.all_found:
            st.stop()
        return
    name = drawn.name
    menu = st.popover("Take home", icon=":material/ios_share:", type="tertiary", key=f"take-{name}", on_change="rerun")
    if menu.open:
        with menu:
            _show_menu(drawn.record(_linked(st.session_state[_SOURCE])), frame, figures)


def needs_a_click(label: str) -> None:
    """Say to a report why a figure is not there that is computed on request alone, by the button of that label."""
    caught: Caught | None = st.session_state.get(CAUGHT)
    if caught is not None:
        caught.problem = f"open its view and press “{label}” first: that takes a while"


def _show_menu(record: Record, frame: Callable[[], pd.DataFrame], figures: Sequence[go.Figure]) -> None:
    model: Model | None = st.session_state[_MODEL]()
    if model is None:  # it cannot leave memory in the run that draws on it
        return
    results = compute_all(model, record.requests)
    numbers = record.numbers(results)
    name = record.name
    if record.source.url:
        copyable("Copy link", record.source.url, "link to this view")
    copyable("Copy as Python", python(record), "Python", folded=True)
    with st.container(horizontal=True, gap="small"):
        book = partial(notebook, record, results, wheel_address())
        _download("Notebook", book, record.file_name("ipynb"), f"notebook-{name}")
        _download("Web page", lambda: page([Part(record, frame, figures)]), record.file_name("html"), f"page-{name}")
        if is_light(figures):
            small = partial(page, [Part(record, frame, figures)], light=True)
            _download("Web page, small", small, record.file_name("html", "small"), f"page-small-{name}")
        _download("Data (CSV)", lambda: data.figure_csv(record, frame()), record.file_name("csv"), f"csv-{name}")
        if data.has_prompts(numbers):
            file = record.file_name("csv", "prompts")
            _download("Every prompt (CSV)", lambda: data.prompts_csv(record, numbers), file, f"csv-prompts-{name}")
    if figures:
        _show_images(record)
    _offer_pin(record)
    copyable("Copy citation", citation(record), "citation", folded=True)
    copyable("Copy BibTeX", bibtex(record), "BibTeX", folded=True)


def _offer_pin(record: Record) -> None:
    """Draw a button that has the browser keep the figure for the visitor's report, or say why it cannot."""
    page, _, query = record.source.url.rpartition("/")[2].partition("?")
    if not record.source.url:
        return
    if url.left_out("") in query:
        st.caption("It cannot be pinned to the report: a text is too long for its link. Take the notebook instead.")
        return
    pin = html.escape(json.dumps([f"{page}?{query}", record.name]))
    st.html(f'<button class="ioi-image" type="button" data-ioi-pin="{pin}">Pin to the report</button>')


def _show_images(record: Record) -> None:
    """Draw two buttons that have the browser save the figure as an image."""
    buttons = "".join(
        f'<button class="ioi-image" type="button" data-ioi-image="{kind}" data-figure="{html.escape(record.name)}" '
        f'data-file="{html.escape(record.file_name(kind))}">Image ({kind.upper()})</button>'
        for kind in ("svg", "png")
    )
    st.html(f'<div class="ioi-images">{buttons}</div>')
    st.html(f"<script>{_IMAGE}</script>", unsafe_allow_javascript=True)


_IMAGE = Path(__file__).with_name("image.js").read_text(encoding="utf-8")
_MIME = {"ipynb": "application/x-ipynb+json", "html": "text/html", "csv": "text/csv"}


def wheel_address() -> str:
    """Return where notebooks install `ioi_core` from: the host's address for it, this server's, or ""."""
    if address := settings().package_url:
        return address
    here, wheel = urlsplit(st.context.url or ""), publish_wheel()  # with its digest
    if wheel is None or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", here.netloc):
        return ""  # never its bare name: nobody promises what an index has under it
    above = here.path.rpartition("/")[0]  # of the page, which is the last part of the address
    return f"{here.scheme}://{here.netloc}{quote(above)}/app/static/{wheel}"


def _download(label: str, make: Callable[[], bytes], file: str, key: str) -> None:
    """Draw a button whose file is made when it is pressed."""
    download_button(label, one_at_a_time(make), file, _MIME[file.rpartition(".")[2]], key=key)
