"""circuitsvis without its own HTML, which loads from the internet and lets a prompt run script in the page.

The library's script is served by this app (`static_files`). Streamlit's frame has the page's own origin, so it only
holds a second frame, with an origin of its own and no rights except to run scripts; a content policy there allows one
script, the one below, known by its hash, and what that one loads. Tokens and numbers reach it as JSON in which nothing
can end the element that carries it.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.hosting.static_files import publish_circuitsvis

_WIDEST = 520
"""Pixels; the enlarged pattern is a square, so wider would also be higher than a screen."""

_START = """
const failed = () => { document.getElementById("cv").textContent =
  "The drawing library, circuitsvis, could not be loaded, so nothing is drawn here. Reload the page to try again; "
  + "the closer look above does without it."; };
const library = document.createElement("script");
library.src = document.documentElement.dataset.library;
library.onerror = failed;
library.onload = () => CircuitsVis.render("cv", CircuitsVis.AttentionHeads,
  JSON.parse(document.getElementById("props").textContent));
document.head.append(library);
"""
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'strict-dynamic' 'sha256-"
    + base64.b64encode(hashlib.sha256(_START.encode()).digest()).decode()
    + "'"
)
_STYLE = (
    "html { background: #fff; color: #1b1f24; font: 14px sans-serif; color-scheme: light; } body { margin: 8px; } "
    f"#cv {{ max-width: {_WIDEST}px; margin: auto; }} h3 {{ font-size: 14px; }} "
    # Without this the enlarged square sometimes takes its width from its own empty canvas.
    "div:has(> canvas) { width: 100% !important; } "
    # Its labels are white on any hue, yellow too.
    "h2, h4 { background: #fff !important; color: #1b1f24 !important; font-size: 13px; }"
)
_DARK = "html, h2, h4 { background: #e4e7ed !important; } html { filter: invert(1) hue-rotate(180deg); }"
"""Light becomes dark, hues stay: the library's labels are grey whatever the page is, too dark for a dark one."""

_LARGER = 1.3


def show_heads(
    name: str, heads: Sequence[str], patterns: np.ndarray, tokens: Sequence[str], *, limit: float, colour: str,
    alt: str, large: bool = False,
) -> None:  # fmt: skip
    """Draw the attention of some heads, small and enlarged, as circuitsvis does.

    Args:
        name: of the frame; heads: their names.
        patterns: [head query_pos key_pos], nothing negative; tokens: the prompt's, spelled out visibly.
        limit: the value drawn in full `colour`; 0 is white.
        large: for a projector.
        alt: the drawing in words, for those who do not see it.
    """
    script = _served_script()
    if script is None:
        st.write("The drawing library, circuitsvis, is missing on this server. The closer look above does without it.")
        return
    props = {
        "attention": np.round(patterns.astype(np.float64), 4).tolist(),
        "tokens": list(tokens),
        "attentionHeadNames": list(heads),
        "maxValue": limit,
        "minValue": -limit,
        "positiveColor": colour,
    }
    rows, scale = -(-len(heads) // 4), _LARGER if large else 1.0
    st.html(f"<style>{_frame_height(name, rows, scale)}</style>")
    with st.container(key=name):
        height = round(scale * (100 + 130 * rows + _WIDEST))
        dark = st.context.theme.type == "dark"  # the page's theme, which may be another than the browser tells a frame
        st.iframe(frame(script, props, alt, scale, dark=dark), height=height, alt=alt)


@st.cache_resource(show_spinner=False)
def _served_script() -> str | None:
    """Return the address of the library's script for the browser; None if it is missing."""
    file = publish_circuitsvis()
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"{'/' + base if base else ''}/app/static/{file}" if file else None


def _frame_height(name: str, rows: int, scale: float) -> str:
    """Return CSS that fits the frame to its content: `rows` rows of four small squares, and one large square."""
    side = f"min(100cqw - 16px, {scale * _WIDEST:.0f}px)"
    # 100 px: the two headings, one of which takes two lines on a phone with a wide font.
    height = f"calc({side} * {1 + rows / 4} + {100 * scale:.0f}px)"
    return (
        f".st-key-{name} {{ container-type: inline-size; }} "
        f".st-key-{name} iframe {{ height: {height} !important; border-radius: .4rem; }}"
    )


def frame(script: str, props: dict[str, object], alt: str, scale: float = 1.0, *, dark: bool = False) -> str:
    """Return HTML for Streamlit's frame: the frame without rights, and in it the drawing."""
    style = f"{_STYLE} body {{ zoom: {scale}; }} {_DARK * dark}"
    inside = (
        f'<!doctype html><html lang="en" data-library="{html.escape(script)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{style}</style></head><body>'
        f'<div id="cv"></div><script type="application/json" id="props">{inert_json(props)}</script>'
        f"<script>{_START}</script></body></html>"
    )
    return (
        "<!doctype html><style>html, body, iframe { margin: 0; border: 0; width: 100%; height: 100%; display: block; }"
        f'</style><iframe sandbox="allow-scripts" title="{html.escape(alt)}" srcdoc="{html.escape(inside)}"></iframe>'
    )


def inert_json(value: object) -> str:
    """Return JSON that is safe inside any HTML: nothing in it opens or ends an element, a comment or an entity."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
