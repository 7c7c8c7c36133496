"""The report on its page: each figure drawn again, with the visitor's line and its place, and the files of all."""

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from functools import partial
from urllib.parse import parse_qs

import streamlit as st

from app import url
from app.drawing.figure import show_chart
from app.drawing.frames import as_written
from app.drawing.look import notice, says
from app.drawing.table import on_paper
from app.hosting.services import models
from app.questions.compute import compute_all
from app.report import words
from app.report.files import Figure, report_cells, report_page, report_zip
from app.report.pins import LONGEST_ADDRESS, LONGEST_NOTE, Pin, moved, noted, read, removed, written
from app.report.rerun import LedAwayError, caught_in
from app.shell.way import BESIDE, START, WAY
from app.take_home.caught import Caught
from app.take_home.copying import copyable
from app.take_home.menu import download_button, one_at_a_time, wheel_address
from app.take_home.page import Part

_DRAWN, _NO_ROOM = "_report_drawn", "_report_no_room"
_MOST_WRITTEN = 20_000  # cells of a table whose numbers are written as sentences write them: of more it takes seconds


def show_report(pins: Sequence[Pin], *, large: bool) -> None:
    """Draw the figures of a report, in their order."""
    _tell_the_browser(pins)
    caught = _all_caught(pins)
    _show_files(pins, caught)
    for n, (pin, of_view) in enumerate(zip(pins, caught, strict=True)):
        with st.container(key=f"pin-{n}"):
            _show_pin(pins, n, _part(pin, of_view), of_view, large=large)


def show_how_to_begin() -> None:
    """Say how to pin; the browser adds a link to what it keeps, if anything."""
    _tell_the_browser(None)
    st.write(words.NOTHING)


def _tell_the_browser(pins: Sequence[Pin] | None) -> None:
    """Put the report where report.js finds it: it keeps what the visitor has changed."""
    held = "" if pins is None else f'data-pins="{html.escape(json.dumps([astuple(pin) for pin in pins]))}"'
    adopt = f'<button class="ioi-image" type="button" data-ioi-adopt hidden>{words.ADOPT}</button>'
    st.html(f'<p class="ioi-report" {held}>{adopt}</p>')
    if st.session_state.pop(_NO_ROOM, False):
        notice(words.NO_ROOM)


def _all_caught(pins: Sequence[Pin]) -> list[Caught]:
    """Run each view that is not drawn yet, once; the session keeps what it drew, without the model."""
    by_view: dict[str, list[Pin]] = {}
    for pin in pins:
        by_view.setdefault(pin.view, []).append(pin)
    before: dict[str, Caught] = st.session_state.get(_DRAWN, {})
    drawn = {view: found for view, found in before.items() if view in by_view and _has_all(found, by_view[view])}
    st.session_state[_DRAWN] = drawn  # by now: a run that is to end keeps what it has drawn
    missing = [same for view, same in by_view.items() if view not in drawn]
    bar = st.empty()
    for n, same in enumerate(missing):
        bar.progress(n / len(missing), f"Drawing view {n + 1} of {len(missing)}")
        drawn[same[0].view] = _caught(same)
    bar.empty()
    return [drawn[pin.view] for pin in pins]


def _has_all(found: Caught, of_view: Sequence[Pin]) -> bool:
    """Return whether all is there, drawn on the model that is asked for, if that is here."""
    if found.loaded is None or not {pin.figure for pin in of_view} <= found.parts.keys():
        return False
    asked = _model_of(of_view[0])
    return found.loaded.name == asked or asked not in models().names or models().get(asked) is None


def _model_of(pin: Pin) -> str:
    """Return the name of the model that a link asks for, "" if it names none."""
    return parse_qs(pin.query).get(url.MODEL, [""])[0]


def _caught(of_view: Sequence[Pin]) -> Caught:
    """Draw the figures of one view."""
    wanted = frozenset(pin.figure for pin in of_view)
    try:
        return caught_in(of_view[0].page, of_view[0].query, wanted)
    except LedAwayError:
        return Caught(wanted, problem="its link leads to another page")


def _part(pin: Pin, caught: Caught) -> Part | None:
    """Return a pinned figure with its own link and line; None where its view did not draw it."""
    part = caught.parts.get(pin.figure)
    if part is None:
        return None
    here = (st.context.url or "").rpartition("/")[0]
    source = replace(part.record.source, url=f"{here}/{pin.view}" if here else "")
    asked, said = _model_of(pin), part.record.words
    if asked not in ("", source.model):
        said = f"{said}\n{words.stands_in(source.model, asked)}"
    return replace(part, record=replace(part.record, source=source, words=said), note=pin.note)


