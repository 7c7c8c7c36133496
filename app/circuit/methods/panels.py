"""Direct and total, and ways to ablate: two parts of the Circuit page."""

from functools import partial

import streamlit as st

import ioi_core
from app import url
from app.circuit.backup.numbers import stages
from app.circuit.choices import ablation_control, strongest_writers, writers_control
from app.circuit.members import EVERYWHERE, places_of
from app.circuit.methods import charts, tables, words
from app.circuit.requests import total_request
from app.circuit.starts import classes_of
from app.drawing.about import ABOUT
from app.drawing.by_template import show_by_template, show_heatmaps_by_template
from app.drawing.by_template_charts import template_curves
from app.drawing.figure import show_figure
from app.drawing.look import says
from app.questions.ask import Request, ask
from app.questions.compute import compute
from app.questions.shown import Shown
from app.questions.twins import circuit_pairs, mirror_story, twin_of, twins_story
from app.shell.links import head_opener, open_head
from app.shell.widgets import drop_stale
from app.view import View
from app.words.effects import least, shows
from app.words.phrases import head_names
from ioi_core import METHODS, Ablation, Circuit, Head, MethodContrast


def show_total(view: View) -> None:
    """Draw every head's direct effect beside what is lost without it."""
    pairs = circuit_pairs(view)
    drawing = st.container()
    ablation = ablation_control(view)
    with st.expander("How heads are ablated"):
        st.caption(twins_story(view, pairs, ablation))
    published, classes = classes_of(view.model, view.pairs)
    request = total_request(pairs, ablation)
    result = compute(view.model, request)
    by_head: dict[Head, str] = {}
    for name, heads in classes.items():
        for head in heads:
            by_head.setdefault(head, name)  # a head may measure as several; its first class colours it
    source = "Wang et al. 2022" if published else "measured on these prompts by the rules of the Heads page"
    figure, story = None, words.total_story(result)
    if shows(result.values, least()):
        figure = charts.total_scatter(result, by_head, ablation.value, large=view.large)
    frame = partial(tables.total_frame, result, by_head, ablation.value)
    with drawing:
        show_figure(
            "direct_and_total", figure, story, frame, large=view.large, requests=[request], on_click=open_head,
            first=True,
        )  # fmt: skip
        if classes:
            st.caption(f"Colours: the head's class ({source}).")
    head_opener(view.model, words.farthest(result))
    total, title = result.at(effect="total").per_prompt, "Total effects (rows: layers, columns: heads)"
    show_heatmaps_by_template(
        view, "direct_and_total", total, head_names(result), title, "logits", requests=[request],
        shown=[Shown("per_prompt", cells=(result.axes["effect"].index("total"),))], least=least(),
    )  # fmt: skip


def show_methods(view: View) -> None:
    """Draw the effect of the same heads ablated and patched in five ways."""
    drawing = st.container()
    pairs = circuit_pairs(view)
    writers = strongest_writers(view)
    left, right = st.columns(2)
    with left:
        chosen = writers_control(view, url.METHOD_HEADS, "Heads, all of them at once", writers)
    places = places_of(pairs)
    drop_stale(url.METHOD_AT, places, "END")
    role = right.selectbox("at", places, index=places.index("END"), key=url.METHOD_AT, bind="query-params")
    with st.expander("How heads are ablated"):
        st.caption(twins_story(view, pairs))
        if mirrored := mirror_story(pairs):
            st.caption(mirrored)
    if not chosen:
        st.write("Choose at least one head.")
        return
    heads = Circuit({head: role for head in chosen})
    request = ask(ioi_core.contrast_methods, pairs=pairs, heads=heads)
    result = compute(view.model, request)
    with drawing:
        _show_contrast(view, result, request)
    if role in ("END", EVERYWHERE) and words.shows_change(result):
        _show_hidden(view, chosen)
    with st.expander("What to keep in mind"):
        st.markdown(ABOUT["method_warnings"])


def _show_contrast(view: View, result: MethodContrast, request: Request[MethodContrast]) -> None:
    figure, story = None, words.contrast_story(result, twin_of(view))
    if words.shows_change(result):
        figure = charts.method_bars(result)
    shown = [Shown("changes")]
    show_figure(
        "methods", figure, story, lambda: tables.contrast_frame(result), large=view.large, requests=[request],
        shown=shown, first=True,
    )  # fmt: skip
    names = [words.METHOD_WORDS[method].split(":")[0] for method in METHODS]
    show_by_template(
        view, "methods", result.changes, names,
        lambda groups: template_curves(result.changes, groups, names, "Change by each method, in this order", "logits"),
        requests=[request], shown=shown,
    )  # fmt: skip


def _show_hidden(view: View, chosen: list[Head]) -> None:
    """Say what the direct effects of these heads would let one expect."""
    backup, layers = compute(
        view.model,
        ask(ioi_core.backup_heads, pairs=view.pairs, heads=chosen, ablation=Ablation.ZERO),
        ask(ioi_core.attribute_layers, pairs=view.pairs),
    )
    before, *_, last = stages(backup, layers)
    says(words.hidden_story(before, last))
