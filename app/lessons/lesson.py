"""A lesson as a plain value, as its file has it; no answer is in it, and nothing is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["choice", "number", "cell", "heads", "curve"]
KINDS: tuple[Kind, ...] = ("choice", "number", "cell", "heads", "curve")
LAST_LAYER = "last layer"
"""What the high end of a slider may be called, since models differ."""


@dataclass(frozen=True)
class Choice:
    """One of the answers to choose from.

    Attributes:
        of: the label of the number that it stands for (rule "largest choice"), or None.
        low, high: the numbers for which it is right, from `low` up to `high` (rule "range"); either may be open.
    """

    text: str
    of: str | None = None
    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True)
class Ask:
    """The question as its file has it, before a model is known.

    Attributes:
        words: the question itself; choices: of a choice.
        low, high, step, unit: of a slider; high may be `LAST_LAYER`. low, high: of a curve too.
        most: heads that may be chosen.
    """

    kind: Kind
    words: str
    choices: tuple[Choice, ...] = ()
    low: float = 0.0
    high: float | str = 0.0
    step: float = 1.0
    unit: str = ""
    most: int = 3


@dataclass(frozen=True)
class Measure:
    """What is computed: a function of `ioi_core`, its parameters, and which of its numbers are read."""

    run: str
    read: str
    parameters: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Say:
    """What is said after the answer; placeholders such as {value} are filled with what was computed.

    Attributes:
        then: in either case; not_shown: where the model does not show it, in place of the question.
        on_page: after that, on the page Lessons alone: what speaks of the app's pages, which a class has not before it.
    """

    right: str
    wrong: str
    then: tuple[str, ...]
    not_shown: str
    on_page: tuple[str, ...]


@dataclass(frozen=True)
class Figure:
    """What the reveal's figure is called where the measurement's own words say too much, and how it is read.

    Attributes:
        title: in place of the measurement's; "" for that.
        note: a sentence below it; "" for none. Placeholders are filled in both.
    """

    title: str = ""
    note: str = ""


@dataclass(frozen=True)
class Link:
    """A page in one state.

    Attributes:
        query: parameter of its address -> value, in which "{heads}" is filled in.
        note: what to know of the page before it opens; "" for nothing.
    """

    page: str
    query: Mapping[str, str]
    note: str = ""


@dataclass(frozen=True)
class Step:
    """One question of a lesson.

    Attributes:
        text: its paragraphs, before the question.
        rule: how the key is read off the numbers (`app.lessons.rules`).
        margin: how far what is right must stand above what is wrong, in the numbers' unit, for the question to be fair.
        within: how far from the key a number or a curve may be.
        hints: from a nudge to "show me".
        terms: of the glossary; terms_after: those that would give the answer away, shown with it.
        figure: what is said of the reveal's figure.
    """

    title: str
    text: tuple[str, ...]
    ask: Ask
    measure: Measure
    rule: str
    margin: float
    within: float
    say: Say
    hints: tuple[str, str, str]
    link: Link
    terms: tuple[str, ...]
    terms_after: tuple[str, ...] = ()
    figure: Figure = Figure()


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes:
        id: its name in addresses, that of its file; about: one line for the list.
        prompts: "classic" or "generated", as the sidebar calls them, with everything else as the app opens.
        more: an open task for the quick ones, and where to work on it.
        bundled: it comes with the app.
    """

    id: str
    title: str
    minutes: int
    about: str
    prompts: str
    steps: tuple[Step, ...]
    more: str
    more_link: Link
    bundled: bool = True
