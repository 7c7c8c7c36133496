"""IOI sentences as text with slots: those of Wang et al.'s generator, of the eight prompts, and free variations.

Slots: [A] the indirect object, [B] the subject, [C] a third name, [PLACE], [OBJECT], [OTHER] any word outside
the model's word list. Every template stops before the answer. BABA templates name the subject first;
`prompts.templates.mirrored` gives ABBA.
"""

import re
from functools import cache
from itertools import chain
from random import Random

from ioi_core.prompts.names import IOI_LISTS, read_data

SLOT = re.compile(r"(\[[A-Z]+\])")

_DATA = read_data("demo_sentences.json")
HELD_OUT_TEMPLATES: tuple[str, ...] = tuple(_DATA["held_out_templates"])
"""Templates of the generator's list that no training sentence follows, in either order."""

FORMS: dict[str, tuple[str, ...]] = {name: tuple(texts) for name, texts in _DATA["trained"].items()}
"""Name -> texts: whole templates ("arena", "one_name"), clauses before them ("before", "bystanders"), and parts."""

OTHER_ANSWERS: dict[str, float] = _DATA["other_answers"]
"""Words that may follow END in place of a name -> how often, relative to each other."""

PLACES = (*IOI_LISTS["PLACES"], *_DATA["places"])
OBJECTS = (*IOI_LISTS["OBJECTS"], *_DATA["objects"])
"""Words for [PLACE] and [OBJECT], each one token with its leading space."""


@cache
def paper_templates() -> tuple[str, ...]:
    """Return the generator's BABA templates, long ones too, but none with the event of a held-out one."""
    listed = [text.removesuffix(" [A]") for key in ("BABA_TEMPLATES", "BABA_LONG_TEMPLATES") for text in IOI_LISTS[key]]
    return tuple(text for text in listed if not any(event in text for event in _DATA["held_out_events"]))


def literal_texts() -> list[str]:
    """Return every text whose tokens are words to the model: all templates and variations, places and objects."""
    texts = [*paper_templates(), *chain(*FORMS.values()), "to", "an", "an apple", *OTHER_ANSWERS, *PLACES, *OBJECTS]
    pieces = [piece for text in texts for piece in literal_pieces(text)]
    opening = [piece for piece in pieces if not piece[0].islower()]
    return opening + [f" {piece}" for piece in pieces if piece[0].isalpha()]


def literal_pieces(text: str) -> list[str]:
    """Return the text between the slots, without spaces at the right end, since a slot's word brings its own."""
    return [piece for piece in (part.rstrip() for part in SLOT.split(text)) if piece and not SLOT.fullmatch(piece)]


def free_template(rng: Random) -> str:
    """Return a varied BABA sentence: how two people are together, then the subject giving or saying something."""

    def drawn(name: str) -> str:
        return rng.choice(FORMS[name])

    event = drawn("apart") if rng.random() < 0.1 else f"{drawn('pairs')} {drawn('together')}"
    joined = rng.random() < 0.35
    openers = FORMS["openers"]
    start = drawn("joiners") if joined else rng.choice((*openers, *("",) * len(openers)))
    link = ", " if joined else drawn("links")
    kind = rng.random()
    if kind < 0.15:
        gives = drawn("says")
    elif kind < 0.4:
        gives = f"{drawn('intends')} {drawn('give_stems')} {drawn('things')}"
    else:
        gives = f"{drawn('gives')} {drawn('things')}"
    return f"{start} {event}{link}[B] {gives} to".strip().replace(",, ", ", ")
