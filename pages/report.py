"""Report: pinned figures of any views, each with a line of the visitor's own, as one page and one file; and a sweep."""

from functools import partial

import streamlit as st

from app import url
from app.report.panels import show_how_to_begin, show_report
from app.report.pins import read
from app.report.words import HOW
from app.shell.current_view import current_view, hide_strip
from app.shell.title import Part, headline, show_parts
from app.shell.way import REPORT
from app.sweep.panels import show_sweep

hide_strip()
headline(REPORT.question, more=HOW)
pins = read(st.query_params[url.PINS]) if url.PINS in st.query_params else []
view = current_view()
if pins:
    show_report(pins, large=view.large)
else:
    show_how_to_begin()
show_parts(Part("Show the file of a sweep", url.PART_SWEEP, partial(show_sweep, view)))
