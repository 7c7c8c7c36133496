"""IOI sentences as text with slots: those of Wang et al.'s generator, those of the eight prompts, and free
variations.

Slots: [A] the indirect object, [B] the subject, [C] a third name, [PLACE], [OBJECT], [OTHER] any word outside
the model's word list. Every template stops before the answer. BABA templates name the subject first;
`prompts.templates.mirrored` gives ABBA.
"""

import re
from functools import cache
from random import Random

from ioi_core.prompts.names import IOI_LISTS


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


SLOT = re.compile(r"(\[[A-Z]+\])")

HELD_OUT_TEMPLATES = (
    "While [B] and [A] were commuting to the [PLACE], [B] gave a [OBJECT] to",
    "Friends [B] and [A] found a [OBJECT] at the [PLACE]. [B] gave it to",
)
"""Templates of the generator's list that no training sentence follows, in either order."""
HELD_OUT_EVENTS = ("were commuting to", "found a [OBJECT] at")

ARENA_FORMS = (
    "When [B] and [A] went to the [PLACE], [B] gave the [OBJECT] to",
    "When [B] and [A] went to the [PLACE], [B] gave a [OBJECT] to",
    "After [B] and [A] went to the [PLACE], [B] gave the [OBJECT] to",
)

PLACES = _words(
    "shops shop park beach market library museum church kitchen cinema theatre zoo cafe bar gym pool farm airport bank "
    "lake river forest mall bakery factory stadium hotel castle village city town hall room party meeting concert "
    "conference wedding game playground"
)
OBJECTS = _words(
    "bag ball apple book letter gift pen key phone map flower cake cup coin ticket hat coat box bottle camera guitar "
    "knife toy orange egg umbrella ice envelope present message sandwich coffee tea photo chair lamp watch picture note"
)
JOINERS = ("When", "After", "While", "As", "Once", "Before", "Because", "Since", "Although", "If")
OPENERS = _phrases(
    "Then,|Afterwards,|Later,|Yesterday,|Today,|One day,|Last night,|In the morning,|In the evening,|After the lunch,|"
    "On the way home,|Soon,|Finally,|That day|Then|Last week|Friends|The other day,|Two friends met. Then|At night,|"
    "Earlier,|Two days ago,"
)
PAIRS = ("[B] and [A]",) * 8 + ("[B], together with [A],", "both [B] and [A]")
TOGETHER = _phrases(
    "went to the [PLACE]|arrived at the [PLACE]|walked to the [PLACE]|met at the [PLACE]|worked at the [PLACE]|"
    "were working at the [PLACE]|were sitting in the [PLACE]|had lunch at the [PLACE]|came to the [PLACE]|"
    "drove to the [PLACE]|got to the [PLACE]|were at the [PLACE]|visited the [PLACE]|left the [PLACE]|"
    "talked about the [PLACE]|played in the [PLACE]|were in the [PLACE]|had dinner|were talking|had a meeting|"
    "got a [OBJECT]|found a [OBJECT] in the [PLACE]|bought a [OBJECT]|had a long argument|were walking home|"
    "went home from the [PLACE]|ran to the [OTHER]|went to a [OTHER] [PLACE]|saw the [OTHER] [OTHER]|[OTHER] [OTHER]"
)
APART = ("[B] saw [A] at the [PLACE]", "[B] went to the [PLACE] with [A]", "[B] met [A] in the [PLACE]")
LINKS = (", ",) * 4 + (". ", ". ", ", and ", ", so ", ". Then ", ". Afterwards ", ". Later, ", " and then ", ". Then, ")
GIVES = ("gave", "handed", "passed", "offered", "sent", "brought", "threw", "sold", "lent", "showed", "gave", "gave")
INTENDS = ("decided to", "wanted to", "tried to", "was going to", "chose to", "had to", "offered to")
GIVE_STEMS = ("give", "hand", "pass", "send", "bring", "show", "sell", "give", "give")
THINGS = _phrases(
    "the [OBJECT]|a [OBJECT]|a [OBJECT]|it|some [OBJECT]|a big [OBJECT]|the [OTHER]|a [OTHER]|a [OTHER] [OBJECT]|"
    "the old [OBJECT]|his [OBJECT]|her [OBJECT]|a new [OBJECT]|the [OTHER] [OTHER]"
)
SAYS = (
    "said",
    "talked",
    "spoke",
    "waved",
    "wrote",
    "listened",
    "said hello",
    "sang a song",
    "explained it",
    "read a book",
)
BEFORE = ("[A] and [B] were friends. ", "[B] and [A] were friends. ", "[B] knew [A]. ", "[A] liked [B]. ")
BYSTANDERS = ("[C] stayed at home. ", "[C] was at the [PLACE]. ", "[C] was late. ", "[C] had a [OBJECT]. ")
ONE_NAME = (
    "When [A] went to the [PLACE], the [OTHER] gave a [OBJECT] to",
    "[A] was at the [PLACE]. The [OTHER] gave the [OBJECT] to",
    "After [A] came to the [PLACE], a friend gave a [OBJECT] to",
    "Then, [A] went to the [PLACE], and somebody gave a [OBJECT] to",
)


