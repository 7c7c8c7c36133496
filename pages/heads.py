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
from app.shell.title import headline
from app.shell.widgets import part_control

view = current_view()

title = st.empty()
if part_control(url.HEADS_SHOWN, (ONE_HEAD, ALL_HEADS)) == ALL_HEADS:
    with title:
        headline("What does each head do?", "All heads")
    st.write(
        "Each row is one head, each column one thing measured of it, on these prompts or on random tokens. Most heads "
        "are near 0 in most columns: those that stand out do the work."
    )
    show_all_heads(view)
    st.stop()

[strongest] = ranking(view.model, view.pairs, "direct effect").top(1)
head = head_control(view, "Head", strongest, key=url.HEAD, note=" (writes most towards the answer)")
with title:
    headline(f"What does head {head} do?", f"Head {head}")
st.write(
    "A head looks from each token at earlier ones and writes what it read there. Below: what it writes, where "
    "it looks, how both go together, and which other heads it works with."
)
answer = st.empty()
panels.show_pending(view, answer, head)

st.subheader("What does it write towards the answer?")
panels.show_direct(view, head)

st.subheader("Where does it look?")
panels.show_attention(view, head)

st.subheader("Does it write what it looks at?")
panels.show_writing(view, head)

st.subheader("What would it write, looking at an answer or a name?")
panels.show_copying(view, head)

st.subheader("What changes if it is patched?")
panels.show_sites(view, head)

st.subheader("How does it compare with all other heads?")
panels.show_ranks(view, head)

st.subheader("Which role do the measurements give it, and why?")
panels.show_roles(view, head, answer)

st.subheader("Which heads does it work with?")
show_edges(view, head)
