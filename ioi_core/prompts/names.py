"""The first names the app knows, and the bundled lists they come from.

`IOI_LISTS` are the names, places, objects and templates of Wang et al. 2022, from Redwood Research's Easy-Transformer
(MIT licence). `NAMES` adds other common first names, for typed prompts. Words that open English sentences (Will, Don,
Hope), months and places (April, Georgia) are left out: they would make prompts ambiguous, and two capitalised words
in "Obama and Clinton" are recognised without a list.
"""

import json
import random
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ioi_core.model.weights import Model

_DATA = Path(__file__).parents[1] / "data"


def data_text(file_name: str) -> str:
    """Return one of the text files that are part of this package ("first_names.txt", "model_card.md")."""
    return (_DATA / file_name).read_text(encoding="utf-8")


def read_data(file_name: str) -> dict[str, Any]:
    """Return one of the JSON files that are part of this package ("ioi_lists.json", "arena25.json")."""
    data: dict[str, Any] = json.loads(data_text(file_name))
    return data


IOI_LISTS: dict[str, tuple[str, ...]] = {
    name: tuple(values) for name, values in read_data("ioi_lists.json")["redwood"].items()
}
"""Names, places, objects and templates of Wang et al.'s code, under the source's own names."""

NAMES: tuple[str, ...] = tuple(dict.fromkeys((*IOI_LISTS["NAMES"], *data_text("first_names.txt").split())))
"""Every first name the app knows; each is one GPT-2 token when it follows a space."""

KNOWN_NAMES = frozenset(NAMES)


def new_names(model: Model, seed: str, taken: Collection[str], *, unspaced: bool) -> Iterator[str]:
    """Yield names of `NAMES` in an order drawn by `seed`, none of them in `taken` (compared without case).

    Each is one token after a space and, where `unspaced`, also without it.
    """
    used = {word.casefold() for word in taken}
    for name in random.Random(seed).sample(NAMES, len(NAMES)):
        forms = (f" {name}", name) if unspaced else (f" {name}",)
        if name.casefold() not in used and all(len(model.encode(form)) == 1 for form in forms):
            yield name
