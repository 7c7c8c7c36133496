"""The glossary: the terms of the field, explained in short."""

import re

import pytest

from app.lessons.files.library import library
from app.shell.way import WAY
from app.words.glossary import GLOSSARY, in_words

NEEDED = (
    "logit", "logit_diff", "head", "layer", "residual stream", "MLP", "LayerNorm", "BOS", "corruption", "query", "key",
    "value",
)  # fmt: skip
MOST = 75
"""Words of an entry: one that needs more is two."""


@pytest.mark.parametrize("term", sorted({*NEEDED, *(word for step in WAY for word in step.words)}))
def test_every_word_that_a_page_names_is_explained(term: str):
    assert term in GLOSSARY


def test_entries_are_short_and_in_order():
    assert list(GLOSSARY) == sorted(GLOSSARY, key=str.casefold)
    assert all(5 <= len(meaning.split()) <= MOST for meaning in GLOSSARY.values())
    assert "\n" not in "".join(GLOSSARY.values())
    assert in_words(["MLP", "BOS"]).splitlines()[1].startswith("- **BOS**: ")


def test_the_words_of_the_first_lesson_are_explained_without_harder_ones():
    """By none of the glossary's other words, and by none that only those who have read a paper know."""
    first = next(lesson for lesson in library(None).lessons if lesson.id == "first")
    used = {term for step in first.steps for term in (*step.terms, *step.terms_after)}
    easy = {part for term in used for part in term.split(", ")} | {"value", "key", "END"}
    hard = {part for term in GLOSSARY for part in term.split(", ") if part not in easy}
    hard |= {"END", "query", "vector", "activation", "embedding", "template", "stream", "distribution", "knock"}
    for term in used:
        found = [word for word in hard if re.search(rf"\b{re.escape(word)}s?\b", GLOSSARY[term])]
        assert found == [], f"{term}: {GLOSSARY[term]}"
