"""From a file's parts to a lesson; whatever is wrong is said with file and line. No Streamlit here."""

import math
import re
from collections.abc import Collection
from typing import cast

from app import url
from app.lessons.files.marked_yaml import Node
from app.lessons.keys.analyses import ANALYSES, Analysis
from app.lessons.keys.rules import FACTS, RULES, Rule
from app.lessons.lesson import KINDS, LAST_LAYER, Ask, Choice, Figure, Kind, Lesson, Link, Measure, Say, Step
from app.words.glossary import GLOSSARY

PROMPTS = ("classic", "generated")
PAGES = (
    "prompt", "logit_lens", "attention", "activation_patching", "path_patching", "edges", "circuit", "heads",
)  # fmt: skip
"""Pages that a step may lead to."""

_TITLE, _SENTENCES, _LABEL = 80, 700, 160
_MOST_STEPS, _MOST_PARAGRAPHS, _MOST_CHOICES, _MOST_TERMS, _MOST_PARAMETERS = 12, 6, 6, 8, 12
_MOST_MINUTES, _MOST_HEADS = 180, 8
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_PARAMETERS = frozenset(
    value for name in dir(url) if name.isupper() and isinstance(value := getattr(url, name), str)
) | {*url.PATH_METRIC.values()}


class Fields:
    """The fields of a mapping, each taken once; `done` refuses those that nobody took."""

    def __init__(self, node: Node, what: str):
        if not isinstance(node.value, dict):
            raise node.refuse(f"{what} must be a mapping of fields, each on a line of its own")
        self._node, self._what, self._left = node, what, dict(node.value)
        self.taken: list[str] = []

    def take(self, name: str) -> Node | None:
        """Return a field, None where it is not there."""
        self.taken.append(name)
        return self._left.pop(name, None)

    def need(self, name: str) -> Node:
        """Return a field that must be there."""
        node = self.take(name)
        if node is None:
            raise self._node.refuse(f"{self._what} lacks the field {name!r}")
        return node

    def text(self, name: str, most: int = _SENTENCES) -> str:
        """Return a text that must be there."""
        return text_of(self.need(name), f"{name!r}", most)

    def texts(self, name: str, most: int, least: int = 1) -> tuple[str, ...]:
        """Return a list of texts."""
        node = self.take(name)
        if node is None and least == 0:
            return ()
        node = node or self.need(name)
        if not isinstance(node.value, list) or not least <= len(node.value) <= most:
            raise node.refuse(f"{name!r} must be a list of {least} to {most} texts")
        return tuple(text_of(part, f"a part of {name!r}", _SENTENCES) for part in node.value)

    def number(self, name: str, low: float, high: float, instead: float | None = None) -> float:
        """Return a number, `instead` where the field is not there."""
        node = self.take(name)
        if node is None and instead is not None:
            return instead
        return number_of(node or self.need(name), name, low, high)

    def one_of(self, name: str, allowed: Collection[str], instead: str | None = None) -> str:
        """Return one of some names."""
        node = self.take(name)
        if node is None and instead is not None:
            return instead
        node = node or self.need(name)
        if not isinstance(node.value, str) or node.value not in allowed:
            got = repr(node.value[:40]) if isinstance(node.value, str) else "a list or mapping"
            raise node.refuse(f"{name!r} is {got}: {', '.join(allowed)} are allowed")
        return node.value

    def done(self) -> None:
        """Refuse a field that is not known."""
        for name, node in self._left.items():
            known = ", ".join(dict.fromkeys(self.taken))
            raise node.refuse(f"{self._what} has no field {name[:40]!r}: its fields are {known}")


def text_of(node: Node, what: str, most: int) -> str:
    """Return a part of a file that must be text, not empty and not too long."""
    if not isinstance(node.value, str):
        raise node.refuse(f"{what} must be text: put it in quotes")
    text = " ".join(node.value.split())
    if not text:
        raise node.refuse(f"{what} is empty")
    if len(text) > most:
        raise node.refuse(f"{what} is {len(text)} characters long: at most {most} are allowed")
    return text


def number_of(node: Node, name: str, low: float, high: float) -> float:
    """Return a part of a file that must be a number between two others."""
    try:
        value = float(node.value) if isinstance(node.value, str) else math.nan
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise node.refuse(f"{name!r} must be a number from {low:g} to {high:g}")
    return value


