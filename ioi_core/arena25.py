"""The 25 prompts whose path patching figures ARENA 1.4.1 publishes, rebuilt from their templates and names."""

from dataclasses import replace
from typing import Any

import numpy as np

from ioi_core.model import Model
from ioi_core.names import read_data
from ioi_core.pairs import PromptPairs
from ioi_core.prompts import prompt_pairs
from ioi_core.templates import N_BABA, TEMPLATES, Template


def arena25_pairs(model: Model, *, prepend_bos: bool = False) -> PromptPairs:
    """The 25 mixed prompts and their ABC twins; ARENA runs them without BOS.

    `templates` are numbers in `TEMPLATES`. One of the ABC prompts names Lisa twice, as published.
    """
    rows = read_data("arena25.json")["rows"]
    templates = [TEMPLATES[row["template"] + N_BABA * (row["type"] == "ABBA")] for row in rows]
    clean, corrupted = zip(*map(_texts, rows, templates), strict=True)
    io, s = ([row[role] for row in rows] for role in ("IO", "S"))
    pairs = prompt_pairs(model, clean, corrupted, io, s, prepend_bos=prepend_bos)
    return replace(pairs, templates=np.array([template.number for template in templates], dtype=np.int64))


def _texts(row: dict[str, Any], template: Template) -> tuple[str, str]:
    """The clean and the ABC prompt of one row, without the answer."""
    words = {"A": row["IO"], "B": row["S"], **row}
    abc = iter(row["abc"])
    clean = [words[slot] for slot in template.slots]
    corrupted = [next(abc) if slot in ("A", "B") else words[slot] for slot in template.slots]
    return "".join(template.fill(clean)), "".join(template.fill(corrupted))
