"""The panels of the Heads page: each requests its own results, waits for them with progress, and draws."""

from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ioi_core
from app.attention.panels import show_head
from app.drawing.by_template import show_bars_by_template, show_heatmaps_by_template
from app.drawing.figure import show_figure, show_foot
from app.drawing.look import says
from app.drawing.table import show_frame
from app.heads import tables, words
from app.heads.charts import direct_bars, site_bars, writing_scatter
from app.heads.controls import SITES, names_control, sites_control
from app.heads.requests import TOP_TOKENS, answer_tokens, copying_requests, writing_request
from app.questions.ask import ask
from app.questions.classes import measured_roles
from app.questions.compute import compute, compute_all
from app.questions.measures import MEASURES_SHOWN, all_measures, measure_requests, patching_request, role_requests
from app.questions.prompt_patterns import layers_with, prompt_patterns, too_long
from app.questions.shown import Shown
from app.questions.twins import mirror_story
from app.view import View
from app.words.effects import least, shows
from app.words.phrases import grouped_by
from app.words.tokens import token_label
from ioi_core import IOI_LISTS, Head
from ioi_core.prompts.answers import answer_token


def show_pending(view: View, slot: DeltaGenerator, head: Head) -> None:
    """Fill the place of the roles until they are measured, which takes longest."""
    with slot.container():
        says(
            words.PENDING
            if view.pairs.has_all_roles
            else f"{words.NO_ROLES}\n{words.published_words(view.model, head)}"
        )


def show_direct(view: View, head: Head) -> None:
    """Draw the head's direct effect, prompt by prompt."""
    request = ask(ioi_core.attribute_heads, pairs=view.pairs)
    direct, of_head = compute(view.model, request), [Shown("per_prompt", cells=(head.layer, head.head))]
    show_figure(
        "head_direct",
        direct_bars(direct, head, view.row) if shows(direct.per_prompt[head.layer, head.head], least()) else None,
        words.direct_story(direct, head),
        partial(tables.direct_frame, view.pairs, direct, head),
        large=view.large,
        requests=[request],
        shown=of_head,
        first=True,
    )
    show_bars_by_template(
        view, "head_direct", direct.per_prompt[None, head.layer, head.head], ["direct effect"],
        f"Direct effect of head {head} on logit_diff, by {grouped_by(view.pairs)}", "logits",
        requests=[request], shown=of_head,
    )  # fmt: skip


def show_attention(view: View, head: Head) -> None:
    """Draw the head's attention: in the prompt shown, and between roles on average."""
    if refused := too_long(view):
        st.write(refused)
    else:
        show_head(view, prompt_patterns(view, layers_with(view, head.layer), weighted=False), head)
    if not view.pairs.has_all_roles:
        st.write("Attention between roles is shown of IOI prompts alone.")
        return
    request = ask(ioi_core.role_attention, pairs=view.pairs)
    attention, shown = compute(view.model, request), [Shown("per_prompt", cells=(None, None, head.layer, head.head))]
    st.markdown("**Attention between roles**")
    per_prompt, roles = words.role_attention_of_head(attention, view.pairs, head), attention.axes["query_role"]
    frame = tables.role_attention_table(per_prompt, roles)
    show_frame("role_attention", frame, alt="Attention between roles", large=view.large, plain=True)
    show_foot(
        "role_attention",
        words.role_attention_story(attention, head),
        lambda: tables.role_attention_frame(per_prompt, roles).assign(head=str(head)),
        requests=[request],
        shown=shown,
    )
    keys = [[f"from {query} to {key}" for key in roles] for query in roles]
    by = grouped_by(view.pairs)
    show_heatmaps_by_template(
        view, "role_attention", per_prompt, keys, f"Attention of head {head} between roles, by {by}", "probability",
        requests=[request], shown=shown, order="rows look at columns", labels=roles, effects=False,
    )  # fmt: skip


def show_writing(view: View, head: Head) -> None:
    """Draw attention against output, the paper's figure 3c."""
    if not view.pairs.has_all_roles:
        st.write("This figure needs the places of IO and S, which these prompts do not have.")
        return
    request = writing_request(view.pairs)
    result, cells_of_head = compute(view.model, request), (None, head.layer, head.head)
    io, s = ([token_label(view.model, token) for token in column] for column in view.pairs.answers.T)
    show_figure(
        "head_writing",
        writing_scatter(result, head, [io, s, s]) if words.shows_writing(result, head) else None,
        words.writing_story(result, head),
        partial(tables.writing_frame, view.model, view.pairs, result, head),
        large=view.large,
        requests=[request],
        shown=[Shown("attention", cells=cells_of_head), Shown("per_prompt", cells=cells_of_head)],
    )


