"""Figures of a broken circuit's numbers. No Streamlit here."""

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
import plotly.graph_objects as go

from app.circuit.breaking.numbers import Level, TemplateFaithfulness, minimality_order
from app.circuit.breaking.words import set_words
from app.circuit.changes import Changes, write_changes
from app.circuit.members import member_words
from app.colours import CHOSEN, CORRUPTED
from app.drawing.bars import row_bars
from app.drawing.kept import drawn_once
from app.drawing.parts import OUTLINE, PLAIN_AXIS, hover, keyed, laid_out, literal, places, whisker_note
from app.words.phrases import in_percent, interval, mean_over, number, prompts
from ioi_core import CircuitEvaluation, Completeness, Minimality

SIDES = ("#56B4E9", "#CC79A7")
"""The two circuits that are compared; the second one is hatched as well."""

_KINDS = {
    "empty": ("nothing", "x", "#FFFFFF"),
    "class": ("a class or role", "square", "#77AADD"),
    "random": ("random", "circle", "#DDDDDD"),
    "greedy": ("greedy: chosen to tell them apart", "diamond", "#EE8866"),
}
_LINE = 60  # letters of a line of hover text


@drawn_once
def level_bars(levels: Sequence[Level], result: CircuitEvaluation) -> go.Figure:
    """Draw logit_diff of each run, one below the other, with its interval."""
    sample = mean_over(result.n_prompts)
    hover_texts = [
        f"{level.name}: logit_diff {number(level.value)} logits<br>({interval(level.low, level.high, sample)})"
        for level in levels
    ]
    largest = max(abs(level.value) for level in levels)
    names = [f"{level.name.replace(', ', ',<br>')}: <b>{number(level.value, largest)}</b>" for level in levels]
    ends = np.array([(level.value, level.low, level.high) for level in levels]).T
    note = f"logits, {result.ablation} ablation, {sample}{whisker_note(result.n_prompts)}"
    return row_bars(names, ends, hover_texts, "logit_diff, whole and broken", note, "logits", range=_range(ends))


@drawn_once
def template_bars(
    circuits: Sequence[Sequence[TemplateFaithfulness]],
    results: Sequence[CircuitEvaluation],
    names: Sequence[str],
    by: str,
) -> go.Figure:
    """Draw faithfulness template by template beside the overall one, of one circuit or of two side by side.

    Args:
        circuits: each circuit's templates; results: each circuit's evaluation; by: "template" or "label".
    """
    figure, several, points = go.Figure(), len(circuits) > 1, False
    columns = np.arange(len(circuits[0]) + 1)
    for side, (templates, result, name) in enumerate(zip(circuits, results, names, strict=True)):
        values = [result.faithfulness, *(template.value for template in templates)]
        counts = [result.n_prompts, *(len(template.points) for template in templates)]
        labels = [f"all {by}s", *(template.name for template in templates)]
        hover_texts = [
            f"{literal(name)}, {literal(label)}: {in_percent(value)} of the whole model's logit_diff<br>"
            f"({prompts(count)})"
            for label, value, count in zip(labels, values, counts, strict=True)
        ]
        pattern = {"shape": "/" if side else ""}
        marker = {"color": SIDES[side], "opacity": [1.0] + [0.75] * len(templates), "pattern": pattern}
        figure.add_bar(x=columns, y=values, name=literal(name), marker=marker, **hover(hover_texts))
        points = not several and _draw_points(figure, templates, by)
    figure.add_hline(y=1, line={"width": 2, "dash": "dash", "color": CORRUPTED})
    figure.add_hline(y=0)
    groups = [template.name for template in circuits[0]]
    axis = "prompt" if all(group.startswith("prompt ") for group in groups) else by  # each is a template of its own
    short = [literal(group.removeprefix(f"{axis} ")).replace(", ", "<br>") for group in groups]
    figure.update_xaxes(
        tickvals=columns,
        ticktext=["<b>all</b>", *short],
        tickangle=0,
        title=axis,
        range=places(0, len(columns)),
        **PLAIN_AXIS,
    )
    figure.update_yaxes(title="faithfulness, F(C) / F(M)", tickformat=".0%", zeroline=False)
    dots = "; dots: prompts" * points
    note = f"{results[0].ablation} ablation, {prompts(results[0].n_prompts)}; dashed: whole model{dots}"
    return laid_out(
        figure, f"Faithfulness {'of two circuits, ' * several}by {axis}", note, 380 + 50 * several, legend=several
    )