def lesson_of(node: Node, name: str, *, bundled: bool = True) -> Lesson:
    """Return the lesson that a file holds; `name` is the file's, without its ending.

    Raises:
        LessonError: names file and line, and says what is allowed.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
        raise node.refuse("the file's name must be small letters, digits and _, such as my_lesson.yaml")
    fields = Fields(node, "a lesson")
    steps = fields.need("steps")
    if not isinstance(steps.value, list) or not 0 < len(steps.value) <= _MOST_STEPS:
        raise steps.refuse(f"'steps' must be a list of 1 to {_MOST_STEPS} steps")
    more = Fields(fields.need("more"), "'more'")
    lesson = Lesson(
        id=name, title=fields.text("title", _TITLE), minutes=int(fields.number("minutes", 1, _MOST_MINUTES)),
        about=fields.text("about", _LABEL), prompts=fields.one_of("prompts", PROMPTS, PROMPTS[0]),
        steps=tuple(map(_step, steps.value)), more=more.text("text"), more_link=_link(more.need("link"), ()),
        bundled=bundled,
    )  # fmt: skip
    more.done()
    fields.done()
    return lesson


def _step(node: Node) -> Step:
    fields = Fields(node, "a step")
    measure, analysis = _measure(fields.need("measure"))
    rule_node = fields.need("rule")
    rule = _rule(rule_node, analysis.reads[measure.read])
    ask = _ask(fields.need("question"), fields.text("ask"), rule, cast(str, rule_node.value))
    allowed = (*FACTS, *analysis.facts)
    hints = fields.texts("hints", 3, 3)
    step = Step(
        title=fields.text("title", _TITLE), text=fields.texts("text", _MOST_PARAGRAPHS), ask=ask, measure=measure,
        rule=cast(str, rule_node.value), margin=fields.number("margin", 0, 1e6),
        within=fields.number("within", 0, 1e6, 0),
        say=_say(fields.need("say"), allowed), hints=(hints[0], hints[1], hints[2]),
        link=_link(fields.need("link"), allowed), terms=_terms(fields.need("terms")),
        terms_after=_terms(after) if (after := fields.take("terms_after")) else (),
        figure=_figure(fields.take("figure"), allowed),
    )  # fmt: skip
    fields.done()
    return step


def _measure(node: Node) -> tuple[Measure, Analysis]:
    fields = Fields(node, "'measure'")
    run = fields.one_of("run", ANALYSES)
    analysis = ANALYSES[run]
    read = fields.one_of("read", analysis.reads)
    parameters: dict[str, str | float] = {}
    if (given := fields.take("with")) is not None:
        chosen = Fields(given, f"'with' of {run}")
        for name, allowed in analysis.parameters.items():
            if isinstance(given.value, dict) and name in given.value:
                parameters[name] = chosen.one_of(name, allowed)
            chosen.taken.append(name)
        chosen.done()
    fields.done()
    return Measure(run, read, parameters), analysis


def _rule(node: Node, shape: str) -> Rule:
    fitting = [name for name, rule in RULES.items() if rule.shape == shape]
    if not isinstance(node.value, str) or node.value not in RULES:
        raise node.refuse(f"there is no such rule: {', '.join(RULES)} are allowed")
    if node.value not in fitting:
        raise node.refuse(f"the rule {node.value!r} does not read these numbers: {', '.join(fitting)} do")
    return RULES[node.value]


def _ask(node: Node, words: str, rule: Rule, rule_name: str) -> Ask:
    fields = Fields(node, "'question'")
    kind = cast(Kind, fields.one_of("kind", KINDS))
    if kind != rule.kind:
        raise node.refuse(f"the rule {rule_name!r} is for questions of the kind {rule.kind!r}")
    if kind == "choice":
        ask = Ask(kind, words, choices=_choices(fields.need("choices"), of=rule.shape == "labels"))
    elif kind == "number":
        ask = _slider(fields, words)
    elif kind == "curve":
        low, high = fields.number("low", -1e3, 1e3), fields.number("high", -1e3, 1e3)
        ask = Ask(kind, words, low=low, high=high, step=fields.number("step", 1e-3, 1e3), unit=fields.text("unit", 20))
        if not low < high:
            raise node.refuse("'low' must be below 'high'")
    elif kind == "heads":
        ask = Ask(kind, words, most=int(fields.number("most", 1, _MOST_HEADS, 3)))
    else:
        ask = Ask(kind, words)
    fields.done()
    return ask


def _slider(fields: Fields, words: str) -> Ask:
    top = fields.need("high")
    high: float | str = LAST_LAYER if top.value == LAST_LAYER else number_of(top, "high", -1e4, 1e4)
    low, step = fields.number("low", -1e4, 1e4), fields.number("step", 1e-3, 1e4, 1)
    if isinstance(high, float) and not (low < high and (high - low) / step <= 1000):
        raise top.refuse("'low' must be below 'high', with at most 1,000 steps between them")
    return Ask("number", words, low=low, high=high, step=step, unit=fields.text("unit", 20))


def _choices(node: Node, *, of: bool) -> tuple[Choice, ...]:
    if not isinstance(node.value, list) or not 2 <= len(node.value) <= _MOST_CHOICES:
        raise node.refuse(f"'choices' must be a list of 2 to {_MOST_CHOICES} choices")
    choices = []
    for part in node.value:
        fields = Fields(part, "a choice")
        text = fields.text("text", _LABEL)
        if of:
            choices.append(Choice(text, of=fields.text("of", 20)))
        else:
            low, high = fields.number("from", -1e6, 1e6, -math.inf), fields.number("to", -1e6, 1e6, math.inf)
            choices.append(Choice(text, low=low, high=high))
        fields.done()
    if len({choice.text for choice in choices}) < len(choices):
        raise node.refuse("two choices have the same text")
    return tuple(choices)


def _say(node: Node, allowed: Collection[str]) -> Say:
    fields = Fields(node, "'say'")
    say = Say(
        fields.text("right"), fields.text("wrong"), fields.texts("then", _MOST_PARAGRAPHS, 0), fields.text("not_shown"),
        fields.texts("on_page", _MOST_PARAGRAPHS, 0),
    )  # fmt: skip
    fields.done()
    for text in (say.right, say.wrong, *say.then, say.not_shown, *say.on_page):
        _check_placeholders(node, text, (*allowed, "why"))
    return say


def _figure(node: Node | None, allowed: Collection[str]) -> Figure:
    if node is None:
        return Figure()
    fields = Fields(node, "'figure'")
    title, note = fields.take("title"), fields.take("note")
    fields.done()
    figure = Figure(
        text_of(title, "'title'", _TITLE) if title else "", text_of(note, "'note'", _SENTENCES) if note else ""
    )
    for text in (figure.title, figure.note):
        _check_placeholders(node, text, allowed)
    return figure


def _check_placeholders(node: Node, text: str, allowed: Collection[str]) -> None:
    for name in _PLACEHOLDER.findall(text):
        if name not in allowed:
            raise node.refuse(f"there is no {{{name[:40]}}} here: {', '.join(allowed)} are allowed in braces")


def _link(node: Node, allowed: Collection[str]) -> Link:
    fields = Fields(node, "'link'")
    page = fields.one_of("page", PAGES)
    query: dict[str, str] = {}
    if (given := fields.take("with")) is not None:
        if not isinstance(given.value, dict) or len(given.value) > _MOST_PARAMETERS:
            raise given.refuse(
                f"'with' must be a mapping of at most {_MOST_PARAMETERS} parameters of the page's address"
            )
        for name, value in given.value.items():
            if name not in _PARAMETERS and not name.startswith("cell_"):
                raise value.refuse(f"no page's address has a parameter {name[:40]!r}")
            query[name] = text_of(value, f"{name!r}", _LABEL)
            _check_placeholders(value, query[name], (*allowed, "heads"))
    note = fields.take("note")
    fields.done()
    return Link(page, query, text_of(note, "'note'", _LABEL) if note else "")


def _terms(node: Node) -> tuple[str, ...]:
    if not isinstance(node.value, list) or len(node.value) > _MOST_TERMS:
        raise node.refuse(f"'terms' must be a list of at most {_MOST_TERMS} terms of the glossary")
    for part in node.value:
        if not isinstance(part.value, str) or part.value not in GLOSSARY:
            raise part.refuse("this is no term of the glossary (app/words/glossary.md)")
    return tuple(cast(str, part.value) for part in node.value)
