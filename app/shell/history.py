"""One history entry a page, so that Back returns to the page as it was; and an address that says what is shown."""

from pathlib import Path
from urllib.parse import parse_qs

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.query_params import _coerce_value_for_query_url

SCRIPT = Path(__file__).with_name("history.js").read_text(encoding="utf-8")
"""It sees to one entry a page."""


def stay_at_address() -> None:
    """Keep the address to which a visitor went back."""
    context = get_script_run_ctx()
    if context is not None and context.is_history_navigation:
        # Streamlit shows what the address asks for, but takes out of it what was not chosen since the page was loaded.
        lost = parse_qs(context.query_string, keep_blank_values=True)
        lost = {name: values for name, values in lost.items() if name not in st.query_params}
        if lost:
            st.query_params.update(lost)


def write_address() -> None:
    """Send the browser the address of what the page's controls hold, once all of them are drawn.

    A choice stands in the address as soon as it is made: the browser writes it. Whatever the server wrote in a run that
    began before, though, comes with the whole address as it was then, and takes the newer choice out again.
    """
    context = get_script_run_ctx()
    if context is None:
        return
    state = context.session_state._state  # no public name says which control has which parameter
    with context.session_state.query_params() as params:
        for widget in context.shared.widget_ids_this_run.snapshot():
            bound, about = params.get_binding_for_widget(widget), state.get_widget_metadata(widget)
            if bound is None or about is None:
                continue
            value = state[bound.param_key]
            if value != about.deserializer(None):
                written = _coerce_value_for_query_url(about.serializer(value), about.value_type)
                params.set_with_no_forward_msg(bound.param_key, written)
        params._send_query_param_msg()
