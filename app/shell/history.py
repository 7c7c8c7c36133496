"""One history entry a page, so that Back returns to the page as it was; and an address that says what is shown."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
from streamlit.runtime.state.query_params import QueryParams, _coerce_value_for_query_url

from app import url
from app.drawing.look import notice
from app.shell.widgets import link_refusals

SCRIPT = Path(__file__).with_name("history.js").read_text(encoding="utf-8")
"""It sees to one entry a page."""
_LINK = "_link"
_MOST_QUOTED = 40  # characters


@dataclass
class _Link:
    """What the link asks for, and what of it is not shown.

    Attributes:
        asked: parameter -> values, of controls that had not been drawn when the run began.
        refused: parameter -> what is said, and the value its control had then: it is said until another is chosen.
        said: what this run has said; whole: whether the run before came to its end.
        labels: parameter -> what visitors read at its control.
    """

    asked: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)
    whole: bool = True
    labels: dict[str, str] = field(default_factory=dict)


def stay_at_address() -> None:
    """Keep the address to which a visitor went back; begin a run: note what it asks of controls not drawn yet."""
    context = get_script_run_ctx()
    if context is not None and context.is_history_navigation:
        # Streamlit shows what the address asks for, but takes out of it what was not chosen since the page was loaded.
        lost = parse_qs(context.query_string, keep_blank_values=True)
        lost = {name: values for name, values in lost.items() if name not in st.query_params}
        if lost:
            st.query_params.update(lost)
    link: _Link = st.session_state.setdefault(_LINK, _Link())
    unsaid = {} if link.whole else link.asked
    asked = {name: st.query_params.get_all(name) for name in st.query_params if name not in st.session_state}
    link.asked, link.said, link.whole = unsaid | asked, set(), False
    link_refusals().clear()
    if context is not None:
        _note_labels(context, link.labels)


def _note_labels(context: ScriptRunContext, labels: dict[str, str]) -> None:
    """Note the labels of the controls that are drawn: Streamlit tells them to the browser alone."""
    send, same = type(context).enqueue, weakref.proxy(context)  # no circle, which memory is slow to forget

    def enqueue(message: ForwardMsg) -> None:
        drawn = message.delta.add_block if message.delta.HasField("add_block") else message.delta.new_element
        if (kind := drawn.WhichOneof("type")) and (key := getattr(getattr(drawn, kind), "query_param_key", "")):
            labels[key] = getattr(drawn, kind).label
        send(same, message)

    context.enqueue = enqueue  # type: ignore[method-assign, assignment]


def _bound(params: QueryParams) -> Iterator[tuple[str, str | list[str], bool]]:
    """Yield of each bound control drawn so far: parameter, value as addresses have it, whether it is the default."""
    context = get_script_run_ctx()
    if context is None:
        return
    state = context.session_state._state  # no public name says which control has which parameter
    for widget in context.shared.widget_ids_this_run.snapshot():
        bound, about = params.get_binding_for_widget(widget), state.get_widget_metadata(widget)
        if bound is None or about is None:
            continue
        value = state[bound.param_key]
        written = _coerce_value_for_query_url(about.serializer(value), about.value_type)
        yield bound.param_key, written, value == about.deserializer(None)


def say_of_link() -> None:
    """Say what the link asks for and is not shown, by the controls drawn so far; Streamlit falls back to a default.

    Called where a closed sidebar hides nothing, for the sidebar's controls and again once the page's are drawn.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    link: _Link = st.session_state[_LINK]
    own, said = link_refusals(), []
    with context.session_state.query_params() as params:
        for key, written, _ in _bound(params):
            values = written if isinstance(written, list) else [written]
            asked = link.asked.pop(key, None) or link.asked.pop(url.FORMERLY.get(key, ""), None)
            if asked and not _same(asked, values) and key not in own:
                label = link.labels.get(key, key)
                link.refused[key] = _refusal(label, ", ".join(asked), ", ".join(values)), values
            if key in link.refused:
                if link.refused[key][1] == values:
                    said.append(link.refused[key][0])
                else:
                    del link.refused[key]
    for text in (*own.values(), *said):
        if text not in link.said:
            link.said.add(text)
            notice(text)


def _refusal(label: str, asked: str, shown: str) -> str:
    which, instead = "which is not on offer here", f"showing {shown[:_MOST_QUOTED]!r}" if shown else "left out"
    if len(shown) > _MOST_QUOTED and asked.startswith(shown):  # a text that its box has no room for
        which, instead = f"{len(asked):,} characters, which is too long", f"showing the first {len(shown):,}"
    return f"'{label}' is {asked[:_MOST_QUOTED]!r} in this link, {which}: {instead}."


def _same(asked: list[str], shown: list[str]) -> bool:
    """Return whether an address asks for what is shown: nothing, "TRUE" and "4.0" too, which browsers do not write."""
    return [_plain(text) for text in asked if text] in ([], [_plain(text) for text in shown])


def _plain(text: str) -> str | float:
    if text.lower() in ("true", "false"):
        return text.lower()
    try:
        return float(text)
    except ValueError:
        return text


def write_address() -> None:
    """Send the browser the address of what the page's controls hold, once all of them are drawn.

    A choice stands in the address as soon as it is made: the browser writes it. Whatever the server wrote in a run that
    began before, though, comes with the whole address as it was then, and takes the newer choice out again.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    with context.session_state.query_params() as params:
        for key, written, is_default in _bound(params):
            if not is_default:
                params.set_with_no_forward_msg(key, written)
        params._send_query_param_msg()
    st.session_state[_LINK].whole = True
