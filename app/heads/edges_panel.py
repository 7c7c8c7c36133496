"""The Heads page's panel of edges, computed only on request: they take longest of all."""

from functools import partial

import numpy as np
import streamlit as st

from app.drawing.figure import show_figure
from app.drawing.look import says
from app.heads import edges, tables, words
from app.heads.charts import edge_bars
from app.heads.controls import choose_one
from app.questions.ask import Request
from app.questions.compute import compute_all, is_known
from app.questions.shown import Shown, effects_shown
from app.take_home.menu import needs_a_click
from app.view import View
from ioi_core import EdgeAtlas, Head, PathResult

_ASKED_FOR = "_edges_asked_for"
_ATLAS = "Compute every edge between heads"
AtlasRequests = dict[str, Request[EdgeAtlas]]


def show_edges(view: View, head: Head) -> None:
    """Draw the strongest edges into the head and out of it, as far as they are computed."""
    requests = [edges.logits_request(view.pairs), *(edges.in_requests(view.pairs, head) if head.layer else [])]
    if not _known_or_asked_for(view, requests, f"Compute the edges of head {head}"):
        st.write("They are not computed yet: some seconds for a small model, up to a minute for GPT-2 small.")
        return
    logits, *into = compute_all(view.model, requests)
    if logits.unpatched is None or np.isnan(logits.unpatched).any():
        says(f"There are no such effects here: {logits.undefined}.")
        return
    st.markdown(f"**Who acts on head {head}?**")
    _show_in(view, head, into, requests[1:])
    st.markdown(f"**On whom does head {head} act?**")
    wanted = edges.atlas_requests(view.pairs)
    known = {letter: request for letter, request in wanted.items() if is_known(view.model, request)}
    slot = st.container()
    if len(known) < len(wanted) and head.layer < view.model.cfg.n_layers - 1:
        known = _offer_atlas(view, wanted, known)
    atlases = dict(zip(known, compute_all(view.model, list(known.values())), strict=True))
    outgoing = edges.edges_out(logits, atlases, head)
    with slot:
        show_figure(
            "head_edges_out",
            edge_bars(edges.strongest_edges(outgoing), f"Edges out of head {head}", logits.n_prompts, inwards=False),
            words.out_story(outgoing, head, logits.n_prompts),
            partial(tables.edges_frame, outgoing, logits),
            large=view.large,
            requests=[requests[0], *known.values()],
            shown=[Shown("effects", n, (head.layer, head.head)) for n in range(1 + len(known))],
            on_click=choose_one,
        )


def _known_or_asked_for(view: View, requests: list[Request[PathResult]], label: str) -> bool:
    """True if the results are kept, or were asked for: the page may run again before or while they are computed."""
    if all(is_known(view.model, request) for request in requests):
        return True
    this = (label, view.model.fingerprint, view.pairs.clean_text)
    if st.session_state.get(_ASKED_FOR) == this:
        return True
    needs_a_click(label)
    st.button(label, key="edges-now", on_click=st.session_state.update, args=({_ASKED_FOR: this},))
    return False


def _offer_atlas(view: View, wanted: AtlasRequests, known: AtlasRequests) -> AtlasRequests:
    """Return the atlases to draw from: those that are kept, or all once they are asked for and computed."""
    kept = f"Here they are for {' and '.join(known)} only. " if known else "They are not computed yet. "
    slot = st.empty()
    with slot.container():
        st.write(
            f"Edges to later heads are read off the atlas of all edges between heads. {kept}It takes seconds for a "
            "small model and many minutes for GPT-2 small. You can stop it: what is finished is kept, and it goes on "
            "from there when you ask again."
        )
        with st.container(horizontal=True):
            needs_a_click(_ATLAS)
            if not st.button(_ATLAS, key="atlas-now"):
                return known
            st.button("Stop", key="atlas-stop")  # any click ends this wait, and a job nobody waits for is cancelled
        compute_all(view.model, list(wanted.values()))
    slot.empty()
    return wanted


def _show_in(view: View, head: Head, into: list[PathResult], requests: list[Request[PathResult]]) -> None:
    if not into:
        st.write(f"Nothing lies below head {head}: in layer 0 heads read the embeddings alone.")
        return
    incoming, n_prompts = edges.edges_in(into, head), into[0].n_prompts
    if not edges.strongest_edges(incoming):
        says(words.in_story(incoming, head, n_prompts))
        return
    show_figure(
        "head_edges_in",
        edge_bars(edges.strongest_edges(incoming), f"Edges into head {head}", n_prompts, inwards=True),
        words.in_story(incoming, head, n_prompts),
        partial(tables.edges_frame, incoming, into[0]),
        large=view.large,
        requests=requests,
        shown=[one for n in range(len(into)) for one in effects_shown(n)],
        on_click=choose_one,
    )
