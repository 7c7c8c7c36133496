"""A typed text as GPT-2 reads it: checked, cut into tokens and whole words, and shown in messages.

A word is what a reader takes for one: a run of characters without white space, commas, long dashes and the ends of
sentences, less the signs at its ends and a possessive or contracted ending ("John's", "John'll"). So "Anne-Laure",
"O'Brien", "Anne(Laure)", "John_2" and a letter with its combining accent are one word each, however many pieces the
tokenizer makes of them. Positions here count from the text's own first token; a BOS comes later (`pairs.py`).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from ioi_core.errors import PromptError, PromptMismatchError
from ioi_core.inputs import shown
from ioi_core.model.weights import Model

_SPECIAL = r"<\|endoftext\|>"  # stands before a prompt without a space: no part of the first word
_WORD = re.compile(rf"{_SPECIAL}|(?:(?!--|{_SPECIAL})[^\s,;!?…。！？—])+")
_AT_ENDS = ".-–*'’‘‚:\"“”„«»‹›()[]{}<>|`"
_ENDING = re.compile(r"['’](?:s|d|ll|ve|re|m)$", re.IGNORECASE)
_SHOWN_TOKENS = 12


@dataclass(frozen=True)
class Word:
    """One whole word.

    Attributes:
        name: its characters, without a leading space.
        before: the characters between the word before and this one, that one's ending ("'s") included.
        start: position of its first token in the text.
        ids: all tokens that have a part of it; a name must be a single one.
        spaced: true if its first token begins with a space.
    """

    name: str
    before: str
    start: int
    ids: tuple[int, ...]
    spaced: bool


@dataclass(frozen=True)
class TypedText:
    """A text that passed all checks: its characters, token ids (without BOS) and words."""

    text: str
    ids: tuple[int, ...]
    words: tuple[Word, ...]


def read_text(model: Model, text: object, label: str, *, prepend_bos: bool) -> TypedText:
    """Check a prompt and return it with its tokens and words.

    Args:
        label: the name of this prompt in messages ("the prompt", "corrupted prompt 2 of 8").

    Raises:
        PromptError: not text, half a surrogate pair, empty, ending in white space, or longer than the context.
    """
    text = check_characters(model, text, label)
    encoding = model.reader.encode(text, add_special_tokens=False)
    ids = tuple(encoding.ids)
    if not text.strip():
        tokens = show_tokens(model, ids)
        raise PromptError(f"{label} is empty, its tokens are {tokens}", "type a sentence that stops before the answer")
    if text[-1].isspace():
        raise PromptError(
            f"{label} ends in white space, its last tokens are {show_tokens(model, ids, len(ids) - 1)}",
            f"remove the white space at the end of {label}, since GPT-2's answers begin with their own space",
        )
    length, n_ctx = len(ids) + prepend_bos, model.cfg.n_ctx
    if length > n_ctx:
        raise PromptError(
            f"{label} is {length} tokens long{' with its BOS' if prepend_bos else ''}, {model.name} reads at most "
            f"{n_ctx}",
            f"take out at least {length - n_ctx} tokens of {label}: {show_tokens(model, ids)}",
        )
    return TypedText(text, ids, _words(model, text, ids, encoding.word_ids))


def check_characters(model: Model, text: object, label: str) -> str:
    """Return `text` if it is text that a tokenizer can read.

    Raises:
        PromptError: not a str, or one with half of a surrogate pair.
    """
    if not isinstance(text, str):
        raise PromptError(f"{label} is not text: got {shown(text)}, give characters in quotes")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        before = show_tokens(model, model.encode(text[: error.start]), len(text))
        raise PromptError(
            f"{label} has half of a character, {shown(text[error.start])}, after the tokens {before}",
            f"remove the lone surrogate from {label}, no tokenizer can read it",
        ) from None
    return text


def decode(model: Model, ids: Sequence[int]) -> str:
    """Return the text of tokens, exactly as it was before it was encoded."""
    return str(model.reader.decode(list(ids), skip_special_tokens=False))


def show_tokens(model: Model, ids: Sequence[int], around: int = 0) -> str:
    """Return tokens for a message, like "['When', ' John', ...]": at most 12, those next to index `around`."""
    start = max(0, min(around - _SHOWN_TOKENS // 2, len(ids) - _SHOWN_TOKENS))
    stop = start + _SHOWN_TOKENS
    tokens = [shown(model.token_text(token)) for token in ids[start:stop]]
    return f"[{', '.join(['...'] * (start > 0) + tokens + ['...'] * (stop < len(ids)))}]"


def check_same_length(model: Model, clean: Sequence[int], corrupted: Sequence[int], label: str) -> None:
    """Refuse a corrupted prompt that does not line up with its clean one.

    Raises:
        PromptMismatchError: different numbers of tokens; shows both around the first that differs.
    """
    if len(clean) == len(corrupted):
        return
    pairs = zip(clean, corrupted, strict=False)
    first = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(clean), len(corrupted)))
    raise PromptMismatchError(
        f"{label} and its corrupted twin must have the same number of tokens; they first differ at token {first}: "
        f"clean {len(clean)} tokens {show_tokens(model, clean, first)}, "
        f"corrupted {len(corrupted)} tokens {show_tokens(model, corrupted, first)}",
        f"make {label} and its corrupted twin equally long: {len(clean)} and {len(corrupted)} tokens now",
    )


def _words(model: Model, text: str, ids: Sequence[int], word_ids: Sequence[int | None]) -> tuple[Word, ...]:
    """Return the words and their tokens.

    Tokens are found by the tokenizer's pre-tokens, each of which consists of whole characters and can be decoded alone.
    """
    pieces = [list(group) for _, group in groupby(range(len(ids)), key=word_ids.__getitem__)]
    ends = list(accumulate(len(decode(model, [ids[k] for k in piece])) for piece in pieces))
    words, last = [], 0
    for first, stop in _spans(text):
        covering = pieces[bisect_right(ends, first) : bisect_left(ends, stop) + 1]
        start = covering[0][0]
        spaced = model.token_text(ids[start]).startswith(" ")
        words.append(Word(text[first:stop], text[last:first], start, tuple(ids[start : covering[-1][-1] + 1]), spaced))
        last = stop
    return tuple(words)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word begins and ends."""
    for match in _WORD.finditer(text):
        name = match[0].lstrip(_AT_ENDS)
        first = match.end() - len(name)
        name = _ENDING.sub("", name.rstrip(_AT_ENDS)).rstrip(_AT_ENDS)
        if any(map(str.isalnum, name)):
            yield first, first + len(name)
