"""The prompts of ARENA 1.4.1: the 25 behind its path patching figures, rebuilt from templates, and the eight."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ioi_core.inputs import Flag
from ioi_core.model.weights import Model
from ioi_core.prompts.names import read_data
from ioi_core.prompts.pairs import PromptPairs
from ioi_core.prompts.templates import N_BABA, TEMPLATES, Template
from ioi_core.prompts.typed import prompt_pairs


def arena25_pairs(model: Model, *, prepend_bos: Flag = False) -> PromptPairs:
    """Return the 25 mixed prompts and their ABC twins; ARENA runs them without BOS.

    `templates` are numbers in `TEMPLATES`. One of the ABC prompts names Lisa twice, as published.
    """
    rows = read_data("arena25.json")["rows"]
    templates = [TEMPLATES[row["template"] + N_BABA * (row["type"] == "ABBA")] for row in rows]
    clean, corrupted = zip(*map(_texts, rows, templates), strict=True)
    io, s = ([row[role] for row in rows] for role in ("IO", "S"))
    pairs = prompt_pairs(model, clean, corrupted, io, s, prepend_bos=prepend_bos)
    return replace(pairs, templates=np.array([template.number for template in templates], dtype=np.int64))


def _texts(row: dict[str, Any], template: Template) -> tuple[str, str]:
    """Return the clean and the ABC prompt of one row, without the answer."""
    words = {"A": row["IO"], "B": row["S"], **row}
    abc = iter(row["abc"])
    clean = [words[slot] for slot in template.slots]
    corrupted = [next(abc) if slot in ("A", "B") else words[slot] for slot in template.slots]
    return "".join(template.fill(clean)), "".join(template.fill(corrupted))


_ARENA_SENTENCES = (
    ("When John and Mary went to the shops, {} gave the bag to", "Mary", "John"),
    ("When Tom and James went to the park, {} gave the ball to", "Tom", "James"),
    ("When Dan and Sid went to the shops, {} gave an apple to", "Dan", "Sid"),
    ("After Martin and Amy went to the park, {} gave a drink to", "Martin", "Amy"),
)


def arena_texts() -> Iterator[tuple[str, str, str, str]]:
    """Yield each of the eight prompts: clean and corrupted text, IO and S (the name repeated in the clean one)."""
    for sentence, *names in _ARENA_SENTENCES:
        for io, s in (names, reversed(names)):
            yield sentence.format(s), sentence.format(io), io, s


def arena_pairs(model: Model, *, prepend_bos: Flag = True) -> PromptPairs:
    """Return the eight prompts of TransformerLens's demo and ARENA: four sentences, each with either name repeated.

    The corrupted prompt of each is its neighbour, in which the other name is repeated: only S2 differs.
    """
    return prompt_pairs(model, *zip(*arena_texts(), strict=True), prepend_bos=prepend_bos)
