"""The roles in a typed prompt: the indirect object IO, the subject S, and the positions of their names.

Without a hint, S is the only person named more than once and IO the only other one, each in one word that stands alone:
never a part of a longer name, nor the same name in other letters ("JOHN"). A name that the app does not know counts
where the two first stand side by side, "Obama and Clinton": else it may be a place. Anything else is refused: a wrong
reading is worse than a question. The meaning of the sentence (who gave what to whom) is not considered.
"""

import unicodedata
from dataclasses import dataclass

from ioi_core.errors import NotIOIError, PromptError
from ioi_core.inputs import shown
from ioi_core.model.weights import Model
from ioi_core.prompts.people import Name, are_joined, first_occurrences, is_joined_to_i, names_in, people_in
from ioi_core.prompts.text import TypedText, Word, show_tokens

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
    names = names_in(model, typed)
    inside = {name.text for name in names if name.inside}
    names = [name for name in names if name.sure or name.text in inside]
    persons = people_in(typed, names)
    counts = {name.text: sum(other.text == name.text for other in names) for name in first_occurrences(names)}
    repeated = [name for name in counts if name in persons and counts[name] > 1]
    single = [name for name in counts if name in persons and counts[name] == 1]
    if len(repeated) == len(single) == 1:
        io, s = single[0], repeated[0]
        whole = all(_spellings(typed, name) == [name] * counts[name] for name in (io, s))
        if whole and _are_people(typed, names, io, s):
            return _names(model, typed, io, s, label)
    raise NotIOIError(
        _ambiguous(model, typed, counts, label),
        "give io (the answer) and s (the name it competes with), one token each, and for a task of another kind the "
        "corrupted prompt too",
    )


def given_names(model: Model, typed: TypedText, io: str, s: str, label: str) -> Names | None:
    """Return the occurrences of the given names; None if it is no IOI prompt: S not repeated, or IO absent.

    Raises:
        PromptError: a name of an IOI prompt is more than one token somewhere in it.
    """
    if count(typed, s) < 2 or count(typed, io) == 0:
        return None
    return _names(model, typed, io, s, label)


def count(typed: TypedText, name: str) -> int:
    """Return how often a name occurs as a whole word; 0 for anything but letters."""
    return sum(word.name == name for word in typed.words) if name.isalpha() else 0


def _spellings(typed: TypedText, name: str) -> list[str]:
    """Return every word that is this name in small or capital letters, or with its accents in another Unicode form."""
    return [word.name for word in typed.words if _folded(word.name) == _folded(name)]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _are_people(typed: TypedText, names: list[Name], io: str, s: str) -> bool:
    """Return whether IO and S are known to be people, or first stand side by side: "Obama and Clinton"."""
    first = {name.text: name for name in first_occurrences(names)}
    one, other = sorted((first[io], first[s]), key=lambda name: name.first)
    if (one.sure and other.sure) or are_joined(typed, one, other):
        return True
    return first[io].sure and is_joined_to_i(typed, first[s])


def _names(model: Model, typed: TypedText, io: str, s: str, label: str) -> Names:
    """Return the occurrences of two names, each of which must be one token."""
    io_words = tuple(word for word in typed.words if word.name == io)
    s_words = tuple(word for word in typed.words if word.name == s)
    for word in (*io_words, *s_words):
        if len(word.ids) > 1:
            space = "" if word.spaced else ", or put a word before it, since a leading space helps"
            raise PromptError(
                f"{label}: a name must be one token, but {shown(word.name)} is {len(word.ids)}: "
                f"{show_tokens(model, word.ids)}",
                f"choose a name of one token, such as Mary, John, Anna or Daniel, instead of {shown(word.name)}{space}",
            )
    return Names(io, s, io_words, s_words)


def _ambiguous(model: Model, typed: TypedText, counts: dict[str, int], label: str) -> str:
    """Return the message that says which names occur."""
    names = [f"{shown(name)} x {times}" for name, times in counts.items()]
    names[_SHOWN_NAMES:] = ["..."] * (len(names) > _SHOWN_NAMES)
    hint = ""
    if len(counts) == 2 and all(times > 1 for times in counts.values()):
        hint = " (both are repeated: if the answer already stands at the end, take it away)"
    return (
        f"{label}: cannot tell who is who, found {', '.join(names) or 'no names'} "
        f"in {show_tokens(model, typed.ids)}{hint}"
    )
