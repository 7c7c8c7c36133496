"""The people a text names, each by all the words of the name: "Mary", "Mr. Smith", "Mary Jones", "Charles de Gaulle".

Capitalised words side by side are one name, unless they are first names of which one is repeated. A word that begins
its sentence or quotation is none if GPT-2's vocabulary has it in lower case ("When", "Yesterday", "Friends"). A name is
known to be a person's if one of its words is a first name that the app knows, or a title. A capitalised word alone may
be a place or a language: it counts as a person where it first stands in a list with another name ("Obama and Clinton").
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import dropwhile, pairwise

from ioi_core.model.weights import Model
from ioi_core.prompts.names import KNOWN_NAMES
from ioi_core.prompts.text import TypedText, Word


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TITLES = _words(
    "Mr Mrs Ms Miss Mx Dr Prof Professor Doctor Sir Madam Lady Lord Dame Saint St President King Queen "
    "Princess Captain Capt Colonel Col General Gen Major Maj Lieutenant Lt Sergeant Sgt Judge Justice "
    "Senator Sen Governor Gov Reverend Rev Father Mother Brother Sister Uncle Aunt Fr Hon Jr Sr Mme Mlle"
)
_DATES = _words(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July "
    "August September October November December"
)
_OPENERS = _words("After Afterwards Although And As Because Before But If Later Since So Then Though Until When While")
_PARTICLES = _words("van von de der den del della di da dos du la le bin ibn al el ten ter zu of the")
_PLACE_FOLLOWS = _words("in at near In At Near")
_LISTS = _words("and or nor plus und oder et ou y e o")

_ENDS_SENTENCE = frozenset(".!?…。！？\n\r\u2028\u2029")
_ENDS_LIST = _ENDS_SENTENCE | {":"}
_TRANSPARENT = frozenset("\"'`“”„‘’‚«»‹›()[]{}")  # quotes and brackets: they neither end a sentence nor begin one
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Name:
    """One occurrence of a name.

    Attributes:
        words: its words, in order.
        first, last: indices of the first and the last of them in the text's words.
        inside: true unless it is the word that opens a sentence, where any word is capitalised.
    """

    words: tuple[Word, ...]
    first: int
    last: int
    inside: bool

    @property
    def text(self) -> str:
        """The name as it stands in the text."""
        first, *others = self.words
        return first.name + "".join(word.before + word.name for word in others)

    @property
    def sure(self) -> bool:
        """Return whether it is a person's by one of its words."""
        return any(_is_persons(word) for word in self.words)

    @property
    def without_titles(self) -> tuple[Word, ...]:
        """The words after the titles in front, of which the last may be a surname: "Mr. King"."""
        return tuple(dropwhile(_is_title, self.words)) or self.words[1:][-1:]


def names_in(model: Model, typed: TypedText) -> list[Name]:
    """Return every occurrence of a name, in order; a title alone is none, nor is a day or a month."""
    runs: list[list[int]] = []
    words, opening = typed.words, _opening(typed.words)
    for index in range(len(words)):
        run = runs[-1] if runs else []
        between = words[run[-1] + 1 : index] if run else ()
        joins = bool(run) and all(particle.name in _PARTICLES for particle in between)
        joins = joins and all(_touch(a, b) for a, b in pairwise(words[run[-1] : index + 1]))
        if not _is_part(model, words, index, opens=opening[index], joins=joins):
            continue
        if joins:
            run.extend(range(run[-1] + 1, index + 1))
        else:
            runs.append([index])
    names = [
        Name(tuple(words[k] for k in part), part[0], part[-1], len(part) > 1 or not opening[part[0]])
        for run in runs
        for part in _without_repeats(words, run)
    ]
    return [name for name in names if name.without_titles]


def people_in(typed: TypedText, names: Sequence[Name]) -> set[str]:
    """Return the names that are people's: known ones, those that first stand in a list with another name, or "and I".

    A name in brackets behind another tells of that one: "John (Paris) and Mary (London)".
    """
    first, behind = first_occurrences(names), {name.last + 1 for name in names}
    persons = {name.text for name in first if name.sure or is_joined_to_i(typed, name)}
    for one, other in pairwise(name for name in first if name.words[0].before != " (" or name.first not in behind):
        if are_joined(typed, one, other) or _are_listed(typed, one, other):
            persons |= {one.text, other.text}
    return persons


