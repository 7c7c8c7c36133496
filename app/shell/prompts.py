"""The visitor's choice of prompts, checked, and the pairs made from it."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from cachetools import LRUCache, cached

from app.hosting.services import settings
from app.hosting.settings import Settings
from app.questions.ask import Request, ask
from app.questions.limits import check_tokens
from app.questions.twins import IN_DATA, NEW_NAMES, TYPED
from app.words.phrases import IN_SIDEBAR, counted
from ioi_core import (
    TASKS,
    DataSet,
    Model,
    NotIOIError,
    PromptError,
    PromptPairs,
    UnknownNameError,
    arena_pairs,
    ioi_dataset,
    pairs_of,
    parse_rows,
    prompt_pairs,
    read_pairs,
    task_dataset,
)

CLASSIC, GENERATED, TASK, OWN, DATA = "classic", "generated", "other task", "own", "data set"
CORRUPTIONS = {"S2 flip": "s2_flip", "ABC": "abc"}

_BETWEEN = "---"
_LONGEST_ANSWER = 100
_MOST_LISTED = 10
_ONE_TOKEN = "Mary, John, Tom, James, Anna, Emma, Sarah, Kate, Daniel, Paul"


@dataclass(frozen=True)
class PromptChoice:
    """The visitor's choice of prompts, before any model has tokenised them.

    Attributes:
        data: the text of a data set; skip: leave out its rows that cannot be used.
        people: the visitor says that IO and S are people's names.
    """

    source: str
    prepend_bos: bool
    corruption: str = "S2 flip"
    n: int = 0
    seed: int = 0
    templates: str = "mixed"
    task: str = ""
    clean: tuple[str, ...] = ()
    corrupted: tuple[str, ...] = ()
    io: str = ""
    s: str = ""
    answer_space: bool = True
    data: str = ""
    skip: bool = False
    people: bool = False


def prompts_in_words(choice: PromptChoice, n: int) -> str:
    """Return what the chosen prompts, `n` of them, are called: "56 generated prompts, seed 3"."""
    kind = TASKS[choice.task].title if choice.source == TASK else choice.source
    seed = f", seed {choice.seed}" if choice.source in (GENERATED, TASK) else ""
    return f"{n} {kind} {'prompt' if n == 1 else 'prompts'}{seed}"


@dataclass(frozen=True)
class Chosen:
    """The chosen prompts.

    Attributes:
        corruption: in words.
        left_out: rows of a data set that were left out: number -> reason.
        unread: columns of it that mean nothing here.
    """

    pairs: PromptPairs
    corruption: str
    left_out: Mapping[int, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def texts_of(what: str, text: str, limits: Settings, *, several_lines: bool) -> tuple[str, ...]:
    """Return the typed prompts just as they are: one a line, or separated by lines of "---". Blank ones do not count.

    Raises:
        PromptError: too many characters or prompts.
    """
    check_size(what, text, limits)
    texts = text.split("\n")
    if several_lines:
        blocks: list[list[str]] = [[]]
        for line in texts:
            if line.rstrip() == _BETWEEN:
                blocks.append([])
            else:
                blocks[-1].append(line)
        texts = ["\n".join(block) for block in blocks]
    texts = [prompt for prompt in texts if prompt.strip()]
    if len(texts) > limits.max_prompts:
        raise PromptError(f"{what} are {len(texts)}", f"keep at most {limits.max_prompts} of {what}")
    for number, prompt in enumerate(texts, 1):
        _check_one(f"number {number} of {what}", prompt, limits)
    return tuple(texts)


def _check_one(what: str, prompt: str, limits: Settings) -> None:
    if len(prompt) > limits.max_prompt_characters:
        raise PromptError(
            f"{what} is {len(prompt):,} characters long",
            f"shorten {what} to at most {limits.max_prompt_characters:,} characters",
        )


def check_size(what: str, text: str, limits: Settings) -> None:
    """Refuse a text that is too long in all.

    Raises:
        PromptError: says how long it is and what is allowed.
    """
    if len(text) > limits.max_characters:
        raise PromptError(
            f"{what} are {len(text):,} characters long",
            f"shorten {what} to at most {limits.max_characters:,} characters in all",
        )


def checked_answer(what: str, text: str) -> str:
    """Return an answer just as it was typed.

    Raises:
        PromptError: it is far too long for one token.
    """
    if len(text) > _LONGEST_ANSWER:
        raise PromptError(f"it is {len(text):,} characters long", f"choose another {what} of one token")
    return text


def chosen_prompts(model: Model, choice: PromptChoice) -> Chosen:
    """Return the chosen prompts, tokenised for this model.

    Raises:
        PromptError, TooMuchError: says what to change.
    """
    if choice.source == DATA:
        chosen = _from_data(model, choice)
    elif choice.source == OWN and not choice.clean:
        raise PromptError("there is no prompt yet", f"type a prompt {IN_SIDEBAR}, up to where the answer comes next")
    else:
        corruption = TASKS[choice.task].twin if choice.source == TASK else choice.corruption
        chosen = Chosen(_own_or_made(model, choice), TYPED if choice.corrupted else corruption)
    check_tokens(chosen.pairs, settings())
    return chosen


def _own_or_made(model: Model, choice: PromptChoice) -> PromptPairs:
    try:
        return _pairs(model, choice)
    except PromptError as error:
        if advice := _advice(model, choice, error):
            raise PromptError(str(error), advice) from error
        raise


def _advice(model: Model, choice: PromptChoice, error: PromptError) -> str:
    """Return what to change in the sidebar, where that is known better than the error knows it."""
    for what, text in (("IO", choice.io), ("S", choice.s)):
        n = len(model.encode(f" {text}" if choice.answer_space and not text.startswith(" ") else text)) if text else 1
        if n > 1:
            several = len(choice.clean) > 1 or any(sign in text for sign in ",;/|")
            own = ". For a pair of answers a prompt, or several right ones, choose data set" * several
            return (
                f"choose another {what}: it must be one token, and {text[:40]!r} is {n}. "
                f"One-token names: {_ONE_TOKEN}{own}"
            )
    if isinstance(error, UnknownNameError):
        return NEW_NAMES
    if not isinstance(error, NotIOIError) or (choice.io and choice.s and choice.corrupted):
        return ""
    optional = {"IO": choice.io, "S": choice.s, "Corrupted prompts": choice.corrupted}
    empty = [name for name, value in optional.items() if not value]
    if not choice.io and not choice.s:
        change = (
            "fill in IO (the right answer) and S (the wrong one), or name one person twice and another once. If the "
            "prompt already ends with the answer, take it away"
        )
    elif not choice.io or not choice.s:
        change = f"fill in {empty[0]} as well, or neither IO nor S"
    else:
        change = "fill in Corrupted prompts as well: the same sentence with another answer, of as many tokens"
    return f"{change}. Still empty {IN_SIDEBAR}: {', '.join(empty)}"


def _from_data(model: Model, choice: PromptChoice) -> Chosen:
    if not choice.data.strip():
        raise PromptError(
            "there is no data set yet: its columns are clean, corrupted, io and s (and label, if you like)",
            f"upload a data set {IN_SIDEBAR}, or paste one there",
        )
    found, given, unread = _data_set(model, choice)
    if found.pairs is not None and (choice.skip or not found.refused):
        mixed = f"given, or {choice.corruption}"
        corruption = mixed if len(given) > 1 else IN_DATA if given[0] else choice.corruption
        return Chosen(found.pairs, corruption, found.refused, unread)
    rows = counted(len(found.refused), "row")
    way_out = f", or choose Leave out {IN_SIDEBAR}" if found.pairs is not None else ""
    raise PromptError(
        f"{rows} of the data set cannot be used: {found.refusal(_MOST_LISTED)}",
        f"correct {rows} of the data set{way_out}",
    )


@cached(LRUCache(256), key=lambda model, choice: (model.fingerprint, choice), lock=threading.Lock())
def _pairs(model: Model, choice: PromptChoice) -> PromptPairs:
    recipe = recipe_of(choice)
    return recipe.function(model, **recipe.parameters)


def recipe_of(choice: PromptChoice) -> Request[PromptPairs]:
    """Return the function of `ioi_core` that makes the chosen prompts; of `read_pairs`, `path` is the text itself."""
    bos, corruption = choice.prepend_bos, CORRUPTIONS[choice.corruption]
    if choice.source == CLASSIC:
        return ask(arena_pairs, prepend_bos=bos)
    if choice.source == GENERATED:
        return ask(
            ioi_dataset, n=choice.n, seed=choice.seed, templates=choice.templates, corruption=corruption,
            prepend_bos=bos,
        )  # fmt: skip
    if choice.source == TASK:
        return ask(task_dataset, task=choice.task, n=choice.n, seed=choice.seed, prepend_bos=bos)
    if choice.source == DATA:
        return ask(
            read_pairs, path=choice.data, corruption=corruption, answer_space=choice.answer_space, prepend_bos=bos,
            people=choice.people, skip=choice.skip,
        )  # fmt: skip
    return ask(
        prompt_pairs, clean=list(choice.clean), corrupted=list(choice.corrupted) or None, io=choice.io or None,
        s=choice.s or None, corruption=corruption, answer_space=choice.answer_space, prepend_bos=bos,
        people=choice.people,
    )  # fmt: skip


@cached(LRUCache(64), key=lambda model, choice: (model.fingerprint, choice), lock=threading.Lock())
def _data_set(model: Model, choice: PromptChoice) -> tuple[DataSet, tuple[bool, ...], tuple[str, ...]]:
    """Return the data set; whether its kept rows came with their corrupted prompts, or some did; its unread columns."""
    rows, limits = parse_rows(choice.data), settings()
    if len(rows) > limits.max_prompts:
        raise PromptError(f"the data set has {len(rows):,} rows", f"keep at most {limits.max_prompts} rows")
    for row in rows:
        _check_one(f"the prompt of row {row.number}", row.clean, limits)
        _check_one(f"the corrupted prompt of row {row.number}", row.corrupted or "", limits)
    found = pairs_of(
        model,
        rows,
        corruption=CORRUPTIONS[choice.corruption],
        answer_space=choice.answer_space,
        prepend_bos=choice.prepend_bos,
        people=choice.people,
    )
    given = {row.corrupted is not None for row in rows if row.number not in found.refused}
    unread = dict.fromkeys(name for row in rows for name in row.unread)
    return found, tuple(sorted(given)), tuple(unread)
