"""Training and held-out IOI sentences as token ids, each with its roles and answer.

A template's text between the slots is encoded piece by piece (a slot's word is one token with its leading
space, so the pieces are what the whole sentence would give). Five in six training sentences repeat one of two
names and are answered by the other; the rest name one person, or three distinct ones (then the answer is
either of the first two, by chance, so that nothing is to be preferred). Some are preceded by a clause that
names the two already, by a bystander, or by words outside the model's list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from ioi_core.demo.training import sentence_forms
from ioi_core.demo.training.sentence_forms import FORMS
from ioi_core.demo.training.token_classes import DemoVocabulary, demo_vocabulary, tokenizer
from ioi_core.model.weights import END_OF_TEXT
from ioi_core.prompts.templates import mirrored

MAX_LENGTH = 200
HELD_OUT_SHARE = 16
VOWELS = "aeiou"


@dataclass(frozen=True)
class Sentence:
    """A prompt up to END and its answer.

    Attributes:
        tokens: ids, the answer not included; END is the last.
        answer: id of the indirect object with its leading space.
        subject: id of the repeated name with its leading space; None where no name repeats.
        io: every position at which IO is named; in a three-name sentence those of both possible answers.
        s1: every position before S2 at which S is named.
        s2: position of the last name; None in a one-name sentence.
    """

    tokens: tuple[int, ...]
    answer: int
    subject: int | None
    io: tuple[int, ...]
    s1: tuple[int, ...]
    s2: int | None


@dataclass(frozen=True)
class Names:
    """Ids of the three people of a sentence, with their leading space."""

    a: int
    b: int
    c: int


def is_held_out_pair(first: int, second: int) -> bool:
    """Return whether two names never meet in a training sentence, in either order: one pair in sixteen."""
    return (first * second + first + second) % HELD_OUT_SHARE == 5


@cache
def _encode(piece: str) -> tuple[int, ...]:
    return tuple(tokenizer().encode(piece).ids)


def build(template: str, names: Names, rng: Random, *, bos: bool, before: Sequence[int] = ()) -> Sentence:
    """Return `template` filled, after the tokens `before`: S is [B], or nobody if [B] is named once."""
    slots: dict[str, int] = {"[A]": names.a, "[B]": names.b, "[C]": names.c}
    tokens: list[int] = [END_OF_TEXT] * bos + list(before)
    at: dict[str, list[int]] = {slot: [] for slot in slots}
    opening = demo_vocabulary().opening_form
    things = {"[PLACE]": rng.choice(sentence_forms.PLACES), "[OBJECT]": rng.choice(sentence_forms.OBJECTS)}
    for part in filter(None, sentence_forms.SLOT.split(template)):
        if part in slots:
            at[part].append(len(tokens))
            starts_text = len(tokens) == bos
            tokens.append(opening[slots[part]] if starts_text else slots[part])
        elif part in things or part == "[OTHER]":
            _append_thing(tokens, things.get(part), rng)
        elif part.strip():
            tokens.extend(_encode(part.rstrip()))
    return _with_roles(tokens, at, names)


def _append_thing(tokens: list[int], thing: str | None, rng: Random) -> None:
    """Append a place or object, correcting its article; sometimes, and always for None, a word outside the list."""
    if thing is None or rng.random() < 0.1:
        tokens.append(rng.choice(unknown_words()))
        return
    if thing[0] in VOWELS and tokens[-1:] == list(_encode(" a")):
        tokens[-1:] = _encode(" an")
    tokens.extend(_encode(f" {thing}"))


@cache
def unknown_words() -> tuple[int, ...]:
    """Return lower-case words, with their leading space, that are outside the model's word list."""
    words = tokenizer().get_vocab()
    others = set(demo_vocabulary().others)
    return tuple(sorted(i for text, i in words.items() if i in others and text[0] == "Ġ" and text[1:].islower()))


def _with_roles(tokens: list[int], at: dict[str, list[int]], names: Names) -> Sentence:
    repeated = len(at["[B]"]) > 1
    three = not repeated and bool(at["[B]"])
    return Sentence(
        tokens=tuple(tokens),
        answer=names.a,
        subject=names.b if repeated else None,
        io=(*at["[A]"], *(at["[B]"] if three else ())),
        s1=tuple(at["[B]"][:-1]) if repeated else (),
        s2=at["[B]"][-1] if repeated else at["[C]"][-1] if three else None,
    )


def three_distinct(template: str) -> str:
    """Return the ABC form of a template: its last [B], the giver, becomes the third person."""
    head, _, tail = template.rpartition("[B]")
    return f"{head}[C]{tail}"


class Corpus:
    """An endless, seeded stream of training sentences over a pool of names."""

    def __init__(self, rng: Random, pool: Sequence[int]) -> None:
        self.rng = rng
        self.pool = pool
        self.vocabulary: DemoVocabulary = demo_vocabulary()

    def sentence(self, *, long: bool = False) -> Sentence:
        """Return one training sentence; a `long` one follows 30 to 150 unknown words."""
        rng = self.rng
        template = self._template()
        names = self._names(opens=template.startswith("["))
        before = self._earlier_words(30, 150) if long else ()
        if not long and rng.random() < 0.15:
            before = self._earlier_words(1, 12)
        return build(template, names, rng, bos=rng.random() < 0.4, before=before)

    def _template(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.06:
            return rng.choice(FORMS["one_name"])
        if kind < 0.25:
            template = rng.choice(FORMS["arena"])
        elif kind < 0.55:
            template = rng.choice(sentence_forms.paper_templates())
        else:
            template = sentence_forms.free_template(rng)
        if rng.random() < 0.5:
            template = mirrored(template)
        before = rng.random()
        if rng.random() < 0.1:
            return three_distinct(template)
        if before < 0.12:
            return rng.choice(FORMS["before"]) + template
        return rng.choice(FORMS["bystanders"]) + template if before < 0.2 else template

    def _names(self, *, opens: bool) -> Names:
        """Return three names of which no two are a held-out pair; each can open a text if `opens`."""
        rng, opening = self.rng, self.vocabulary.opening_form
        while True:
            a, b, c = rng.sample(self.pool, 3)
            if opens and not (a in opening and b in opening and c in opening):
                continue
            if not (is_held_out_pair(a, b) or is_held_out_pair(a, c) or is_held_out_pair(b, c)):
                return Names(a, b, c)

    def _earlier_words(self, least: int, most: int) -> tuple[int, ...]:
        """Return unknown tokens, most of them lower-case words, closed by a full stop or comma."""
        rng = self.rng
        source = unknown_words() if rng.random() < 0.7 else self.vocabulary.others
        words = [rng.choice(source) for _ in range(rng.randint(least, most))]
        return (*words, *_encode(rng.choice((".", ","))))
