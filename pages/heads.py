"""Heads: what one head does, by everything that can be measured of it; or all heads in one table."""

import streamlit as st

from app import url
from app.heads import panels
from app.heads.all_heads import show_all_heads
from app.heads.controls import ALL_HEADS
from app.heads.edges_panel import show_edges
from app.questions.ranking import ranking
from app.shell.current_view import current_view
from app.shell.heads import head_control
from app.shell.links import ONE_HEAD
from app.shell.title import headline, section
from app.shell.way import HEADS
from app.shell.widgets import part_control

view = current_view()

title = st.empty()
controls = st.container(horizontal=True, vertical_alignment="bottom")
with controls:
    shown = part_control(url.HEADS_SHOWN, (ONE_HEAD, ALL_HEADS))
if shown == ALL_HEADS:
    with title:
        headline(
            HEADS.question,
            "A row is a head, a column one thing measured of it. Those that stand out do the work.",
            tab="All heads",
        )
    show_all_heads(view)
    st.stop()

[strongest] = ranking(view.model, view.pairs, "direct effect").top(1)
with controls:
    head = head_control(view, "Head", strongest, key=url.HEAD, note=" (writes most towards the answer)")
with title:
    headline(
        f"What does head {head} do?",
        "A head looks from each token at earlier ones, and writes what it read there.",
        tab=f"Head {head}",
    )
left, right = st.columns([3, 1])
answer = right.empty()
panels.show_pending(view, answer, head)
with left:
    panels.show_direct(view, head)

section("Where does it look?")
panels.show_attention(view, head)

section("Does it write what it looks at?")
panels.show_writing(view, head)

section("What would it write, looking at an answer or a name?")
panels.show_copying(view, head)

section("What changes if it is patched?")
panels.show_sites(view, head)

section("How does it compare with all other heads?")
panels.show_ranks(view, head)

section("Which role do the measurements give it, and why?")
panels.show_roles(view, head, answer)

section("Which heads does it work with?")
show_edges(view, head)
