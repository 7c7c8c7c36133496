"""The roles in a typed prompt: the indirect object IO, the subject S, and the positions of their names.

Without a hint, S is the only name that occurs more than once and IO the only other one. Names are looked for among the
names the app knows; if that does not give exactly these two, capitalised words that occur at least once inside a
sentence count as names too. Anything else is refused: a wrong reading is worse than a question. The meaning of the
sentence (who gave what to whom) is not considered.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ioi_core.errors import NotIOIError, PromptError
from ioi_core.inputs import shown
from ioi_core.model.weights import Model
from ioi_core.prompts.names import KNOWN_NAMES
from ioi_core.prompts.text import TypedText, Word, check_characters, show_tokens

_SHOWN_NAMES = 8


@dataclass(frozen=True)
class Names:
    """The two names of an IOI prompt, without spaces, and every occurrence of each, in order; each is one token."""

    io: str
    s: str
    io_words: tuple[Word, ...]
    s_words: tuple[Word, ...]

    def positions(self, length: int) -> dict[str, int]:
        """Return role -> position in the text's own tokens (no BOS), for a text of `length` tokens."""
        s1 = self.s_words[0].start
        return {"IO": self.io_words[0].start, "S1": s1, "S1+1": s1 + 1, "S2": self.s_words[-1].start, "END": length - 1}


def find_names(model: Model, typed: TypedText, label: str) -> Names:
    """Return IO and S, found without a hint.

    Raises:
        NotIOIError: not exactly one repeated name and one other. PromptError: a name of more than one token.
    """
    known = _by_name(word for word in typed.words if word.name in KNOWN_NAMES)
    inside = {word.name for word in typed.words if word.capitalised and not word.opens_sentence}
    wider = _by_name(word for word in typed.words if word.name in KNOWN_NAMES or word.name in inside)
    for occurrences in (known, wider):
        repeated = [name for name, words in occurrences.items() if len(words) > 1]
        single = [name for name, words in occurrences.items() if len(words) == 1]
        if len(repeated) == len(single) == 1:
            return _names(model, typed, single[0], repeated[0], label)
    raise NotIOIError(_ambiguous(model, typed, wider, label))


def given_names(model: Model, typed: TypedText, io: str, s: str, label: str) -> Names | None:
    """Return the occurrences of the given names; None if it is no IOI prompt: S not repeated, or IO absent.

    Raises:
        PromptError: a name of an IOI prompt is more than one token somewhere in it.
    """
    if count(typed, s) < 2 or count(typed, io) == 0:
        return None
    return _names(model, typed, io, s, label)


def count(typed: TypedText, name: str) -> int:
    """Return how often a name occurs; 0 for anything but letters."""
    return sum(word.name == name for word in typed.words) if name.isalpha() else 0


def answer_token(model: Model, name: object, label: str) -> int:
    """Return the token of an answer, its leading space added if missing.

    Args:
        label: what messages call it ("io", "s of prompt 2 of 8").

    Raises:
        PromptError: not text, empty, or more than one token.
    """
    text = check_characters(model, name, label).strip()
    ids = model.encode(f" {text}") if text else []
    if len(ids) != 1:
        raise PromptError(
            f"{label} must be one token, got {len(ids)}: {show_tokens(model, ids)}; "
            "choose a shorter or more common word, such as Mary"
        )
    return ids[0]


def _by_name(words: Iterable[Word]) -> dict[str, list[Word]]:
    occurrences: dict[str, list[Word]] = {}
    for word in words:
        occurrences.setdefault(word.name, []).append(word)
    return occurrences


def _names(model: Model, typed: TypedText, io: str, s: str, label: str) -> Names:
    """Return the occurrences of two names, each of which must be one token."""
    io_words = tuple(word for word in typed.words if word.name == io)
    s_words = tuple(word for word in typed.words if word.name == s)
    for word in (*io_words, *s_words):
        if len(word.ids) > 1:
            advice = "" if word.text.startswith(" ") else "put a word before it, since a leading space helps, or "
            raise PromptError(
                f"{label}: a name must be one token, but {shown(word.name)} is {len(word.ids)}: "
                f"{show_tokens(model, word.ids)}; {advice}choose another name, such as Mary"
            )
    return Names(io, s, io_words, s_words)


def _ambiguous(model: Model, typed: TypedText, occurrences: dict[str, list[Word]], label: str) -> str:
    """Return the message that asks for io and s and says which names occur."""
    names = [f"{shown(name)} x {len(words)}" for name, words in occurrences.items()]
    names[_SHOWN_NAMES:] = ["..."] * (len(names) > _SHOWN_NAMES)
    hint = ""
    if len(occurrences) == 2 and all(len(words) > 1 for words in occurrences.values()):
        hint = "; both are repeated: if the answer already stands at the end, take it away"
    return (
        f"{label}: cannot tell who is who, so give io (the answer) and s (the repeated name); "
        "for a task of another kind give a corrupted prompt as well. "
        "Without them exactly one name may occur twice or more and exactly one other once; "
        f"found {', '.join(names) or 'no names'} in {show_tokens(model, typed.ids)}{hint}"
    )
