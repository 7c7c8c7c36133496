"""A step on a model: its question without the key, and the reveal, which is computed. No Streamlit here.

`public_step` and `reveal_step` return plain dictionaries, as a page or a class sends them. Nothing in the first says
what is right.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cachetools import LRUCache

import ioi_core
from app import url
from app.hosting.models import DEMO
from app.lessons.answers import counts_as_right, in_words, is_right
from app.lessons.keys.analyses import measure
from app.lessons.keys.measured import Measured
from app.lessons.keys.rules import RULES, Key
from app.lessons.keys.run import NotMeasuredError, Run, amount, shape_of
from app.lessons.lesson import LAST_LAYER, Lesson, Link, Step
from app.questions.ask import Compute, ask
from app.words.effects import clearly_above_0
from ioi_core import Head, Model, PromptPairs, arena_pairs, ioi_dataset

GENERATED = 20
"""Prompts that the app generates where nobody says how many: those of a lesson on generated prompts."""

_pairs: LRUCache[tuple[str, str], PromptPairs] = LRUCache(16)
_lock = threading.Lock()


def lesson_pairs(lesson: Lesson, model: Model) -> PromptPairs:
    """Return the prompts of a lesson, the same as the app's with nothing else chosen."""
    key = (lesson.prompts, model.fingerprint)
    with _lock:
        if (known := _pairs.get(key)) is not None:
            return known
    pairs = arena_pairs(model) if lesson.prompts == "classic" else ioi_dataset(model, n=GENERATED, seed=0)
    with _lock:
        _pairs[key] = pairs
    return pairs


@dataclass(frozen=True)
class Answered:
    """What a step comes to on a model.

    Attributes:
        measured, key: None where the model lacks what the step is about; `why` says what.
        lead: logit_diff of the lesson's prompts, in words: what may be told before the question.
    """

    measured: Measured | None
    key: Key | None
    lead: str
    why: str = ""

    @property
    def asked(self) -> bool:
        """Return whether the question has a clear answer."""
        return self.key is not None and self.key.fair


def answer_step(step: Step, run: Run) -> Answered:
    """Compute what a step is about, and read the key off it; nothing is asked of a model that does not do the task."""
    predicted = run.compute(ask(ioi_core.predictions, pairs=run.pairs))
    lead = f"{amount(float(predicted.values[0]))} logits"
    try:
        if not clearly_above_0(predicted.clean_logit_diff):
            raise NotMeasuredError("it does not prefer the right name on these prompts")
        measured = measure(run, step.measure.run, step.measure.read, step.measure.parameters)
    except NotMeasuredError as error:
        return Answered(None, None, lead, str(error))
    return Answered(measured, RULES[step.rule].read(measured, step), lead)


def question_of(step: Step, model: Model, pairs: PromptPairs) -> dict[str, Any]:
    """Return the question as a plain dictionary; what is right is not in it."""
    ask, run = step.ask, Run(model, pairs, _nothing)
    question: dict[str, Any] = {"kind": ask.kind}
    if ask.kind == "choice":
        question["choices"] = [choice.text for choice in ask.choices]
    elif ask.kind == "number":
        high = model.cfg.n_layers - 1 if ask.high == LAST_LAYER else ask.high
        question |= {"low": ask.low, "high": float(high), "step": ask.step, "unit": ask.unit}
    elif ask.kind == "curve":
        question |= {"low": ask.low, "high": float(ask.high), "step": ask.step, "unit": ask.unit}
    elif ask.kind == "heads":
        question["most"] = ask.most
    return question | dict(shape_of(run, step.measure.read, RULES[step.rule].shape))


def _nothing(request: object) -> Any:
    raise AssertionError("a question is asked without computing anything")


def public_step(lesson: Lesson, i: int, model: Model, compute: Compute) -> dict[str, Any]:
    """Return what everybody may see of a step before its reveal.

    "asked" says whether this model shows what is asked about; a step that is not asked has "words", no question.
    """
    step, pairs = lesson.steps[i], lesson_pairs(lesson, model)
    answered = answer_step(step, Run(model, pairs, compute))
    public = {
        "title": step.title, "text": text_of(step, model, answered.lead), "ask": ask_of(step, model),
        "n": i + 1, "of": len(lesson.steps), "model": model.name, "asked": answered.asked,
    }  # fmt: skip
    if not answered.asked:
        return public | {"words": [_not_shown(step, model, answered)]}
    return public | {"question": question_of(step, model, pairs)}


def text_of(step: Step, model: Model, lead: str) -> list[str]:
    """Return the paragraphs before the question; `lead` is that of `Answered`."""
    cfg = model.cfg
    facts = {"layers": cfg.n_layers, "last_layer": cfg.n_layers - 1, "heads": cfg.n_heads}
    known = {name: str(number) for name, number in facts.items()} | {"vocabulary": f"{cfg.d_vocab:,}"}
    known |= {"model": model.name, "about_model": about(model), "lead": lead}
    return [fill(paragraph, known) for paragraph in step.text]


