"""Requests of the Edges page. No Streamlit here."""

from collections.abc import Sequence

import ioi_core
from app.questions.ask import Request, ask
from app.questions.halves import halves
from ioi_core import EdgeCurve, EdgeEvaluation, EdgeScores, MinimalEdges, PromptPairs

FIRST_BOUND = 0.9
"""The faithfulness that the smallest circuit is asked to have at first."""


def scores_request(pairs: PromptPairs, method: str) -> Request[EdgeScores]:
    """Ask for every edge's score by one of `ioi_core.EDGE_METHODS`."""
    return ask(ioi_core.edge_scores, pairs=pairs, method=method)


def curve_request(pairs: PromptPairs, scores: EdgeScores) -> Request[EdgeCurve]:
    """Ask for the faithfulness of the circuits that these scores rank, at MIB's ten sizes."""
    return ask(ioi_core.edge_curve, pairs=pairs, scores=scores.values)


def circuit_request(pairs: PromptPairs, edges: Sequence[str]) -> Request[EdgeEvaluation]:
    """Ask for the run of an edge circuit, its edges as text."""
    return ask(ioi_core.evaluate_edges, pairs=pairs, edges=tuple(edges))


def smallest_request(pairs: PromptPairs, scores: EdgeScores, bound: float) -> Request[MinimalEdges]:
    """Ask for a small circuit of a faithfulness above `bound`, found on the first half of the prompts.

    Args:
        scores: of that half.
    """
    found_on, held_out = halves(pairs)
    return ask(ioi_core.minimal_edges, pairs=found_on, scores=scores.values, bound=bound, held_out=held_out)
