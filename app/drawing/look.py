"""The style sheet, the script for touch, and text that is shown exactly as it is."""

import html
from pathlib import Path

import streamlit as st

from app.colours import ROLE_COLOURS

_CHIP_COLOURS = "".join(
    f".ioi-{role.replace('+', 'p')} {{ background: {colour}; color: {'#fff' if role == 'IO' else '#000'}; }}"
    for role, colour in ROLE_COLOURS.items()
)

_STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8") + _CHIP_COLOURS
_TOUCH = Path(__file__).with_name("touch.js").read_text(encoding="utf-8")
_LARGE = "html { font-size: 125%; }"


def style(*, large: bool) -> None:
    """Add the style sheet and the script for touch; `large` is for a projector."""
    st.html(f"<style>{_STYLE}{_LARGE if large else ''}</style>")
    st.html(f"<script>{_TOUCH}</script>", unsafe_allow_javascript=True)


def problem(text: str) -> None:
    """Draw an expected failure, its text shown literally."""
    st.html(f'<div class="ioi-notice ioi-problem" role="alert">{html.escape(text)}</div>')


def notice(text: str) -> None:
    """Draw a notice about the page, shown literally."""
    st.html(f'<div class="ioi-notice ioi-standin" role="status">{html.escape(text)}</div>')


def says(text: str) -> None:
    """Draw the sentence on a figure's numbers, shown literally."""
    st.html(f'<p class="ioi-says">{html.escape(text)}</p>')
