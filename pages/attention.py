"""Attention patterns: where each head looks, in the clean and in the corrupted prompt."""

from functools import partial

import streamlit as st

from app import url
from app.attention.controls import kind_control, layers_control, run_control
from app.attention.panels import show_from_end, show_head, show_overview, show_side_by_side
from app.drawing.look import problem
from app.questions.prompt_patterns import prompt_patterns, too_long
from app.shell.current_view import current_view, end_page
from app.shell.heads import head_control
from app.shell.links import head_link
from app.shell.title import Part, headline, roles_caption, show_parts
from app.shell.way import ATTENTION
from app.shell.widgets import choose
from app.words.tokens import legend

view = current_view()

headline(
    ATTENTION.question,
    "Each square is a head. A **row** looks, a **column** is looked at: the darker, the more. The last row is **END**.",
    more="A token sees only itself and what stands before it. At END the answer comes next.",
)
overview = st.container()
left, middle, right = st.columns(3)
with left:
    weighted = kind_control()
with middle:
    run = run_control()
st.html(legend(view.model, view.pairs))
roles_caption(view.pairs)
layers = layers_control(view)
if not layers:
    problem(too_long(view))
    end_page()
patterns = prompt_patterns(view, layers, weighted=weighted)
why_first = f"To begin with, the one that looks most from END{' at IO' * view.pairs.has_all_roles}."
with right:
    head = head_control(
        view, "Head (or click one in the overview)", patterns.strongest, key=url.ATTENTION_HEAD, help=why_first,
        then=partial(choose, {url.PART_CLOSELY: True}),
    )  # fmt: skip
    head_link(head)
with overview:
    show_overview(view, patterns, run, head)

closely = partial(show_head, view, patterns, head)
from_end = "Which heads look from END at the names?" if view.pairs.has_all_roles else "Where do heads look from END?"
beside = partial(show_side_by_side, view, patterns, head)
show_parts(
    Part(f"A closer look at head {head}", url.PART_CLOSELY, closely, holds=[url.ATTENTION_HEAD]),
    Part(from_end, url.PART_FROM_END, partial(show_from_end, view, patterns)),
    Part("Some heads side by side", url.PART_SIDE_BY_SIDE, beside, holds=[url.BY, url.HEADS, url.TOP]),
)
