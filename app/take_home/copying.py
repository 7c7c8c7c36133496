"""A text to take away by one press of a button; the browser's side is copying.js, on every page."""

import html
from pathlib import Path

import streamlit as st

SCRIPT = Path(__file__).with_name("copying.js").read_text(encoding="utf-8")


def copyable(label: str, text: str, name: str, *, folded: bool = False) -> None:
    """Draw a button that copies `text`, and the text itself for whoever copies by hand.

    Args:
        label: of the button; name: what the text is; folded: it is seen once it is asked for.
    """
    shown = f'<pre tabindex="0" role="group" aria-label="{html.escape(name)}"><code>{html.escape(text)}</code></pre>'
    if folded:
        shown = f"<details><summary>Show the {html.escape(name)}</summary>{shown}</details>"
    button = f'<button class="ioi-button" type="button" data-ioi-copy>{html.escape(label)}</button>'
    st.html(f'<div class="ioi-copy">{button}<span role="status"></span>{shown}</div>')
