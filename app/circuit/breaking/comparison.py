"""Two circuits of the Circuit page side by side."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.circuit.breaking import charts, controls, tables, words
from app.circuit.breaking.kept import compare_control, kept_control
from app.circuit.breaking.numbers import Broken, by_template, no_share
from app.circuit.members import Classes, places_of
from app.circuit.requests import evaluate_request
from app.circuit.starts import starting_circuit, starts_of
from app.drawing.figure import show_figure
from app.drawing.look import refuse, says
from app.questions.compute import compute_all
from app.view import View
from app.words.phrases import grouped_by
from ioi_core import Circuit, CircuitError, CircuitEvaluation, PromptPairs


def show_comparison(
    view: View, pairs: PromptPairs, plan: controls.Plan, classes: Classes, first: tuple[str, Circuit], broken: Broken
) -> None:
    """Draw two circuits side by side; `first` is the starting one's name and members."""
    places = set(places_of(pairs))
    kept = {f"kept: {name}": circuit for name, circuit in kept_control(plan).items()}
    usable = {name: circuit for name, circuit in kept.items() if set(circuit.roles) <= places}
    starts = {f"start: {name}": name for name in starts_of(view.model, pairs)}
    names = compare_control(("this circuit", *starts, *usable), f"start: {first[0]}")
    known = {"this circuit": plan.left, f"start: {first[0]}": first[1], **usable}
    try:
        circuits = [
            known[name]
            if name in known
            else starting_circuit(view.model, pairs, starts[name], classes, broken.now.ablation)
            for name in names
        ]
    except CircuitError as error:
        refuse(error, "For now there is nothing to compare.")
        return
    if circuits[0] == circuits[1]:
        st.write("Both are the same circuit: choose another to compare.")
        return
    results = _evaluations(view, pairs, circuits, plan, broken)
    says(words.compare_story(results, names))
    st.write(words.differing_words(circuits, names))
    if no_share(results[0]):
        return
    templates = [by_template(pairs, result) for result in results]
    labels = [f"{name} ({words.size_words(circuit)})" for name, circuit in zip(names, circuits, strict=True)]
    figure, width = charts.template_bars(templates, results, labels, grouped_by(pairs)), 120 + 56 * len(templates[0])
    frame = partial(tables.comparison_frame, pairs, circuits, results)
    show_figure(
        "circuit_comparison", figure, "", frame, large=view.large,
        requests=[evaluate_request(pairs, circuit, broken.now.ablation) for circuit in circuits], min_width=width,
    )  # fmt: skip


def _evaluations(
    view: View, pairs: PromptPairs, circuits: Sequence[Circuit], plan: controls.Plan, broken: Broken
) -> list[CircuitEvaluation]:
    """Return F(C) of some circuits; only what the page does not know yet is asked for."""
    known = {plan.circuit: broken.before, plan.left: broken.now}
    asked = [circuit for circuit in dict.fromkeys(circuits) if circuit not in known]
    results = compute_all(view.model, [evaluate_request(pairs, circuit, broken.now.ablation) for circuit in asked])
    known |= dict(zip(asked, results, strict=True))
    return [known[circuit] for circuit in circuits]
