"""The style sheet, scripts for the browser, and text that is shown exactly as it is."""

import html
import re
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.colours import ROLE_COLOURS
from app.take_home.caught import CAUGHT
from app.words.phrases import capitalised, refusal, unbroken
from ioi_core import IOIError

_CHIP_COLOURS = "".join(
    f".ioi-{role.replace('+', 'p')} {{ background: {colour}; color: {'#fff' if role == 'IO' else '#000'}; }}"
    for role, colour in ROLE_COLOURS.items()
)


def _sheet(name: str) -> str:
    """Return a style sheet in one line: Streamlit goes through all lines of it in every run."""
    return " ".join(map(str.strip, Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()))


_STYLE = _sheet("style.css") + _CHIP_COLOURS + _sheet("print.css")
TOUCH = Path(__file__).with_name("touch.js").read_text(encoding="utf-8")
_LARGE = _sheet("large.css")
_DARK = (
    "@media print { .stMain :is(canvas, .stRadio, .stSelectbox, .stMultiSelect, .stNumberInput, .stTextInput, "
    ".stTextArea, .stButtonGroup) { filter: invert(1) hue-rotate(180deg); } }"
)
"""What is drawn in the dark theme's colours, out of reach of a style sheet, is on paper as in the light one."""
_ANNOUNCER = "_announcer"
_MOST_UNFOLDED, _MOST_SMALL = 15, 25  # words


@dataclass
class _Announcer:
    """What a screen reader is told of a run: the first sentence that the run before did not say.

    Attributes:
        region: the text that is read out when it changes; it stays in place, or no change would be noticed.
        before, now: the sentences of the run before, None for a visitor's first run, and of this one.
        text: what was announced last.
    """

    region: DeltaGenerator
    before: list[str] | None
    text: str
    now: list[str] = field(default_factory=list)

    def hear(self, sentence: str) -> None:
        """Announce a sentence, if it is the first new one."""
        news = self.before is not None and sentence not in self.before and set(self.now) <= set(self.before)
        self.now.append(sentence)
        if news:
            self.text = sentence
            self.region.info(literal_markdown(sentence))


def announce_news() -> None:
    """Begin a run: draw the region, met by screen readers only, that announces its first new sentence."""
    last: _Announcer | None = st.session_state.get(_ANNOUNCER)
    text = last.text if last else ""
    with st.container(key="unseen"):
        region = st.info(literal_markdown(text))  # Streamlit's one element that is a live region and polite
    st.session_state[_ANNOUNCER] = _Announcer(region, last.now if last else None, text)


def literal_markdown(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", unbroken(text))


def style(*, large: bool) -> None:
    """Add the style sheet; `large` is for a projector."""
    dark = st.context.theme.type == "dark"
    st.html(f"<style>{_STYLE}{_LARGE if large else ''}{_DARK if dark else ''}</style>")


def give_scripts(key: str, *scripts: str) -> None:
    """Give the browser scripts, in a container that takes no room; without a tag in them, or Streamlit drops them."""
    tags = "".join(f"<script>{script}</script>" for script in scripts)
    with st.container(key=key):
        st.html(f"<style>.st-key-{key} {{ display: none; }}</style>{tags}", unsafe_allow_javascript=True)


def problem(text: str, details: str = "") -> None:
    """Draw an expected failure, shown literally: what to change, and details to fold out."""
    if caught := st.session_state.get(CAUGHT):
        caught.problem = text
    text = unbroken(text)
    said = html.escape(text[:1].upper() + text[1:] if text.split(" ")[0].isalpha() else text)
    st.html(f'<div class="ioi-notice ioi-problem" role="alert">{said}{_folded(details)}</div>')


def refuse(error: IOIError, instead: str = "") -> None:
    """Draw an error: what to change, and what was got, folded where it is long.

    Args:
        instead: what the page shows meanwhile; then it is a notice.
    """
    said, details = refusal(error), ""
    if error.change and len(error.got.split()) > _MOST_UNFOLDED:
        said, details = f"{capitalised(error.change)}.", error.got
    if instead:
        notice(f"{said} {instead}", details)
    else:
        problem(said, details)


def notice(text: str, details: str = "") -> None:
    """Draw a notice about the page, shown literally, and details to fold out."""
    st.html(f'<div class="ioi-notice ioi-standin" role="status">{html.escape(unbroken(text))}{_folded(details)}</div>')


def _folded(details: str) -> str:
    return f"<details><summary>Details</summary>{html.escape(details)}</details>" if details else ""


def says(text: str) -> None:
    """Draw the sentence on a figure's numbers, shown literally: its first line, then in small type as much of what
    follows as is soon read, and the rest to fold out.
    """
    answer, _, more = unbroken(text).partition("\n")
    sentences = re.split(r"(?<=\.)(?<!\bal\.) (?=[A-Z\d])", more)
    lengths = accumulate(len(re.findall(r"\S*\w\S*", sentence)) for sentence in sentences)
    fit = sum(length <= _MOST_SMALL for length in lengths)
    small = f"<small>{html.escape(' '.join(sentences[:fit]))}</small>" if more and fit else ""
    st.html(f'<div class="ioi-says">{html.escape(answer)}{small}{_folded(" ".join(sentences[fit:]))}</div>')
    if announcer := st.session_state.get(_ANNOUNCER):
        announcer.hear(text)
