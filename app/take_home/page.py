"""A figure as one file of HTML that asks nobody for anything: drawing, words, table and where it is all from.

The page's own policy lets no request out and no script in but the two that are its own, by their digests: Plotly's and
a short one that draws. The figures lie beside them as JSON, in which nothing can end a script. No Streamlit here.
"""

import base64
import gzip
import hashlib
import html
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from app.take_home.computed import computed
from app.take_home.record import Record
from app.take_home.svg import heatmap_svg, is_heatmap
from app.words.phrases import number, unbroken

MOST_ROWS = 100
"""Rows of a table that a page holds; the CSV has all."""

_MOST_CHARACTERS, _MOST_UNPACKED = 1_000_000, 100_000
"""Of a figure with its hover texts, which are most of it; and of one that is not packed."""

_DRAW = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


@dataclass(frozen=True, eq=False)
class Part:
    """One figure of a page.

    Attributes:
        frame: makes the table behind it; figures: those drawn, none where it is a table alone.
        note: a line of the visitor's own.
    """

    record: Record
    frame: Callable[[], pd.DataFrame]
    figures: Sequence[go.Figure]
    note: str = ""


def is_light(figures: Sequence[go.Figure]) -> bool:
    """Return whether `page` can draw all of some figures without Plotly."""
    return bool(figures) and all(map(is_heatmap, figures))


def page(parts: Sequence[Part], title: str = "", *, light: bool = False) -> bytes:
    """Return the web page of some figures, one below the other.

    Args:
        light: without Plotly, which is nearly all of the file; for figures of which `is_light` holds.
    """
    heading = title or parts[0].record.title
    drawn = [] if light else [_laid_out(figure) for part in parts for figure in part.figures]
    scripts = [_plotly(), _DRAW] if drawn else []
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    counted = iter(range(len(drawn)))
    sections = "".join(
        _section(
            part, map(_light_chart, part.figures) if light else [_place(part, next(counted)) for _ in part.figures]
        )
        for part in parts
    )
    above = f"<h1>{html.escape(heading)}</h1>" if title else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(heading)}</title>\n<style>{_STYLE}</style></head>\n<body><main>{above}{sections}</main>\n"
        + (f'<script type="application/json" id="figures">{_safe_json(drawn)}</script>\n' if drawn else "")
        + "\n".join(f"<script>{script}</script>" for script in scripts)
        + "\n</body></html>\n"
    ).encode()


def _light_chart(figure: go.Figure) -> str:
    note = figure.layout.title.subtitle.text or ""  # unit and prompts
    return f"{heatmap_svg(figure)}<p>{html.escape(unbroken(html.unescape(note)))}</p>"


def _place(part: Part, n: int) -> str:
    """Return where the script draws the n-th chart of the page."""
    return f'<div class="chart" id="chart-{n}" role="img" aria-label="{html.escape(part.record.title)}"></div>'


def _section(part: Part, charts: Iterable[str]) -> str:
    record = part.record
    words, *details = unbroken(record.words).split("\n")
    said = (
        f'<p class="words">{html.escape(words)}{"".join(f"<small>{html.escape(text)}</small>" for text in details)}</p>'
    )
    note = f'<p class="note">{html.escape(part.note)}</p>' if part.note else ""
    drawn = "".join(f'<div class="figure">{chart}</div>' for chart in charts)
    about = f"<details><summary>Definition</summary><pre>{html.escape(unbroken(record.about))}</pre></details>"
    return (
        f"<section><h2>{html.escape(record.title)}</h2>{drawn}{said if record.words else ''}{note}"
        f"{_table(part.frame())}{about if record.about else ''}{_computed(record)}{_facts(record.provenance)}</section>"
    )


def _computed(record: Record) -> str:
    """Return which analyses the figure is drawn from, with their parameters in words."""
    said = "".join(
        f"<p>{html.escape(one.title)} <code>ioi_core.{html.escape(one.analysis)}</code></p>{_facts(one.parameters)}"
        for one in computed(record.requests, record.source.pairs)
    )
    return f'<div class="computed"><h3>What was computed</h3>{said}</div>' if said else ""


def _facts(facts: Mapping[str, str]) -> str:
    lines = "".join(f"<dt>{html.escape(name)}</dt><dd>{_linked(text)}</dd>" for name, text in facts.items())
    return f"<dl>{lines}</dl>" if lines else ""


def _linked(text: str) -> str:
    escaped = html.escape(text)
    return f'<a href="{escaped}">{escaped}</a>' if text.startswith(("https://", "http://")) else escaped


def _table(frame: pd.DataFrame) -> str:
    shown = frame.head(MOST_ROWS)
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in frame.columns)
    rows = "".join(
        f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in shown.itertuples(index=False, name=None)
    )
    left = f"<p>The first {len(shown)} of {len(frame):,} rows; the CSV has all.</p>" if len(frame) > len(shown) else ""
    return (
        f'<details><summary>Table</summary><div class="table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{left}</details>"
    )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{"" if value != value else number(value)}</td>'
    return f"<td>{html.escape(str(value))}</td>"


def _laid_out(figure: go.Figure) -> go.Figure:
    """Return a copy whose names have room: in the app, Streamlit's theme sees to that."""
    copy = go.Figure(figure).update_xaxes(automargin=True).update_yaxes(automargin=True)
    return copy.update_layout(autosize=True, width=None)


def _safe_json(figures: Sequence[go.Figure]) -> str:
    """Return figures as JSON that holds no markup."""
    text = f"[{','.join(map(_json, figures))}]"
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _json(figure: go.Figure) -> str:
    """Return a figure as JSON: a large one as a string, packed, which page.js unpacks.

    One of very many cells says their numbers alone when it is hovered.
    """
    text = str(figure.to_json())
    if len(text) > _MOST_CHARACTERS:
        text = str(figure.update_traces(customdata=None, hovertemplate=None).to_json())
    if len(text) <= _MOST_UNPACKED:
        return text
    return json.dumps(base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode())


@cache
def _plotly() -> str:
    return str(get_plotlyjs()).replace("</script", "<\\/script")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
