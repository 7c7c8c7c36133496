"""Break it: the Circuit page's first part; each panel asks for its own results, waits with progress, and draws."""

from dataclasses import replace
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ioi_core
from app import url
from app.circuit.breaking import charts, controls, graph, tables, words
from app.circuit.breaking.asked import BEFORE, COMPLETE, MEMBERS, MOST_EVERYWHERE, NOW, Asked, asked_for
from app.circuit.breaking.comparison import show_comparison
from app.circuit.breaking.member_table import COLUMNS, table_control
from app.circuit.breaking.numbers import Broken, by_template, levels, no_share
from app.circuit.choices import ablation_control
from app.circuit.members import EVERYWHERE, Classes
from app.circuit.requests import sets_request
from app.circuit.starts import FOUND_ON_HALF, MEASURED, classes_of, found_story, search_request, starting_circuit
from app.drawing.figure import show_chart, show_figure, show_foot
from app.drawing.look import refuse
from app.drawing.table import plain_table
from app.hosting.services import settings
from app.questions.ask import ask
from app.questions.classes import are_classes_known
from app.questions.compute import compute, is_known
from app.questions.shown import Shown
from app.questions.twins import circuit_pairs, smallest_mean, twins_story
from app.shell.title import Part, show_parts
from app.view import View
from app.words.phrases import grouped, grouped_by, in_percent, number, unbroken
from ioi_core import NO_HEADS, Ablation, Circuit, CircuitError, PromptPairs

_GENERATED = 56  # prompts to offer: four for each of the 14 templates


def show_breaking(view: View) -> None:
    """Let a visitor switch heads off and on, and draw what the circuit and the whole model lose."""
    pairs = circuit_pairs(view)
    drawing, numbers = st.columns([4, 1])
    buttons, contents = st.container(), st.container()
    st.header("Which circuit is it?", anchor=False)
    left, right = st.columns(2)
    with left:
        start = controls.start_control(view.model, pairs)
    with right:
        ablation = ablation_control(view)
    explained = st.expander("How heads are ablated, and how the circuit was found")
    explained.caption(twins_story(view, pairs, ablation))
    at_first = numbers.empty()
    _show_model_alone(view, pairs, start, ablation, at_first)
    found = _first_circuit(view, pairs, start, ablation, explained, drawing)
    first = found or NO_HEADS
    if not pairs.has_all_roles:
        st.caption(words.NO_CLASSES)
    plan = controls.plan_control(view.model, pairs, first, drawing)
    if found is None and not plan.circuit:
        at_first.empty()
        return
    asked = asked_for(pairs, plan, ablation)
    summary = numbers.container(key="circuit-summary")
    if pairs.has_all_roles and smallest_mean(pairs) == 1 and settings().max_prompts >= _GENERATED:
        with numbers:
            controls.more_prompts_button(pairs, _GENERATED)

    def show_numbers() -> Broken:
        now, complete, before = compute(view.model, *asked.broken)
        broken = Broken(before, now, complete)
        at_first.empty()
        with summary:
            _show_summary(broken, plan.off)
        return broken

    # Measuring the classes takes longest, and no number needs them. Once they are known, the graph answers first.
    early = None if are_classes_known(view.model, view.pairs) else show_numbers()
    published, classes = classes_of(view.model, view.pairs)
    with buttons:
        controls.buttons(plan, classes)
    with drawing:
        figure = _show_graph(view, plan, classes, published=published)
        foot = st.container()
    broken = early or show_numbers()
    with foot:
        frame = partial(tables.members_frame, plan.circuit, plan.off, classes, None)
        story = words.circuit_story(broken, plan.circuit, plan.off, is_whole=plan.shows_whole)
        show_foot("circuit_graph", story, frame, requests=asked.broken, shown=[NOW, COMPLETE], figures=[figure])
        st.caption(words.graph_legend(published=published) if view.pairs.has_all_roles else words.PLACES_LEGEND)

    show_parts(*_parts(view, pairs, plan, classes, asked, broken, (start, first)), contents=contents)


