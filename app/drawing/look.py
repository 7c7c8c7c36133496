"""The style sheet, and text that is shown exactly as it is."""

import html

import streamlit as st

from app.words.tokens import ROLE_COLOURS

_CHIP_COLOURS = "".join(
    f".ioi-{role.replace('+', 'p')} {{ background: {colour}; color: {'#fff' if role == 'IO' else '#000'}; }}"
    for role, colour in ROLE_COLOURS.items()
)

_STYLE = (
    """
.stMainBlockContainer { padding: 3.5rem 3rem 6rem; max-width: 90rem; }
.ioi-chips { display: flex; flex-wrap: wrap; gap: .25rem .2rem; margin: .1rem 0; }
.ioi-chip { display: inline-flex; flex-direction: column; align-items: center; }
.ioi-token { font-family: "Source Code Pro", monospace; font-size: .9rem; line-height: 1.5; padding: 0 .35rem;
    border-radius: .3rem; background: color-mix(in srgb, currentColor 11%, transparent); white-space: pre-wrap;
    overflow-wrap: anywhere; unicode-bidi: isolate; }
.ioi-bos { opacity: .65; font-style: italic; }
.ioi-changed .ioi-token { outline: 2px dashed var(--st-text-color, #777); outline-offset: 1px; }
.ioi-scroll { max-height: 8.5rem; overflow-y: auto; }
.ioi-role { font-size: .7rem; line-height: 1.25; font-weight: 600; }
.ioi-legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .8rem; }
.ioi-strip { display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; font-size: .85rem; }
.ioi-strip b { font-weight: 600; }
.ioi-row { display: grid; grid-template-columns: 6.5rem 1fr; gap: .5rem; font-size: .8rem; align-items: start; }
.ioi-row + .ioi-row { margin-top: .15rem; }
.ioi-says { font-size: 1.05rem; border-left: .25rem solid #0072B2; padding: .1rem 0 .1rem .7rem; margin: 0; }
.ioi-notice { border-radius: .4rem; padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere;
    border-left: .3rem solid; }
.ioi-problem { border-color: #D6503F; background: color-mix(in srgb, #D6503F 14%, transparent); }
.ioi-standin { border-color: #E69F00; background: color-mix(in srgb, #E69F00 16%, transparent); }
.ioi-cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: .6rem; }
.ioi-card { border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .4rem;
    padding: .5rem .7rem; font-size: .85rem; }
.ioi-card b { font-size: .95rem; }
.ioi-card ul { list-style: none; margin: .3rem 0 0; padding: 0; }
.ioi-card li { margin: .2rem 0; padding-left: 1.4rem; text-indent: -1.4rem; line-height: 1.35; }
.ioi-has { border: 2px solid #009E73; background: color-mix(in srgb, #009E73 10%, transparent); }
div:has(> [class*="st-key-computing"]) { position: absolute; }
[class*="st-key-computing"] { position: fixed; right: 1rem; bottom: 1rem; width: min(22rem, 90vw); z-index: 1000;
    background: var(--st-background-color, Canvas); border-radius: .5rem; padding: .6rem .9rem;
    box-shadow: 0 2px 12px rgb(0 0 0 / .35); }
[class*="st-key-wide-"] { overflow-x: auto; }
@media (max-width: 640px) { .ioi-row { grid-template-columns: 1fr; gap: 0; }
    .stMainBlockContainer { padding-left: .8rem; padding-right: .8rem; } }
"""
    + _CHIP_COLOURS
)
_LARGE = "html { font-size: 125%; }"


def style(*, large: bool) -> None:
    """Put the style sheet in; `large` is for a projector."""
    st.html(f"<style>{_STYLE}{_LARGE if large else ''}</style>")


def problem(text: str) -> None:
    """An expected failure, its text shown literally."""
    st.html(f'<div class="ioi-notice ioi-problem" role="alert">{html.escape(text)}</div>')


def notice(text: str) -> None:
    """What a visitor should know about the page, shown literally."""
    st.html(f'<div class="ioi-notice ioi-standin" role="status">{html.escape(text)}</div>')


def says(text: str) -> None:
    """The sentence that a figure's numbers say, shown literally."""
    st.html(f'<p class="ioi-says">{html.escape(text)}</p>')
