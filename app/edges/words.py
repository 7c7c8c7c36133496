"""Edges in words: how much a circuit recovers, what an edge does, how good estimates are. No Streamlit here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.edges.plan import ARROW, Plan
from app.words.choices import INPUTS
from app.words.effects import blown_up, least, not_shown, shows
from app.words.phrases import (
    adds_or_takes,
    capitalised,
    ends,
    fit_words,
    heads_words,
    in_percent,
    interval,
    interval_in_percent,
    listed,
    mean_over,
    number,
    size,
    threshold,
    unpatched_means,
)
from ioi_core import EdgeCurve, EdgeEvaluation, EdgeScores, Head, MinimalEdges, bootstrap_interval
from ioi_core.uncertainty import pearson

METHODS = {
    "exact": "exact: each edge alone reads from the corrupted run",
    "eap": "EAP: an estimate, the edge's change times the slope of logit_diff",
    "eap_ig": "EAP-IG: the same, its slope a mean over steps from corrupted to clean",
}
"""Ways to score an edge, with their meaning."""

METHOD_NAMES = {"exact": "exact scores", "eap": "EAP", "eap_ig": "EAP-IG"}


def node_words(name: str) -> str:
    """Return "head 9.9", "MLP 3", "the embedding" or "the logits"."""
    if name == "embed":
        return "the embedding"
    if name == "logits":
        return "the logits"
    return f"MLP {name.removeprefix('mlp ')}" if name.startswith("mlp ") else f"head {name}"


def edge_words(edge: str) -> str:
    """Return "head 3.0 to the queries of head 5.0" of "3.0->5.0<q>"."""
    sender, _, receiver = edge.partition(ARROW)
    node, _, letter = receiver.partition("<")
    into = f"the {INPUTS[letter[0]]} of {node_words(node)}" if letter else node_words(node)
    return f"{node_words(sender)} to {into}"


def circuit_story(plan: Plan, evaluation: EdgeEvaluation) -> str:
    """Say how much of the gap the circuit recovers, with how many edges."""
    n_all = plan.graph.n_edges
    kept = f"{evaluation.n_edges:,} of {n_all:,} edges ({in_percent(evaluation.n_edges / n_all, nothing=0)})"
    if evaluation.no_fraction:
        return f"There is no faithfulness: {evaluation.no_fraction}."
    if evaluation.n_edges == n_all:
        return f"All {n_all:,} edges are kept: this is the whole model, in its clean run.\n{runs_words(evaluation)}"
    if not evaluation.n_edges:
        return f"No edge is kept on a path to the logits: this is the corrupted run.\n{runs_words(evaluation)}"
    low, high = evaluation.faithfulness_interval()
    within = interval(low, high, mean_over(evaluation.n_prompts), in_percent)
    lost = int(plan.mask.sum()) - evaluation.n_edges
    unused = f" {lost:,} more are kept, but on no path from the embedding to the logits." if lost else ""
    return (
        f"{kept[0].upper()}{kept[1:]} recover {in_percent(evaluation.faithfulness)} of what the corruption changes.\n"
        f"Faithfulness: {within}.{unused} {runs_words(evaluation)}"
    )


def runs_words(result: EdgeEvaluation | EdgeCurve) -> str:
    """Say what the two runs score."""
    text = f"{unpatched_means('logit_diff', result.clean, result.corrupted)}."
    if result.clean < result.corrupted:
        text += " The corrupted runs score higher: to recover is to lower logit_diff here."
    return text + blown_up(result)


def has_edges(scores: EdgeScores) -> bool:
    """Return whether any edge does more than nothing."""
    return shows(scores.values, least_of(scores))


def least_of(scores: EdgeScores) -> float:
    """Return the smallest score that is not nothing, in logits."""
    return least(scores.clean, scores.corrupted)


def nothing_story(scores: EdgeScores) -> str:
    """Say that no edge matters."""
    return not_shown(f"no edge changes logit_diff by {threshold(least_of(scores))} or more")


def effect(scores: EdgeScores, edge: tuple[int, int]) -> float:
    """Return what an edge adds to logit_diff: its score, turned round; never "-0"."""
    return 0.0 - float(scores.values[edge])


def smallest_story(found: MinimalEdges, n_prompts: int) -> str:
    """Say how small a circuit was found, and how it does on prompts it was not found on."""
    here = f"{found.evaluation.n_edges:,} edges recover {in_percent(found.evaluation.faithfulness)}"
    there = "" if found.held_out is None else f", and {in_percent(found.held_out.faithfulness)} on prompts held out"
    held = "" if found.held_out is None else f", judged on the other {found.held_out.n_prompts}"
    cut = "" if found.complete else " Edges were not taken out to the end: there were too many."
    return (
        f"{here}{there}.\nFound on {found.evaluation.n_prompts} of {n_prompts} prompts{held}: the {found.n_ranked:,} "
        f"strongest edges reach {in_percent(found.bound)}, {found.n_grown:,} of them on a path; {len(found.removed):,} "
        f"could be taken out again.{cut} No smaller set is ruled out.{blown_up(found.evaluation)}"
    )


def heads_story(heads: Sequence[Head], n_edges: int) -> str:
    """Say which edges a circuit of heads is."""
    return (
        f"These are heads: {heads_words(heads)}.\nTaken for them: all {n_edges:,} edges among these heads, the MLPs, "
        "the embedding and the logits, so every other head writes what it writes in the corrupted run. Where a circuit "
        "keeps a head is left out: edges do not tell positions apart."
    )


def imported_story(found: EdgeEvaluation, n_given: int) -> str:
    """Say how a circuit from a file does on these prompts."""
    if found.no_fraction:
        return f"There is no faithfulness: {found.no_fraction}."
    return (
        f"The pasted circuit recovers {in_percent(found.faithfulness)} here, with {found.n_edges:,} edges on a path "
        f"of {n_given:,}.\n{runs_words(found)}"
    )


def edge_story(plan: Plan, exact: EdgeScores | None, edge: tuple[int, int]) -> str:
    """Say what one edge does, and whether it is kept."""
    name = ARROW.join((plan.graph.senders[edge[0]], plan.graph.receivers[edge[1]]))
    adds = effect(plan.scores, edge)
    about = "about " if plan.scores.estimate else ""
    words = edge_words(name)
    kept = "on a path" if plan.pruned[edge] else "but on no path: it changes nothing"
    state = f"kept, {kept}" if plan.mask[edge] else "not kept"
    low, high = (-float(end) for end in reversed(bootstrap_interval(plan.scores.per_prompt[edge])))
    note = interval(low, high, mean_over(plan.scores.n_prompts))
    if abs(adds) < least_of(plan.scores):
        first = f"The edge from {words} hardly matters by itself ({about}{number(adds)} logits)"
    else:
        first = adds_or_takes(f"The edge from {words}", adds, about)
    exactly = ""
    if plan.scores.estimate and exact is not None:
        exactly = f" Exactly, it is {number(effect(exact, edge))}."
    return f"{first}; it is {state}.\nBy {METHOD_NAMES[plan.scores.method]}, {note}.{exactly}"


def curve_story(curves: dict[str, EdgeCurve], bound: float = 0.9) -> str:
    """Say with how few edges each method's circuit recovers most, and the two areas."""
    sentences = []
    for method, curve in curves.items():
        if curve.no_fraction:
            return f"There is no faithfulness: {curve.no_fraction}."
        near = np.flatnonzero(np.abs(1 - curve.values) <= 1 - bound + 1e-9)
        first = next((n for n in near if set(range(n, len(curve.values))) <= set(near.tolist())), None)
        if first is not None:
            sentences.append(
                f"by {METHOD_NAMES[method]}, {in_percent(curve.shares[first], nothing=0)} of the edges recover "
                f"{in_percent(curve.values[first])}"
            )
    said = (
        f"{capitalised('; '.join(sentences))}."
        if sentences
        else "No circuit but the whole model comes near the clean run."
    )
    areas = "; ".join(
        f"{METHOD_NAMES[method]}: CMD {size(curve.cmd)}, CPR {number(curve.cpr)}" for method, curve in curves.items()
    )
    return f"{said}\n{areas}. CMD is the distance from the clean run (0 is best), CPR the area below the curve."


