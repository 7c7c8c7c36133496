"""What a visitor answers with: every kind by boxes and sliders, which a keyboard reaches, grids by a click as well."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.drawing.figure import show_chart
from app.drawing.look import literal_markdown
from app.lessons.answers import with_unit
from app.lessons.charts import curve_preview, grid_width, question_grid
from ioi_core import Head

_COLUMNS = 4


def answer_control(
    question: Mapping[str, Any], words: str, key: str, beside: DeltaGenerator | None = None, *, large: bool
) -> Any | None:
    """Ask a question; return the answer as it stands, None where nothing is chosen yet.

    Args:
        key: of the widgets, of this step alone.
        beside: where a grid or a curve is drawn; between words and controls if that is None.
    """
    label = f"**{literal_markdown(words)}**"
    match question["kind"]:
        case "choice":
            choices = [literal_markdown(choice) for choice in question["choices"]]
            return st.radio(label, range(len(choices)), None, key=key, format_func=choices.__getitem__)
        case "number":
            return _slider(label, question, key)
        case "cell":
            return _cell(question, label, key, beside, large=large)
        case "heads":
            return _heads(question, label, key, beside, large=large)
        case _:
            return _curve(question, label, key, beside, large=large)


def start_of(question: Mapping[str, Any]) -> float | list[float] | None:
    """Return where the sliders of a question stand at first, which is no answer until somebody says so."""
    if question["kind"] not in ("number", "curve"):
        return None
    low, high, step = (float(question[name]) for name in ("low", "high", "step"))
    if question["kind"] == "curve":
        return [min(max(0.0, low), high)] * len(question["x"])
    return low + step * round((high - low) / 2 / step)


def _slider(label: str, question: Mapping[str, Any], key: str) -> float | None:
    """Ask for a number, with the ends of the scale in sight: Streamlit shows them only to those who point at it."""
    low, high, step = question["low"], question["high"], question["step"]
    middle = start_of(question)
    assert isinstance(middle, float)
    named = f"{label} ({literal_markdown(question['unit'])})" if question["unit"] != "layer" else label
    if all(float(value).is_integer() for value in (low, high, step)):
        value = st.slider(named, int(low), int(high), int(middle), int(step), key=key, on_change=_moved, args=(key,))
    else:
        value = st.slider(named, low, float(high), float(middle), float(step), key=key, on_change=_moved, args=(key,))
    moved = bool(st.session_state.get(f"_{key}-moved"))
    ends = (f"{low:g}", "" if moved else "Move the slider.", with_unit(high, question["unit"]))
    st.html(f'<p class="ioi-ends">{"".join(f"<span>{html.escape(end)}</span>" for end in ends)}</p>')
    return float(value) if moved else None


def _moved(key: str) -> None:
    st.session_state[f"_{key}-moved"] = True


def _asked(label: str) -> None:
    """Draw the words of a question whose controls have labels of their own."""
    st.markdown(label)


def _cell(
    question: Mapping[str, Any], label: str, key: str, beside: DeltaGenerator | None, *, large: bool
) -> list[int] | None:
    _asked(label)
    rows, columns = question["rows"], question["columns"]
    row_key, column_key = f"{key}-row", f"{key}-column"

    def click(clicked: str) -> None:
        row, column = map(int, clicked.split(","))
        st.session_state[row_key], st.session_state[column_key] = row, column

    figure = beside or st.container()
    left, right = st.columns(2)
    row = left.selectbox("Layer", range(len(rows)), None, key=row_key, format_func=rows.__getitem__)
    column = right.selectbox(
        "Word", range(len(columns)), None, key=column_key, format_func=lambda n: f"{n}: {columns[n]}"
    )
    chosen = [] if row is None or column is None else [[row, column]]
    with figure:
        show_chart(
            "lesson_grid", question_grid(question, chosen), large=large, min_width=grid_width(question),
            from_right=True, on_click=click, first=True,
        )  # fmt: skip
    return chosen[0] if chosen else None


def _heads(
    question: Mapping[str, Any], label: str, key: str, beside: DeltaGenerator | None, *, large: bool
) -> list[list[int]] | None:
    _asked(label)
    most = question["most"]
    names = [str(Head(layer, head)) for layer in range(question["layers"]) for head in range(question["heads"])]

    def click(clicked: str) -> None:
        name = clicked.replace(",", ".")
        before = list(st.session_state.get(key, []))
        st.session_state[key] = [one for one in before if one != name] if name in before else [*before, name][-most:]

    figure = beside or st.container()
    picked: Sequence[str] = st.multiselect(
        "Heads, as layer.head", names, key=key, max_selections=most, placeholder=f"at most {most}"
    )
    chosen = [[int(part) for part in name.split(".")] for name in picked]
    with figure:
        show_chart(
            "lesson_grid", question_grid(question, chosen), large=large, min_width=grid_width(question),
            on_click=click, first=True,
        )  # fmt: skip
    return chosen or None


def _curve(
    question: Mapping[str, Any], label: str, key: str, beside: DeltaGenerator | None, *, large: bool
) -> list[float] | None:
    _asked(label)
    figure, drawn, starts = beside or st.container(), [], start_of(question)
    assert isinstance(starts, list)
    for n, place in enumerate(question["x"]):
        if n % _COLUMNS == 0:  # a row at a time: a phone puts the columns of each below one another
            columns = st.columns(_COLUMNS)
        with columns[n % _COLUMNS]:
            low, high, step = (float(question[name]) for name in ("low", "high", "step"))
            value = st.slider(place, low, high, starts[n], step, key=f"{key}-{n}", on_change=_moved, args=(key,))
            drawn.append(float(value))
    with figure:
        show_chart("lesson_curve", curve_preview(question, drawn), large=large, first=True)
    return drawn if st.session_state.get(f"_{key}-moved") else None