def are_joined(typed: TypedText, one: Name, other: Name) -> bool:
    """Return whether the text says "`one` and `other`", in this order."""
    link = typed.words[one.last + 1 : other.first + 1]
    return [word.name for word in link[:-1]] == ["and"] and [word.before for word in link] in ([" ", " "], [", ", " "])


def _are_listed(typed: TypedText, one: Name, other: Name) -> bool:
    """Return whether only signs, numbers and "and", "or" stand between two names: commas, quotes, mark-up."""
    *between, last = typed.words[one.last + 1 : other.first + 1]
    signs = "".join(word.before for word in (*between, last))
    place = one.first > 0 and typed.words[one.first - 1].name in _PLACE_FOLLOWS
    listed = all(word.name in _LISTS or not _LETTERS.search(word.name) for word in between)
    return listed and not place and not _ENDS_LIST & set(signs)


def is_joined_to_i(typed: TypedText, name: Name) -> bool:
    """Return whether the text says "`name` and I"."""
    return [word.name for word in typed.words[name.last + 1 : name.last + 3]] == ["and", "I"]


def first_occurrences(names: Iterable[Name]) -> list[Name]:
    """Return the first occurrence of each name, in order."""
    first: dict[str, Name] = {}
    for name in names:
        first.setdefault(name.text, name)
    return list(first.values())


def is_known(word: str) -> bool:
    """Return whether a word, in its own letters or in capitals, is a first name that the app knows."""
    return word in KNOWN_NAMES or word.capitalize() in KNOWN_NAMES


def _is_part(model: Model, words: Sequence[Word], index: int, *, opens: bool, joins: bool) -> bool:
    """Return whether a word is a name or a part of one; `joins`: it stands side by side with one."""
    word = words[index]
    if word.name in _DATES:
        return False
    if _is_persons(word):
        return True
    initial = _is_initial(word) and index + 1 < len(words) and words[index + 1].before.startswith(".")
    if word.name == "I":  # a pronoun, but not in "I. Newton" or "Henry I"
        return joins or initial
    begins = opens or (_after_abbreviation(words[index - 1], word) if index else word.before).strip() not in ("", ",")
    ordinary = word.name in _OPENERS or (begins and len(model.encode(f" {word.name.lower()}")) == 1)
    capital = any(part[0].isupper() or part[0].istitle() for part in _LETTERS.findall(word.name))  # as in "<b>Obama"
    return capital and (initial or not ordinary)


def _without_repeats(words: Sequence[Word], run: list[int]) -> list[list[int]]:
    """Return a run of words as one name; or each by itself if they are first names and one is repeated."""
    names = [words[k].name for k in run]
    repeats = all(map(is_known, names)) and len(set(names)) < len(names)
    return [[k] for k in run] if repeats else [run]


def _is_persons(word: Word) -> bool:
    """Return whether a word shows that a person is meant: a first name, also as a part ("Anne-Laure"), or a title."""
    return any(is_known(part) and part[0].isupper() for part in _LETTERS.findall(word.name)) or _is_title(word)


def _is_title(word: Word) -> bool:
    return word.name in _TITLES or (word.name.isupper() and word.name.capitalize() in _TITLES)


def _is_initial(word: Word) -> bool:
    """Return whether it is a capital letter, or several with dots between ("J.R.R")."""
    return all(len(letter) == 1 and letter.isupper() for letter in word.name.split("."))


def _touch(one: Word, other: Word) -> bool:
    """Return whether only a space stands between two words, or the dot and the space of an abbreviation."""
    between = _after_abbreviation(one, other)
    return between.isspace() and "\n" not in between


def _opening(words: Sequence[Word]) -> list[bool]:
    """Return for each word whether only spaces, quotes and brackets precede it in its sentence."""
    opening = []
    for index, word in enumerate(words):
        opens = index == 0
        for character in _after_abbreviation(words[index - 1], word) if index else word.before:
            if character in _ENDS_SENTENCE:
                opens = True
            elif not character.isspace() and character not in _TRANSPARENT:
                opens = False
        opening.append(opens)
    return opening


def _after_abbreviation(one: Word, other: Word) -> str:
    """Return what stands between two words, less the dot of a title or an initial, which ends no sentence."""
    return other.before.removeprefix(".") if _is_title(one) or _is_initial(one) else other.before