def show_copying(view: View, head: Head) -> None:
    """Draw what the head's OV circuit writes for each name."""
    if names_control() == "answers":
        tokens = answer_tokens(view.pairs)
    else:
        tokens = [answer_token(view.model, name, "a name") for name in IOI_LISTS["NAMES"]]
    requests = copying_requests(head, tokens)
    written, against = compute(view.model, *requests)
    frame = tables.copying_frame(view.model, tokens, written, against)
    show_frame(
        "head_copying", frame, alt="What the head writes, name by name", large=view.large, most=317,
    )  # fmt: skip
    show_foot(
        "head_copying",
        words.copying_story(frame, head, TOP_TOKENS),
        partial(tables.copying_frame, view.model, tokens, written, against, literal=True),
        requests=requests,
        shown=[Shown(field, n) for n in range(2) for field in ("values", "ids", "own")],
    )


def show_sites(view: View, head: Head) -> None:
    """Draw the effects of patching the chosen sites of the head; only these are computed."""
    sites, direction = sites_control()
    if mirrored := mirror_story(view.pairs):
        st.caption(mirrored)
    if not sites:
        st.write("Choose at least one part of the head to patch.")
        return
    requests = [patching_request(view.pairs, site, direction) for site in sites]
    patched = compute_all(view.model, requests)
    shown = [Shown("effects", n, (head.layer, head.head)) for n in range(len(sites))]
    if patched[0].undefined is not None:
        st.write("There are no such effects here:")
        says(f"{patched[0].undefined}.")
        return
    results = dict(zip(sites, patched, strict=True))
    frame = tables.sites_frame(results, head)
    show_figure(
        "head_sites",
        site_bars(frame, SITES, head, direction) if words.shows_sites(results, head) else None,
        words.sites_story(results, head),
        lambda: frame,
        large=view.large,
        requests=requests,
        shown=shown,
    )
    per_prompt = np.stack([result.effects[head.layer, head.head] for result in results.values()])
    by = grouped_by(view.pairs)
    show_bars_by_template(
        view, "head_sites", per_prompt, sites,
        f"Total effects of patching head {head}, {direction}, by {by}", "share of clean minus corrupted",
        requests=requests, shown=shown,
    )  # fmt: skip


def show_ranks(view: View, head: Head) -> None:
    """Draw the head's scores and effects, each with its rank among all heads."""
    requests = measure_requests(view.pairs)
    measures = all_measures(*compute(view.model, *requests))
    frame = tables.rank_frame(measures, head)
    titles = {"heads": "of", "taken": "taken over", "what_it_is": "what it is"}
    shown = frame.drop(columns="head").rename(columns=titles)
    show_frame("head_ranks", shown, alt="Scores and ranks of the head", large=view.large, plain=True)
    show_foot("head_ranks", words.rank_story(measures, head), lambda: frame, requests=requests, shown=MEASURES_SHOWN)


def show_verdict(view: View, slot: DeltaGenerator, head: Head) -> None:
    """Say in `slot` which roles the head has, the page's answer, once all that may be drawn before it is drawn."""
    if view.pairs.has_all_roles:
        roles = measured_roles(view.model, view.pairs)
        with slot.container():
            says(words.verdict(view.model, roles, head))


def show_roles(view: View, head: Head) -> None:
    """Draw the roles' rules with what was measured."""
    if not view.pairs.has_all_roles:
        st.write(words.NO_ROLES)
        return
    roles = measured_roles(view.model, view.pairs)
    st.html(words.role_cards(roles, head, has=True))
    with st.expander("The roles that it does not have, and why not"):
        st.html(words.role_cards(roles, head, has=False))
    met = int(np.sum([evidence.holds for role in roles.axes["role"] for evidence in roles.evidence(head, role)]))
    total = sum(len(roles.evidence(head, role)) for role in roles.axes["role"])
    show_foot(
        "head_roles",
        f"Of the {total} conditions of all roles, head {head} meets {met}; a role needs all of its own.",
        partial(tables.evidence_frame, roles, head),
        requests=role_requests(view.pairs),
    )
