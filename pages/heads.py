"""Heads: what one head does, by everything that can be measured of it; or all heads in one table."""

from functools import partial

import streamlit as st

from app import url
from app.heads import panels
from app.heads.all_heads import show_all_heads
from app.heads.controls import ALL_HEADS
from app.heads.edges_panel import show_edges
from app.questions.ranking import ranking
from app.shell.current_view import current_view, end_page
from app.shell.heads import head_control
from app.shell.links import ONE_HEAD
from app.shell.title import Part, headline, show_parts
from app.shell.way import HEADS
from app.shell.widgets import part_control

view = current_view()

title = st.empty()
controls = st.container(horizontal=True, vertical_alignment="bottom")
with controls:
    shown = part_control(url.HEADS_SHOWN, (ONE_HEAD, ALL_HEADS))
if shown == ALL_HEADS:
    with title:
        then = "Those that stand out do the work." if view.large else "**Tick a row** to open its head."
        headline(HEADS.question, f"A row is a head, a column one thing measured of it. {then}", tab="All heads")
    show_all_heads(view, controls)
    end_page()

[strongest] = ranking(view.model, view.pairs, "direct effect").top(1)
with controls:
    first = "To begin with, the one that writes most towards the answer."
    head = head_control(view, "Head", strongest, key=url.HEAD, help=first)
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

copies = "What would it write, looking at an answer or a name?"
patched = partial(panels.show_sites, view, head)
show_parts(
    Part("Where does it look?", url.PART_ATTENDS, partial(panels.show_attention, view, head)),
    Part("Does it write what it looks at?", url.PART_WRITES, partial(panels.show_writing, view, head)),
    Part(copies, url.PART_COPIES, partial(panels.show_copying, view, head), holds=[url.OV_NAMES]),
    Part("What changes if it is patched?", url.PART_PATCHED, patched, holds=[url.HEAD_SITES, url.HEAD_DIRECTION]),
    Part("How does it compare with all other heads?", url.PART_COMPARED, partial(panels.show_ranks, view, head)),
    Part("Which role do the measurements give it, and why?", url.PART_ROLES, partial(panels.show_roles, view, head)),
    Part("Which heads does it work with?", url.PART_EDGES, partial(show_edges, view, head)),
)
panels.show_verdict(view, answer, head)