def _show_pin(pins: Sequence[Pin], n: int, part: Part | None, caught: Caught, *, large: bool) -> None:
    pin = pins[n]
    name = pin.figure.replace("_", " ").capitalize()
    st.header(f"{n + 1}. {_page_title(pin)}", anchor=False)
    if part is None:
        notice(words.not_drawn(name, caught.problem))
    else:
        _show_figure(part, n, large=large)
        source = part.record.source
        st.caption(f":small[{_literal(f'{source.model}; {source.in_words}.')}]")
    st.text_input(
        "Your line", pin.note, LONGEST_NOTE, key=_note_key(pin.key), placeholder="What does it show?",
        on_change=_note, args=(pin.key,),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for label, icon, by in (("Earlier", "arrow_upward", -1), ("Later", "arrow_downward", 1)):
            st.button(
                label, icon=f":material/{icon}:", type="tertiary", key=f"{label.lower()}-{pin.key}",
                on_click=_change, args=(partial(moved, key=pin.key, by=by),), disabled=not 0 <= n + by < len(pins),
            )  # fmt: skip
        st.button(
            "Remove", icon=":material/delete:", type="tertiary", key=f"remove-{pin.key}", on_click=_change,
            args=(partial(removed, key=pin.key),),
        )  # fmt: skip
        if part and part.record.source.url:
            st.link_button("Open the view", part.record.source.url, icon=":material/open_in_new:", type="tertiary")


def _note_key(key: str) -> str:
    return f"note-{key}"


def _note(key: str) -> None:
    """Keep what was typed below a figure."""
    _change(partial(noted, key=key, note=st.session_state[_note_key(key)]))


def _change(how: Callable[[list[Pin]], list[Pin]]) -> None:
    """Change the report as it is by now: its address, and by it what the browser keeps."""
    before = st.query_params.get(url.PINS, "")
    after = written(how(read(before)))
    if len(after) > max(len(before), LONGEST_ADDRESS):
        st.session_state[_NO_ROOM] = True
    else:
        st.query_params[url.PINS] = after


def _page_title(pin: Pin) -> str:
    steps = (*WAY, *BESIDE)
    return next((step.title for step in steps if step.name == (pin.page or START.name)), "No page of this app")


def _literal(text: str) -> str:
    return "".join(f"\\{one}" if one in r"\`*_{}[]()#+-.!~$:<>|&" else one for one in text)


def _show_figure(part: Part, n: int, *, large: bool) -> None:
    for k, figure in enumerate(part.figures):
        show_chart(f"report-{n}-{k}", figure, large=large, first=n == k == 0, **(figure.layout.meta or {}))
    if not part.figures:
        frame = part.frame()
        drawn = as_written(frame) if frame.size < _MOST_WRITTEN else frame
        st.dataframe(drawn, hide_index=True, key=f"report-table-{n}")
        on_paper(frame, part.record.title, {})
    if part.record.words:
        says(part.record.words)


def _show_files(pins: Sequence[Pin], caught: Sequence[Caught]) -> None:
    menu = st.popover("Take the report home", icon=":material/ios_share:", key="take-report", on_change="rerun")
    if not menu.open:
        return
    with menu:
        parts = [(_part(pin, of_view), of_view.loaded) for pin, of_view in zip(pins, caught, strict=True)]
        figures = [
            Figure(part, compute_all(model, part.record.requests))
            for part, model in parts
            if part and model is not None
        ]
        if here := st.context.url:
            copyable("Copy link", url.link(here, {url.PINS: written(pins)}), "link to this report")
        if figures:
            _show_downloads(figures)
        missing = [pin.figure.replace("_", " ") for pin, (part, _) in zip(pins, parts, strict=True) if part is None]
        if missing:
            st.caption(words.left_out(missing))
        st.caption(words.WHERE)


def _show_downloads(figures: Sequence[Figure]) -> None:
    files = (
        ("Notebook", partial(report_cells, figures, wheel_address()), "report.ipynb", "application/x-ipynb+json"),
        ("Web page", partial(report_page, figures), "report.html", "text/html"),
        ("Tables (ZIP)", partial(report_zip, figures), "report.zip", "application/zip"),
    )
    with st.container(horizontal=True, gap="small"):
        for label, make, name, mime in files:
            download_button(label, one_at_a_time(make), name, mime, key=f"report-{name}")
