"""The record of a figure: what it is drawn from, as a plain value from which all else is made. No Streamlit here.

A record holds requests and no numbers: whoever has it has the recipe, and its requests or a notebook give the numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.questions.ask import Request
from app.questions.shown import Numbers, Shown
from cache.analyses import ANALYSES
from cache.keys import request_key
from ioi_core import PromptPairs


@dataclass(frozen=True)
class Source:
    """What a page draws on, without the model itself: a session that sits idle must not hold one.

    Attributes:
        model, fingerprint, processing: the model's name, its weights, and how they were processed.
        loadable: `ioi_core.load_model` knows the name; else it is a folder of the host's.
        prompts: what made the prompts, of `ioi_core`, without the model; of `read_pairs`, `path` is the text itself.
        in_words: the prompts, with their seed, corruption and BOS.
        url: of the view.
        versions: name -> version.
    """

    model: str
    fingerprint: str
    processing: str
    loadable: bool
    prompts: Request[PromptPairs]
    pairs: PromptPairs
    in_words: str
    url: str
    versions: tuple[tuple[str, str], ...]


def in_a_file_name(text: str) -> str:
    """Return a text as names of files have it: letters, digits, - and _ alone."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in text)


@dataclass(frozen=True, eq=False)
class Record:
    """One figure, as a recipe.

    Attributes:
        name: of the figure, as addresses and files have it; title: in words.
        requests: what it is drawn from; shown: which numbers of them.
        words: the sentences on its numbers; about: its definition, Markdown.
    """

    name: str
    title: str
    source: Source
    requests: tuple[Request[Any], ...]
    shown: tuple[Shown, ...]
    words: str
    about: str

    @cached_property
    def digest(self) -> str:
        """Eight letters that tell this view of the figure from all others."""
        asked = [
            [request.analysis, ANALYSES[request.analysis].version, dict(request.parameters)]
            for request in self.requests
        ]
        shown = [[one.field, one.of, list(one.cells)] for one in self.shown]
        of_view = {"asked": asked, "shown": shown, "url": self.source.url, "words": self.words, "title": self.title}
        return request_key(self.name, 1, self.source.fingerprint, of_view)[:8]

    def file_name(self, ending: str, part: str = "") -> str:
        """Return a name that no other file has: model, figure, part and digest."""
        return f"{in_a_file_name(self.source.model)}_{self.name}{part and f'_{part}'}_{self.digest}.{ending}"

    @property
    def provenance(self) -> dict[str, str]:
        """Return what every file says of itself, each on a line."""
        source = self.source
        return {
            "Model": source.model,
            "Fingerprint of the weights": source.fingerprint,
            "Processing": source.processing,
            "Prompts": source.in_words,
            "Versions": ", ".join(f"{name} {version}" for name, version in source.versions),
            "Link": source.url,
        }

    def numbers(self, results: Sequence[Any]) -> list[Numbers]:
        """Return the figure's numbers from the results of its requests, in their order."""
        return [one.read(results) for one in self.shown]
