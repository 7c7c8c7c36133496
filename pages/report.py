"""Report: pinned figures of any views, each with a line of the visitor's own, as one page and one file."""

import streamlit as st

from app import url
from app.report.panels import show_how_to_begin, show_report
from app.report.pins import read
from app.report.words import HOW
from app.shell.title import headline
from app.shell.way import REPORT
from app.start.panels import hide_strip

hide_strip()
headline(REPORT.question, more=HOW)
pins = read(st.query_params[url.PINS]) if url.PINS in st.query_params else []
if pins:
    show_report(pins)
else:
    show_how_to_begin()