@cache
def paper_templates() -> tuple[str, ...]:
    """The generator's BABA templates, long ones included, less those that share their event with a held-out one."""
    listed = [text.removesuffix(" [A]") for key in ("BABA_TEMPLATES", "BABA_LONG_TEMPLATES") for text in IOI_LISTS[key]]
    return tuple(text for text in listed if not any(event in text for event in HELD_OUT_EVENTS))


@cache
def places() -> tuple[str, ...]:
    """Words for [PLACE], each one token with its leading space."""
    return (*IOI_LISTS["PLACES"], *PLACES)


@cache
def objects() -> tuple[str, ...]:
    """Words for [OBJECT], each one token with its leading space."""
    return (*IOI_LISTS["OBJECTS"], *OBJECTS)


def literal_texts() -> list[str]:
    """Every text whose tokens are words to the model: all templates and variations, places and objects."""
    groups = (paper_templates(), ARENA_FORMS, JOINERS, OPENERS, PAIRS, TOGETHER, APART, LINKS, GIVES, INTENDS)
    more = (GIVE_STEMS, THINGS, SAYS, BEFORE, BYSTANDERS, ONE_NAME, ("to", "an", "an apple"), places(), objects())
    texts = [text for group in groups + more for text in group]
    pieces = [piece for text in texts for piece in literal_pieces(text)]
    opening = [piece for piece in pieces if not piece[0].islower()]
    return opening + [f" {piece}" for piece in pieces if piece[0].isalpha()]


def literal_pieces(text: str) -> list[str]:
    """The text between the slots, without spaces at the right end, since a slot's word brings its own."""
    return [piece for piece in (part.rstrip() for part in SLOT.split(text)) if piece and not SLOT.fullmatch(piece)]


def free_template(rng: Random) -> str:
    """A varied BABA sentence: how two people are together, then the subject giving or saying something."""
    event = rng.choice(APART) if rng.random() < 0.1 else f"{rng.choice(PAIRS)} {rng.choice(TOGETHER)}"
    joined = rng.random() < 0.5
    start = rng.choice(JOINERS) if joined else rng.choice((*OPENERS, *("",) * len(OPENERS)))
    link = ", " if joined else rng.choice(LINKS)
    return f"{start} {event}{link}[B] {_gives(rng)} to".strip().replace(",, ", ", ")


def _gives(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(SAYS)
    if kind < 0.4:
        return f"{rng.choice(INTENDS)} {rng.choice(GIVE_STEMS)} {rng.choice(THINGS)}"
    return f"{rng.choice(GIVES)} {rng.choice(THINGS)}"
