"""Start: what IOI is, what the app does, and where to begin."""

import streamlit as st

import ioi_core
from app.classroom.panels import show_join
from app.drawing.look import says
from app.hosting.models import DEMO
from app.questions.ask import ask
from app.questions.compute import compute
from app.shell.current_view import current_view, hide_strip
from app.shell.title import headline
from app.shell.way import START
from app.start.panels import show_lessons, show_questions
from app.start.picture import example
from app.start.words import ABOUT_IOI, example_story
from app.words.tokens import legend

view = current_view()
model, pairs, row = view.model, view.pairs, view.row

hide_strip()
headline(START.question)
st.write(ABOUT_IOI)
result = compute(model, ask(ioi_core.predictions, pairs=pairs))
st.html(example(model, pairs, result, row))
st.html(legend(model, pairs))
says(example_story(model, pairs, result, row, bundled=model.name == DEMO))

with show_lessons():
    show_join()
st.header("The way through the pages")
show_questions()