def _draw_points(figure: go.Figure, templates: Sequence[TemplateFaithfulness], by: str) -> bool:
    """Draw a point for each prompt, where a template has several; return whether any has."""
    defined = [(n, template) for n, template in enumerate(templates, 1) if np.isfinite(template.value)]
    several = [(n, template) for n, template in defined if len(template.points) > 1]
    if not several:
        return False
    x = [n for n, template in several for _ in template.points]
    y = [point for _, template in several for point in template.points]
    hover_texts = [
        f"One prompt of {literal(template.name)}: {in_percent(point)} of the {by}’s mean logit_diff"
        for _, template in several
        for point in template.points
    ]
    marker = {"size": 6, "color": CORRUPTED, "line": {"width": 1, "color": "#FFFFFF"}}
    figure.add_scatter(x=x, y=y, mode="markers", marker=marker, showlegend=False, **hover(hover_texts))
    return True


@drawn_once
def completeness_scatter(sets: Completeness, current: Completeness | None) -> go.Figure:
    """Draw F(C \\ K) against F(M \\ K) for many K: on the diagonal for a complete circuit; a click switches K off.

    Args:
        current: of what is switched off now, if anything is.
    """
    sample, figure = mean_over(sets.n_prompts), go.Figure()
    for kind, (name, symbol, colour) in _KINDS.items():
        rows = [n for n, kind_of_set in enumerate(sets.kinds) if kind_of_set == kind]
        customdata = [
            [
                write_changes(Changes(off=sets.removed[n])),
                f"K is {set_words(sets, n)}: {_wrapped(str(sets.removed[n]))};<br>without it logit_diff is "
                f"{number(sets.model_values[n])} in the whole model, {number(sets.circuit_values[n])} in the "
                f"circuit<br>({sample})" + (" Click to switch it off." if sets.removed[n] else ""),
            ]
            for n in rows
        ]
        _add_sets(figure, sets.model_values[rows], sets.circuit_values[rows], customdata, name, symbol, colour)
    if current is not None:
        x, y = (np.atleast_1d(values) for values in (current.model_values, current.circuit_values))
        customdata = [["", f"What is off now: whole model {number(x[0])}, circuit {number(y[0])} ({sample})"]]
        _add_sets(figure, x, y, customdata, "what is off now", "star", CHOSEN)
    low, high = _range(np.concatenate([sets.values.ravel(), *([current.values.ravel()] if current else [])]))
    diagonal = {"dash": "dash", "width": 2, "color": CORRUPTED}
    figure.add_shape(type="line", x0=low, y0=low, x1=high, y1=high, line=diagonal, layer="below")
    figure.update_xaxes(title="whole model without K, logit_diff", range=[low, high], zeroline=False)
    figure.update_yaxes(title="circuit without K, logit_diff", range=[low, high], zeroline=False)
    note = f"logits, {sets.ablation} ablation, {sample}; dashed: complete"
    return laid_out(figure, "Circuit and model without the same heads", note, 520, legend=True, top=150)


def _add_sets(
    figure: go.Figure, x: np.ndarray, y: np.ndarray, customdata: list[list[str]], name: str, symbol: str, colour: str
) -> None:
    marker = {"size": 18 if symbol == "star" else 12, "symbol": symbol, "color": colour, "line": OUTLINE}
    figure.add_scatter(x=x, y=y, mode="markers", name=name, marker=marker, **keyed(customdata))


@drawn_once
def minimality_bars(result: Minimality) -> go.Figure:
    """Draw what each member changes once its K is gone, those that count most first."""
    sample, order = mean_over(result.n_prompts), minimality_order(result)
    names, hover_texts = [], []
    for n in order:
        removed = result.removed[n]
        without_k = (
            f"With K = {_wrapped(str(removed))} ablated" if removed else "With nothing else ablated (K is empty)"
        )
        without, both = result.values[:, n]
        member, share = member_words(result.members[n]), in_percent(float(result.signed_scores[n]))
        names.append(f"{member} {share}")
        hover_texts.append(
            f"{without_k}, logit_diff is {number(without)};<br>without {member} as well it is {number(both)}:<br>"
            f"the difference is {share} of F(M) ({sample})"
        )
    ends = np.array([result.signed_scores, *result.signed_scores_interval()])[:, order]
    note = f"share of F(M), {result.ablation} ablation, {sample}{whisker_note(result.n_prompts)}"
    title, height = "What each member adds once its K is ablated", 150 + 28 * len(order)
    axis = "right: logit_diff falls without it"
    return row_bars(names, ends, hover_texts, title, note, axis, height=height, range=_range(ends), tickformat=".0%")


def _wrapped(text: str) -> str:
    """Return a list of members on several lines, short enough for hover text."""
    return "<br>".join(wrap(text, _LINE))


def _range(ends: np.ndarray) -> list[float]:
    """Return the range of an axis that holds all of these and 0, and a little more on the sides that are not 0."""
    low, high = (float(end) for end in (np.nanmin(ends, initial=0), np.nanmax(ends, initial=0)))
    room = 0.08 * max(high - low, 1e-6)
    return [low - room * (low < 0), high + room]
