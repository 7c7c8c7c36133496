"""A figure on a page: the chart, its definition to fold out, and all that can be taken home of it."""

import html
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.drawing.about import ABOUT
from app.drawing.look import says
from app.drawing.parts import heading_in_words, name_in_words, title_in_words
from app.drawing.table import on_paper, plain_table
from app.questions.shown import Requests, Shown
from app.take_home.menu import Drawn, take_home
from app.view import View
from app.words.in_gpt2 import IN_GPT2
from app.words.phrases import percent_in_table, unbroken

_BESIDE_GPT2 = "_beside_gpt2"
_LARGER = 1.3
_LETTERS, _ROOM = (9.5, 7.5), 640
"""Pixels, on a projector: a letter of a title and of its note, and what the narrowest main figure has for both."""
_NEARLY = 0.85  # of a figure's width
_NO_TOOLS = ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "resetScale2d"]


def beside_gpt2(view: View) -> None:
    """Below every figure drawn from here on, say what is published of GPT-2 small, if another model does IOI here."""
    st.session_state[_BESIDE_GPT2] = not view.model.is_gpt2_small and view.pairs.has_all_roles


def show_figure(
    name: str,
    figure: go.Figure | None,
    story: str,
    frame: Callable[[], pd.DataFrame],
    *,
    large: bool,
    requests: Requests,
    shown: Sequence[Shown] = (),
    min_width: int = 0,
    from_right: bool = False,
    on_click: Callable[[str], None] | None = None,
    suffix: str = "",
    first: bool = False,
) -> None:
    """Draw `figure`, the sentence on its numbers, its "About this figure" and its "Take home".

    Args:
        name: of the file, and of the section of about.md.
        figure: None where it would show noise: the model does not do what it is about, and `story` says so.
        story: the sentence; frame: makes the table to download, on request.
        requests: what the figure is drawn from; shown: which numbers of their results, where not their main ones.
        min_width: pixels below which the figure scrolls sideways rather than shrinks.
        from_right: its right end is seen first then, where END or the logits are.
        suffix: distinguishes figures of one name.
        first: it is the page's main figure, which fills a projector's screen, and is not wider.
        on_click: gets the first entry of a clicked point's customdata, before the page runs again.
    """
    full_name = f"{name}_{suffix}" if suffix else name
    if figure is not None:
        show_chart(
            full_name, figure, large=large, min_width=min_width, from_right=from_right, on_click=on_click, first=first
        )
    drawn = [figure] if figure is not None else []
    show_foot(name, story, frame, requests=requests, shown=shown, file=full_name, figures=drawn)


def show_chart(
    name: str,
    figure: go.Figure,
    *,
    large: bool,
    min_width: int = 0,
    from_right: bool = False,
    on_click: Callable[[str], None] | None = None,
    first: bool = False,
) -> None:
    """Draw `figure` alone, for several that share one foot; the arguments are those of `show_figure`."""
    if min_width:
        figure.update_layout(meta={"min_width": min_width, "from_right": from_right})  # for who draws it elsewhere
    drawn = figure
    if large:
        drawn = _enlarged(figure, roomy=not first)
    if min_width:
        sideways = _sideways(f".st-key-wide-{name}", min_width, from_right=from_right)
        st.html(f"<style>{f'@media (max-width: 640px) {{ {sideways} }}' if large and first else sideways}</style>")
    height: Literal["content", "stretch"] = "stretch" if large and first else "content"
    room = "screenful" if large and first else "fitting"  # as high as a projector's screen has left: large.css
    with st.container(key=f"room-{room}-{name}"), st.container(key=f"wide-{name}", height=height):
        _title(figure)
        key = f"figure-{name}"
        config = {"displaylogo": False, "modeBarButtonsToRemove": _NO_TOOLS, "doubleClickDelay": 0}
        alt = name_in_words(figure)
        if on_click:
            select = partial(_on_select, key, on_click)
            st.plotly_chart(
                drawn, key=key, config=config, on_select=select, selection_mode="points", alt=alt, height=height
            )
        else:
            st.plotly_chart(drawn, key=key, config=config, alt=alt, height=height)


def _title(figure: go.Figure) -> None:
    """Draw a figure's title and note as text, for where the chart is too narrow for its own: lines that wrap.

    It stays in sight while the chart is scrolled sideways, and has the focus by which a keyboard scrolls it.
    """
    title, *notes = (html.escape(unbroken(line)) for line in heading_in_words(figure))
    small = "".join(f"<small>{note}</small>" for note in notes)
    st.html(f'<p class="ioi-title" tabindex="0"><b>{title}</b>{small}</p>')


def _sideways(box: str, min_width: int, *, from_right: bool) -> str:
    """Return CSS that lets `box` scroll sideways where it is narrower than `min_width`, and says so there."""
    hint = f"{box}::before {{ content: '\\2194\\FE0E  Scroll sideways to see the rest'; }}"
    text = f"{box} > .stElementContainer:has(> .stHtml > .ioi-title)"
    title = f"{text} {{ display: block; }} {box} .g-gtitle {{ display: none; }}"
    style = f"{box} {{ display: grid; grid-template-columns: max(100%, {min_width}px); }}"
    style += f" @container (max-width: {min_width - 1}px) {{ {hint} {title} }}"
    if from_right:  # but from the left where little is cut; `--slid`, by which the y axis is moved: touch.js
        slid = f"--slid: calc({min_width}px - 100cqw);"
        style += f" @container (max-width: {round(_NEARLY * min_width)}px) {{ {box} {{ direction: rtl; {slid} }} }}"
    return style