def correlation(estimate: EdgeScores, exact: EdgeScores) -> float:
    """Return Pearson's correlation over all edges; nan if either does not vary."""
    return pearson(*(scores.values[np.isfinite(scores.values)] for scores in (estimate, exact)))


def estimate_story(estimate: EdgeScores, exact: EdgeScores, r: float, worst: Sequence[tuple[int, int]]) -> str:
    """Say how well an estimate agrees, and where it disagrees most."""
    if not has_edges(exact) and not has_edges(estimate):
        return "There is nothing to estimate here: no edge changes anything to speak of, by either."
    names = [
        f"{edge_words(ARROW.join((exact.axes['sender'][a], exact.axes['receiver'][b])))} "
        f"({number(effect(estimate, (a, b)))}, exactly {number(effect(exact, (a, b)))})"
        for a, b in worst
    ]
    method, quality = METHOD_NAMES[estimate.method], fit_words(r)
    told = "" if np.isnan(r) else f"{method} is {quality} here: correlation {number(r)}."
    return f"{told}\nIt is furthest off for {listed(names)}."


@dataclass(frozen=True)
class Agreement:
    """How far two choices of edges agree.

    Attributes:
        shared: edges in both over edges in either (Jaccard); nodes: the same of the nodes they touch.
        n_edges: of each; n_shared: in both.
    """

    shared: float
    nodes: float
    n_edges: tuple[int, int]
    n_shared: int


