"""The files of a report. No Streamlit here."""

import io
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.take_home import data
from app.take_home.notebook import report_notebook
from app.take_home.page import Part, page

TITLE = "Report"
MOST_ROWS = 500_000
"""Of all tables of a report, about: a browser waits three minutes for a file."""
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same report gives the same bytes


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure of a report.

    Attributes:
        part: with the visitor's line; results: of its requests.
    """

    part: Part
    results: Sequence[Any]


def report_page(figures: Sequence[Figure]) -> bytes:
    """Return all figures as one web page."""
    return page([figure.part for figure in figures], TITLE)


def report_cells(figures: Sequence[Figure], install: str) -> bytes:
    """Return all figures as one notebook; `install` as of `notebook`."""
    return report_notebook([(one.part.record, one.results, one.part.note) for one in figures], install)


def report_zip(figures: Sequence[Figure]) -> bytes:
    """Return the tables of all figures, and every prompt's values, as CSV in a ZIP, with a list of them.

    Once they have `MOST_ROWS` rows, the tables of the figures that follow are left out, and the list says so.
    """
    packed, listed, rows = io.BytesIO(), [], 0
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        for n, figure in enumerate(figures, 1):
            record = figure.part.record
            facts = "".join(f"   {name}: {text}\n" for name, text in record.provenance.items())
            left_out = rows >= MOST_ROWS
            why = f"   Its tables are left out: those above have {rows:,} rows. Its link has them.\n" * left_out
            listed.append(f"{n:02} {record.title}\n{facts}{why}   {figure.part.note}\n")
            for name, content in _tables(figure) if not left_out else ():
                rows += content.count(b"\n")
                files.writestr(zipfile.ZipInfo(f"{n:02}_{name}", _EPOCH), content, zipfile.ZIP_DEFLATED)
        files.writestr(zipfile.ZipInfo("report.txt", _EPOCH), "\n".join(listed), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _tables(figure: Figure) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of a figure's tables."""
    record = figure.part.record
    yield record.file_name("csv"), data.figure_csv(record, figure.part.frame())
    numbers = record.numbers(figure.results)
    if data.has_prompts(numbers):
        yield record.file_name("csv", "prompts"), data.prompts_csv(record, numbers)