def about(model: Model) -> str:
    """Say what a model is, for somebody who has heard of none."""
    if model.name == DEMO:
        return (
            f"{DEMO} is a small language model that comes with this app and was made for sentences like these alone. "
            "What you see are its own numbers, not those of a well-known model."
        )
    if model.is_gpt2_small:
        return f"{model.name} is a language model that OpenAI published in 2019; it learned from millions of web pages."
    return f"{model.name} is a language model of {model.cfg.n_layers} layers."


def drawn_of(step: Step, model: Model, answered: Answered) -> Measured:
    """Return the measurement as the reveal's figure shows it: by the lesson's title, and without what is not drawn."""
    assert answered.measured is not None
    title = fill(step.figure.title, facts_of(model, answered)) or answered.measured.title
    return replace(answered.measured, title=title, facts={}, heads=())


def ask_of(step: Step, model: Model) -> str:
    """Return the question's words."""
    return fill(step.ask.words, {"model": model.name})


def reveal_step(lesson: Lesson, i: int, model: Model, compute: Compute) -> dict[str, Any]:
    """Return what a step reveals: key, what is right, the numbers, words, what a figure needs, and a link.

    Where the model does not show what is asked about, "asked" is False, key and right hold nothing, and "words" say so.
    """
    answered = answer_step(lesson.steps[i], Run(model, lesson_pairs(lesson, model), compute))
    return reveal_of(lesson, i, model, answered)


def reveal_of(lesson: Lesson, i: int, model: Model, answered: Answered) -> dict[str, Any]:
    """Return what `reveal_step` does of a step that is computed already."""
    step = lesson.steps[i]
    measured, key = answered.measured, answered.key
    facts = facts_of(model, answered)
    words = [fill(text, facts) for text in step.say.then] if answered.asked else [_not_shown(step, model, answered)]
    figure: dict[str, Any] = {}
    if measured:
        figure = {"title": fill(step.figure.title, facts) or measured.title, "unit": measured.unit}
        figure |= {"note": measured.note, "read": fill(step.figure.note, facts)}
        if measured.behind and answered.asked:
            figure["behind"] = asdict(measured.behind)
    heads = measured.heads if measured else ()
    return {
        "asked": answered.asked,
        "key": key.key if key and answered.asked else None,
        "right": key.right if key and answered.asked else None,
        "values": key.values if key else None,
        "words": words,
        "say": {"right": fill(step.say.right, facts), "wrong": fill(step.say.wrong, facts)},
        "figure": figure,
        "link": link_of(step.link, lesson, model, facts, heads),
    }


def verdict(question: Mapping[str, Any], reveal: Mapping[str, Any], answer: Any) -> str:
    """Return the sentence on an answer: right or wrong, with its words and the key's."""
    right = is_right(question, reveal, answer)
    words = f"{'Right' if right else 'Not quite'}: {reveal['say']['right' if right else 'wrong']}"
    return " ".join([fill(words, {"answer": in_words(question, answer)}), *counts_as_right(question, reveal)])


def answer_told(question: Mapping[str, Any], reveal: Mapping[str, Any]) -> str:
    """Return the sentence on the answer for those who gave none: a projector, a teacher."""
    words = fill(reveal["say"]["right"], {"answer": in_words(question, reveal["key"])})
    return " ".join([words[0].upper() + words[1:], *counts_as_right(question, reveal)])


def outcome(model: Model, question: Mapping[str, Any], reveal: Mapping[str, Any], given: Any | None) -> str:
    """Return one step as the end of the lesson tells it: the verdict, or why there is none."""
    if not reveal["asked"]:
        return f"{model.name} does not show it."
    return "Not answered." if given is None else verdict(question, reveal, given)


def facts_of(model: Model, answered: Answered) -> dict[str, str]:
    """Return placeholder -> what it is filled with; "answer" is the visitor's and comes later."""
    facts = {"model": model.name, "why": answered.why}
    if answered.measured:
        facts |= {**answered.measured.facts, "heads": " ".join(map(str, answered.measured.heads))}
    return facts | dict(answered.key.facts if answered.key else {})


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled; those that are not known stay, for whoever knows them."""
    return re.sub(r"\{(\w+)\}", lambda found: facts.get(found[1], found[0]), text)


def said_on_page(step: Step, model: Model, answered: Answered) -> list[str]:
    """Return what is said after the answer on the page alone."""
    return [fill(text, facts_of(model, answered)) for text in step.say.on_page]


def hint(step: Step, n: int, model: Model, answered: Answered) -> str:
    """Return the n-th hint, from 0, filled in."""
    return fill(step.hints[n], facts_of(model, answered))


def _not_shown(step: Step, model: Model, answered: Answered) -> str:
    why = f" ({answered.why})" if answered.why else ""
    return f"{model.name} does not show this{why}. {fill(step.say.not_shown, facts_of(model, answered))}"


def link_of(
    link: Link, lesson: Lesson, model: Model, facts: Mapping[str, str] | None = None, heads: Sequence[Head] = ()
) -> str:
    """Return the address of a page in the state that a step is about: on this model, with the lesson's prompts."""
    query: dict[str, str | list[str]] = {url.MODEL: model.name}
    if lesson.prompts != "classic":
        query[url.PROMPTS] = lesson.prompts
    for name, text in link.query.items():
        query[name] = [str(head) for head in heads] if text == "{heads}" else fill(text, facts or {})
    return url.link(f"/{link.page}", query)