def agreement_story(what: str, found: Agreement, overlaps: np.ndarray | None = None) -> str:
    """Say how far two circuits agree.

    Args:
        overlaps: Jaccard of both, their prompts drawn anew.
    """
    drawn = ""
    if overlaps is not None:
        low, high = np.quantile(overlaps, [0.025, 0.975])
        drawn = f" With the prompts drawn again, {ends(low, high, in_percent)} of the edges are in both (95 %)."
    return (
        f"{in_percent(found.shared)} of the edges in either circuit are in both, and {in_percent(found.nodes)} of the "
        f"nodes.\nCompared: {what}. {found.n_shared:,} edges are shared, of {found.n_edges[0]:,} and "
        f"{found.n_edges[1]:,}.{drawn}"
    )


def carried_story(found: EdgeEvaluation, where: str) -> str:
    """Say how the circuit does on other prompts."""
    if found.no_fraction:
        return f"On {where} there is no faithfulness: {found.no_fraction}."
    low, high = found.faithfulness_interval()
    recovers = f"{in_percent(found.faithfulness)} on {where}{interval_in_percent(low, high)}"
    return f"The circuit above recovers {recovers}.\n{runs_words(found)}"


def stability_story(overlaps: np.ndarray, number_kept: int, n_prompts: int) -> str:
    """Say how much the strongest edges depend on the prompts.

    Args:
        overlaps: Jaccard of the strongest edges of resampled prompts with those of all.
    """
    if n_prompts < 2:
        return "One prompt cannot be drawn again: take several."
    low, middle, high = np.quantile(overlaps, [0.025, 0.5, 0.975])
    return (
        f"Draw the prompts again, and {in_percent(middle)} of the {number_kept:,} strongest edges stay."
        f"\nOverlap (Jaccard) of resampled prompts with all {n_prompts}: {ends(low, high, in_percent)} (95 %)."
    )