def show_foot(
    name: str,
    story: str,
    frame: Callable[[], pd.DataFrame],
    *,
    requests: Requests,
    shown: Sequence[Shown] = (),
    file: str = "",
    figures: Sequence[go.Figure] = (),
) -> None:
    """Draw what is below every figure: the sentence on its numbers, GPT-2 small's, its definition and "Take home".

    Args:
        name: the section of about.md; file: the file's name where that is another.
        requests, shown: as in `show_figure`.
        figures: those above, to be taken home; none where there is a table alone.
    """
    if story:
        says(story)
    if st.session_state.get(_BESIDE_GPT2) and name in IN_GPT2:
        st.html(f'<p class="ioi-in-gpt2">{html.escape(unbroken(IN_GPT2[name]))}</p>')
    with st.container(horizontal=True):
        with st.expander("About this figure"):
            st.markdown(unbroken(ABOUT[name]))
        title = title_in_words(figures[0]) if figures else name.replace("_", " ").capitalize()
        drawn = Drawn(file or name, title, story, ABOUT[name], tuple(requests), tuple(shown))
        take_home(drawn, frame, figures)


def _on_select(key: str, on_click: Callable[[str], None]) -> None:
    points = st.session_state[key].selection.points
    if points:
        on_click(str(points[0]["customdata"][0]))


def _enlarged(drawn: go.Figure, *, roomy: bool) -> go.Figure:
    """Return a copy with projector-sized text; if `roomy`, with more space above the plot, else for a low screen.

    Names above the plot, of up to four lines, grow into the note over them: they get more space in either case.
    """
    figure = go.Figure(drawn)
    figure.update_layout(
        font={"size": 16},
        title={"font": {"size": 19}, "subtitle": {"font": {"size": 16}}},
        margin={"t": figure.layout.margin.t + (25 if roomy else 5) + 16 * (figure.layout.xaxis.side == "top")},
        height=figure.layout.height * _LARGER,
        legend={"font": {"size": 16}},
        hoverlabel={"font": {"size": 16}},
    )
    # Streamlit's theme has sizes of its own for axes, taken from the page's as it was when the chart was drawn.
    axes = {"tickfont": {"size": 16}, "title": {"font": {"size": 16}}}
    figure.update_xaxes(axes).update_yaxes(axes).update_traces(
        {"colorbar": {"tickfont": {"size": 16}}}, {"type": "heatmap"}
    )
    if not roomy:
        _lower(figure)
    return figure.update_traces(textfont={"size": 15})


def _lower(figure: go.Figure) -> None:
    """Change what needs height: a title far above its note, names of two lines, a long title along the y axis, a legend
    far above the plot or below it.
    """
    title, note = figure.layout.title.text, figure.layout.title.subtitle.text or ""
    beside = len(heading_in_words(figure)[0]) * _LETTERS[0] + len(note) * _LETTERS[1] < _ROOM
    text = f'<b>{title}</b>{"&nbsp; " if beside else "<br>"}<span style="font-size:16px;font-weight:400">{note}</span>'
    above = figure.layout.showlegend and (figure.layout.legend.y is None or figure.layout.legend.y > 1)
    figure.update_layout(
        title={"text": text, "subtitle": {"text": ""}, "pad": {"t": 0 if beside else 21}},  # of its second line
        margin={"t": figure.layout.margin.t - (35 if beside else 5) - 20 * above},
    )
    figure.update_xaxes(title={"standoff": 10, "text": (figure.layout.xaxis.title.text or "").replace("<br>", " ")})
    axis = figure.layout.yaxis
    if axis.ticktext:
        axis.ticktext = [name.replace("<br>", " ") for name in axis.ticktext]
    if axis.title.text:
        axis.title.text = axis.title.text.replace(" (", "<br>(")
    if (figure.layout.legend.y or 0) < 0:
        figure.update_layout(legend={"orientation": "v", "x": 1.02, "y": 1, "maxheight": 300})


def show_table(
    name: str,
    frame: pd.DataFrame,
    columns: dict[str, ColumnConfig] | None = None,
    *,
    large: bool,
    file: Callable[[], pd.DataFrame],
    requests: Requests,
    shown: Sequence[Shown] = (),
) -> None:
    """Draw a table of probabilities, in per cent and as bars, with its "Take home".

    Cells are shown literally; `file` gives the table as a file has it; `requests` and `shown` as in `show_figure`.
    """
    written = frame.assign(probability=[percent_in_table(of_token) for of_token in frame["probability"]])
    if large:
        st.html(plain_table(written, name.replace("_", " "), columns or {}))
    else:
        formats: dict[str, Any] = {"probability": percent_in_table}
        with_bars = frame.assign(bar=frame["probability"]).style.format(formats)
        st.dataframe(with_bars, hide_index=True, column_config=columns, key=f"table-{name}")
        on_paper(written, name.replace("_", " "), columns or {})
    title = name.replace("_", " ").capitalize()
    take_home(Drawn(name, title, "", "", tuple(requests), tuple(shown)), file)
