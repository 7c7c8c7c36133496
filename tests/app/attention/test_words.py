"""Sentences on attention patterns, held against patterns of every kind."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.attention.words import end_story, head_story, overview_story
from app.questions.patterns import PromptPatterns
from app.words.phrases import size
from ioi_core import Head


@st.composite
def patterns(draw) -> PromptPatterns:
    """Clean and corrupted attention of 2 layers of 3 heads in a prompt of 5 tokens, alike or not."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    sharp = draw(st.sampled_from((0.1, 1.0, 30.0)))
    logits = np.where(np.tri(5, dtype=bool), sharp * rng.normal(size=(2, 3, 5, 5)), -np.inf)
    change = draw(st.sampled_from((0.0, 1e-3, 0.5, 5.0))) * rng.normal(size=logits.shape)
    clean, corrupted = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (logits, logits + change))
    weighted = draw(st.booleans())
    size = draw(st.sampled_from((1e-4, 1.0, 40.0))) if weighted else 1.0
    roles = {1: ["IO"], 2: ["S1"], 3: ["S2"], 4: ["END"]} if draw(st.booleans()) else {4: ["END"]}
    labels = {run: list("abcde") for run in ("clean", "corrupted")}
    return PromptPatterns((0, 1), size * clean, size * corrupted, weighted, labels, roles, 1)


@given(patterns())
def test_what_is_said_to_change_most_does(made) -> None:
    change, least = np.abs(made.values("difference")), 0.01 * made.limit("clean")
    text = overview_story(made, "difference")
    assert ("changes to speak of" in text) == (change.max() < least)
    if found := re.search(r"Over all positions, head (\d)\.(\d) changes most", text):
        assert change[int(found[1]), int(found[2])].max() == change.max()


@given(patterns())
def test_whose_attention_from_end_changes_is_whose_does(made) -> None:
    text, least = end_story(made), 0.01 * made.limit("clean")
    for role, position in made.names.items():
        change = np.abs(made.clean - made.corrupted)[:, :, 4, position]
        found = re.search(rf"to {re.escape(role)} \(\w\) head (\d)\.(\d)", text)
        assert bool(found) == (change.max() >= least)
        if found:
            assert change[int(found[1]), int(found[2])] == change.max()
    assert text.count("No head's") <= 1


@given(patterns())
def test_where_a_head_looks_is_where_it_looks_most(made) -> None:
    text, pattern = head_story(made, Head(1, 2)), made.of(Head(1, 2), "clean")
    looked = re.search(r"looks most at \w \(position (\d)", text)
    assert looked
    assert pattern[4, int(looked[1])] == pattern[4].max()
    change = np.abs(made.of(Head(1, 2), "difference"))
    assert ("Nowhere does it change" in text) == (change.max() < 0.01 * made.limit("clean"))


@given(patterns(), st.sampled_from(("clean", "corrupted")))
def test_the_heads_that_look_most_at_a_role_do(made, run) -> None:
    text, from_end, change = overview_story(made, run), made.values(run)[:, :, 4], np.abs(made.values("difference"))
    of_names = [change[:, :, 4, position].max() for position in made.names.values()]
    alike = bool(of_names) and change.any() and max(of_names) < 0.01 * made.limit("clean")
    assert ("does not show it" in text) == alike
    if "does not show it" in text:
        return
    for role, position in made.names.items():
        found = re.search(rf"at {re.escape(role)}, “\w”: heads (\d)\.(\d) \((?:≈ )?([\d.]+)\)", text)
        assert found
        assert from_end[int(found[1]), int(found[2]), position] == from_end[:, :, position].max()
        assert float(found[3]) == pytest.approx(
            from_end[:, :, position].max(), rel=0.006, abs=1e-3 * min(1, made.limit("clean"))
        )
    if not made.names:
        assert f": {size(from_end[:, :, 1:].max(), nothing=1e-3 * min(1, made.limit('clean')))}." in text
