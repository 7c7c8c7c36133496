"""One sentence of each task at a time: the prompt, its twin of as many tokens, and the right and the wrong answers.

Words are those of `data/task_words.json` that are one token after a space in the model's vocabulary.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ioi_core.errors import PromptError
from ioi_core.model.weights import Model
from ioi_core.prompts.names import read_data

WORDS: dict[str, Any] = read_data("task_words.json")

_YEARS = [f"{year:02}" for year in range(100)]
_CENTURIES = [str(century) for century in range(11, 20)]
_ARGUMENTS = 4  # in a function's head, after self; the docstring explains the first two and stops at the third


@dataclass(frozen=True)
class Sentence:
    """A prompt that stops before the answer.

    Attributes:
        right, wrong: answers as the model writes them, with their leading space if they have one.
        template: which of the task's sentences it is.
    """

    clean: str
    corrupted: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    template: int


Draw = Callable[[random.Random], Sentence]


class Vocabulary:
    """What is one token in a model's vocabulary."""

    def __init__(self, model: Model) -> None:
        self._name = model.name
        self._encode = cache(lambda text: tuple(model.encode(text)))

    def tokens(self, texts: Iterable[str]) -> tuple[int, ...]:
        """Return the token of each text that is one; a text that comes again is not read again."""
        return tuple(self._encode(text)[0] for text in texts)

    def one_token(self, *texts: str) -> bool:
        """Return whether each of the texts is one token."""
        return all(len(self._encode(text)) == 1 for text in texts)

    def words(self, words: Iterable[str], least: int) -> list[str]:
        """Return the words that are one token after a space.

        Raises:
            PromptError: fewer than `least` are.
        """
        return self.enough([word for word in words if self.one_token(f" {word}")], least)

    def enough(self, usable: list[Any], least: int) -> list[Any]:
        """Return what is usable if there are `least` of it, else raise a PromptError."""
        if len(usable) < least:
            raise PromptError(
                f"{self._name} reads only {len(usable)} of this task's words as one token, {least} needed"
            )
        return usable

    def is_cut(self, text: str, *pieces: str) -> bool:
        """Return whether a text is read as just these tokens."""
        return self.one_token(*pieces) and self._encode(text) == self.tokens(pieces)


def _pick(draws: random.Random, sentences: Sequence[str]) -> tuple[str, int]:
    template = draws.randrange(len(sentences))
    return sentences[template], template


def greater_than(vocabulary: Vocabulary) -> Draw:
    """A span of years whose end is open: every later year of the century is right, every other one wrong."""
    words = WORDS["greater_than"]
    events = vocabulary.words(words["events"], 2)
    ends = vocabulary.enough([year for year in _YEARS if vocabulary.one_token(year)], 100)
    starts = [
        (century, year)
        for century in _CENTURIES
        if vocabulary.is_cut(f" {century}01", f" {century}", "01")
        for year in _YEARS[2:99]  # at least one year is right, at least one wrong, and the twin's 01 is another
        if vocabulary.is_cut(f" {century}{year}", f" {century}", year)
    ]
    vocabulary.enough(starts, 2)

    def draw(draws: random.Random) -> Sentence:
        (text, template), event, (century, year) = (
            _pick(draws, words["sentences"]),
            draws.choice(events),
            draws.choice(starts),
        )
        clean, twin = (text.format(event=event, start=century + of, century=century) for of in (year, "01"))
        # The first of each set stands for it where a single token is shown: the years next to the first one.
        right = tuple(end for end in ends if end > year)
        return Sentence(clean, twin, right, tuple(end for end in reversed(ends) if end <= year), template)

    return draw


def pronoun(vocabulary: Vocabulary) -> Draw:
    """A first name, then a question tag: " he" or " she"; the twin has a name of the other gender."""
    words = WORDS["pronoun"]
    names = {gender: vocabulary.words(words[gender], 1) for gender in ("he", "she")}

    def draw(draws: random.Random) -> Sentence:
        text, template = _pick(draws, words["sentences"])
        right, wrong = draws.sample(("he", "she"), 2)
        clean, twin = (text.format(name=draws.choice(names[gender])) for gender in (right, wrong))
        return Sentence(clean, twin, (f" {right}",), (f" {wrong}",), template)

    return draw


def agreement(vocabulary: Vocabulary) -> Draw:
    """A noun, then another one in between: the verb agrees with the first, whose number the twin changes."""
    words = WORDS["agreement"]
    nouns = [forms for forms in words["nouns"] if vocabulary.one_token(*(f" {form}" for form in forms))]
    vocabulary.enough(nouns, 2)
    verbs = tuple(words["singular"]), tuple(words["plural"])

    def draw(draws: random.Random) -> Sentence:
        text, template = _pick(draws, words["sentences"])
        noun, other = draws.sample(nouns, 2)
        number, in_between = draws.randrange(2), draws.choice(other)
        clean, twin = (text.format(noun=noun[which], other=in_between) for which in (number, 1 - number))
        return Sentence(clean, twin, verbs[number], verbs[1 - number], template)

    return draw


def capital(vocabulary: Vocabulary) -> Draw:
    """The capital of a country, against that of the twin's country."""
    words = WORDS["capital"]
    capitals = [pair for pair in words["capitals"].items() if vocabulary.one_token(*(f" {name}" for name in pair))]
    vocabulary.enough(capitals, 2)

    def draw(draws: random.Random) -> Sentence:
        text, template = _pick(draws, words["sentences"])
        (country, right), (other, wrong) = draws.sample(capitals, 2)
        clean, twin = (text.format(country=name) for name in (country, other))
        return Sentence(clean, twin, (f" {right}",), (f" {wrong}",), template)

    return draw


def docstring(vocabulary: Vocabulary) -> Draw:
    """A Python function whose docstring explains its arguments in order: the next one is right, the others wrong.

    The twin's function has other arguments, so that its head no longer tells which comes next.
    """
    words = WORDS["docstring"]
    functions = vocabulary.words(words["functions"], 1)
    arguments, nouns = vocabulary.words(words["arguments"], 2 * _ARGUMENTS), vocabulary.words(words["words"], 6)

    def draw(draws: random.Random) -> Sentence:
        function, chosen = draws.choice(functions), draws.sample(arguments, 2 * _ARGUMENTS)
        own, others = chosen[:_ARGUMENTS], chosen[_ARGUMENTS:]
        title, *explained = (" ".join(draws.sample(nouns, 2)) for _ in range(3))
        lines = [f":param {name}: {text}" for name, text in zip(own, explained, strict=False)]
        body = "\n    ".join([*lines, ":param"])
        clean, twin = (
            f'def {function}(self, {", ".join(names)}):\n    """{title}\n\n    {body}' for names in (own, others)
        )
        wrong = tuple(f" {name}" for name in (own[3], own[0], own[1]))
        return Sentence(clean, twin, (f" {own[2]}",), wrong, 0)

    return draw
