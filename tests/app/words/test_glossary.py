"""The glossary: the terms of the field, explained in short."""

import pytest

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
