"""Sentences of the Edges page against the numbers that they are about."""

import pytest

from app.edges.words import runs_words, smallest_story
from ioi_core import Model, arena_pairs, edge_scores, evaluate_edges, minimal_edges, task_dataset


@pytest.mark.parametrize("close", [True, False])
def test_shares_of_next_to_nothing_are_said_to_be_blown_up(demo_model: Model, close: bool) -> None:
    pairs = task_dataset(demo_model, "capital", 4, seed=2) if close else arena_pairs(demo_model)
    scores = edge_scores(demo_model, pairs, "eap")
    found = minimal_edges(demo_model, pairs, scores)
    whole = evaluate_edges(demo_model, pairs, found.evaluation.edges)
    gap = abs(whole.clean - whole.corrupted)
    assert (gap < 0.1 * max(abs(whole.clean), abs(whole.corrupted))) == close
    for text in (runs_words(whole), smallest_story(found, 4)):
        assert ("shares of that difference are blown up" in text) == close