def _parts(
    view: View, pairs: PromptPairs, plan: controls.Plan, classes: Classes, asked: Asked, broken: Broken,
    first: tuple[str, Circuit],
) -> tuple[Part, ...]:  # fmt: skip
    """Return what stands below the graph.

    The members come before everything whose height changes, so that neither graph nor table moves while a visitor
    switches heads.

    Args:
        first: the starting circuit, and its name.
    """
    members = partial(_show_members, view, pairs, plan, classes, asked)
    templates = partial(_show_templates, view, pairs, plan, broken, asked)
    comparison = partial(show_comparison, view, pairs, plan, classes, first, broken)
    completeness = partial(_show_completeness, view, pairs, plan, broken, asked)
    compared_by = [url.KEPT, url.COMPARE, url.COMPARE_WITH]
    return (
        Part("Every member, one by one", url.PART_MEMBERS, members),
        Part("How much is left?", url.PART_LEVELS, partial(_show_levels, view, plan, broken, asked)),
        Part("Does every member count?", url.PART_MINIMALITY, partial(_show_minimality, view, plan, asked)),
        Part("Is it as good in every kind of sentence?", url.PART_TEMPLATES, templates),
        Part("Compare two circuits", url.PART_COMPARISON, comparison, holds=compared_by),
        Part("Is anything missing?", url.PART_COMPLETENESS, completeness),
    )


def _first_circuit(
    view: View, pairs: PromptPairs, start: str, ablation: Ablation, room: DeltaGenerator, above: DeltaGenerator
) -> Circuit | None:
    """Return the starting circuit; `room` is told how it was found, `above` the graph why there is none."""
    try:
        if search := search_request(pairs, start, ablation):
            told = found_story(compute(view.model, search))
            (st if start == FOUND_ON_HALF else room).caption(unbroken(told))
        classes = classes_of(view.model, view.pairs)[1] if start == MEASURED else {}
        return starting_circuit(view.model, pairs, start, classes, ablation)
    except CircuitError as error:
        with above:
            refuse(error, "For now there is no circuit to start from.")
        return None


def _show_model_alone(view: View, pairs: PromptPairs, start: str, ablation: Ablation, room: DeltaGenerator) -> None:
    """Draw the whole model's logit_diff while a circuit is searched for, which takes longest."""
    search = search_request(pairs, start, ablation)
    if search is not None and not is_known(view.model, search):
        whole = compute(view.model, ask(ioi_core.predictions, pairs=pairs))
        with room.container():
            st.metric("logit_diff of the whole model", number(float(whole.clean_logit_diff.mean())))
            st.caption("Searching for a circuit ...")


def _show_graph(view: View, plan: controls.Plan, classes: Classes, *, published: bool) -> go.Figure:
    drawn = graph.graph_of(plan.circuit, plan.off, classes, low=view.large)
    figure = graph.circuit_figure(drawn, view.model.cfg.n_layers, published=published, low=view.large)
    show_chart(
        "circuit_graph", figure, large=view.large, min_width=drawn.pixels, from_right=True,
        on_click=partial(controls.toggle, plan.changes), first=True,
    )  # fmt: skip
    return figure


def _show_summary(broken: Broken, off: Circuit) -> None:
    """Draw the numbers to watch, which change with every click."""
    now, model = broken.now, float(broken.completeness.model_values)
    changes = (now.logit_diff - broken.before.logit_diff, model - now.model_logit_diff)
    circuit_change, model_change = (
        f"{number(change)} by what is off" if off else "nothing is off" for change in changes
    )
    uncoloured: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off"}
    share = float("nan") if no_share(now) else now.faithfulness
    st.metric("Faithfulness", in_percent(share), help="F(C) / F(M), the circuit as it is now")
    st.metric("logit_diff of the circuit", number(now.logit_diff), circuit_change, **uncoloured)
    whole = "model without what is off" if off else "of the whole model"
    st.metric(whole, number(model), model_change, **uncoloured)


