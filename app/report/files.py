"""The files of a report. No Streamlit here."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.take_home import data
from app.take_home.notebook import report_notebook
from app.take_home.page import Part, page

TITLE = "Report"
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
    """Return the tables of all figures, and every prompt's values, as CSV in a ZIP, with a list of them."""
    packed, listed = io.BytesIO(), []
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as files:
        for n, figure in enumerate(figures, 1):
            record = figure.part.record
            numbers = record.numbers(figure.results)
            contents = {record.file_name("csv"): data.figure_csv(record, figure.part.frame())}
            if data.has_prompts(numbers):
                contents[record.file_name("csv", "prompts")] = data.prompts_csv(record, numbers)
            for name, content in contents.items():
                files.writestr(zipfile.ZipInfo(f"{n:02}_{name}", _EPOCH), content, zipfile.ZIP_DEFLATED)
            facts = "".join(f"   {name}: {text}\n" for name, text in record.provenance.items())
            listed.append(f"{n:02} {record.title}\n{facts}   {figure.part.note}\n")
        files.writestr(zipfile.ZipInfo("report.txt", _EPOCH), "\n".join(listed), zipfile.ZIP_DEFLATED)
    return packed.getvalue()