def _show_levels(view: View, plan: controls.Plan, broken: Broken, asked: Asked) -> None:
    figure = charts.level_bars(levels(broken, plan.off), broken.now) if words.shows_levels(broken) else None
    story = words.broken_story(broken, plan.circuit, plan.off)
    if plan.shows_whole:
        story = f"{words.WHOLE_MODEL}."
    shown = [NOW, COMPLETE, BEFORE] if plan.off else [NOW]
    show_figure(
        "circuit_levels", figure, story, lambda: tables.levels_frame(broken, plan.off), large=view.large,
        requests=asked.broken if plan.off else [asked.now], shown=shown,
    )  # fmt: skip


def _show_members(view: View, pairs: PromptPairs, plan: controls.Plan, classes: Classes, asked: Asked) -> None:
    controls.add_control(plan, pairs)
    if not plan.circuit:
        st.write("The circuit has no heads yet: add some above.")
        return
    minimality = None if asked.members is None else compute(view.model, asked.members)
    frame = tables.members_frame(plan.circuit, plan.off, classes, minimality)
    if view.large:
        st.html(plain_table(frame, "Every member", COLUMNS))
    else:
        table_control(plan, frame)
    if asked.members is None:
        show_foot("circuit_members", "", lambda: frame, requests=[asked.now])
    else:
        show_foot("circuit_members", "", lambda: frame, requests=[asked.members], shown=[MEMBERS])


def _show_minimality(view: View, plan: controls.Plan, asked: Asked) -> None:
    if not plan.left:
        st.write("There is nothing to draw: no head is on.")
        return
    if asked.members is None:
        st.write(words.too_many_everywhere(len(plan.left.at(EVERYWHERE)), MOST_EVERYWHERE))
        return
    result = compute(view.model, asked.members)
    if reason := no_share(result):
        st.write(f"There is nothing to draw: {reason}.")
        return
    figure = charts.minimality_bars(result)
    story = words.minimality_story(result, is_claimed=not plan.off and not plan.is_whole)
    show_figure(
        "circuit_minimality", figure, story, lambda: tables.minimality_frame(result), large=view.large,
        requests=[asked.members], shown=[MEMBERS],
    )  # fmt: skip


def _show_templates(view: View, pairs: PromptPairs, plan: controls.Plan, broken: Broken, asked: Asked) -> None:
    if reason := no_share(broken.now):
        st.write(f"There is nothing to draw: {reason}.")
        return
    if plan.shows_whole:
        st.write(f"{words.WHOLE_MODEL}.")
        return
    templates, by = by_template(pairs, broken.now), grouped_by(pairs)
    figure = charts.template_bars([templates], [broken.now], ["this circuit"], by)
    story = words.template_story(templates, broken.now.faithfulness)
    frame = partial(tables.templates_frame, pairs, broken.now)
    groups = tuple((name, tuple(rows)) for name, rows in grouped(pairs).items())
    show_figure(
        "circuit_templates", figure, story, frame, large=view.large, requests=[asked.now],
        shown=[replace(NOW, groups=groups)], min_width=120 + 40 * len(templates),
    )  # fmt: skip


def _show_completeness(view: View, pairs: PromptPairs, plan: controls.Plan, broken: Broken, asked: Asked) -> None:
    """Draw many K at once: last on the page, so that nothing waits for it; what is switched off does not change it."""
    if not plan.circuit:
        st.write("The circuit has no heads to take out.")
        return
    if plan.is_whole:
        st.write(f"{words.WHOLE_MODEL}.")
        return
    request = sets_request(pairs, plan.circuit, broken.now.ablation)
    sets = compute(view.model, request)
    figure = charts.completeness_scatter(sets, broken.completeness if plan.off else None)
    story, frame = words.completeness_story(sets), partial(tables.completeness_frame, sets)
    switch_off = partial(controls.switch_off, plan.changes)
    also = [asked.complete] if plan.off else []
    show_figure(
        "circuit_completeness", figure, story, frame, large=view.large, requests=[request, *also],
        shown=[Shown("per_prompt"), *([COMPLETE] if also else [])], on_click=switch_off,
    )  # fmt: skip
    order = sorted(range(len(sets.removed)), key=lambda n: -sets.incompleteness[n])  # as the sentence does
    named = {words.set_words(sets, n): sets.removed[n] for n in order if sets.removed[n]}
    controls.set_switch(plan.changes, named)
