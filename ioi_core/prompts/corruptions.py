"""The corrupted twin of a typed IOI prompt, made by replacing single name tokens.

A name without a leading space (at the very start, or after a quote) is replaced by a name without one. New names are
drawn with the prompt's own tokens as the seed, so a prompt always gets the same twin. What a corruption cannot do is
refused: new first names in place of what is no person's name, or of a part of a longer name.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice

from ioi_core.errors import PromptError, UnknownNameError
from ioi_core.inputs import shown
from ioi_core.model.weights import Model
from ioi_core.prompts.names import new_names
from ioi_core.prompts.people import names_in, people_in
from ioi_core.prompts.roles import Names
from ioi_core.prompts.templates import TEMPLATES
from ioi_core.prompts.text import TypedText, Word, decode, read_text, show_tokens


def corrupt(model: Model, clean: TypedText, names: Names, corruption: str, label: str, *, people: bool) -> TypedText:
    """Return the corrupted twin, with as many tokens as the clean prompt; only name tokens differ.

    Args:
        label: what messages call the clean prompt.
        people: IO and S are people's names, if they begin with a capital letter, also where the app does not know them.

    Raises:
        PromptError: the corruption is not defined for this prompt, no name of one token fits somewhere, or IO or S is
            part of a longer name.
        UnknownNameError: new first names would take the place of what may be no person's name.
    """
    io_at, s_at = ([word.start for word in words] for words in (names.io_words, names.s_words))
    if corruption in SIGNAL_FLIPS and not (len(io_at) == 1 and len(s_at) == 2 and io_at[0] < s_at[1]):
        raise PromptError(
            f"{label}: the signal flip {corruption} needs io once and s twice, once after io; "
            f"got io x {len(io_at)} and s x {len(s_at)} in {show_tokens(model, clean.ids)}",
            "use s2_flip or abc, or give the corrupted prompt",
        )
    words = (*names.io_words, *names.s_words)
    _check_whole_names(model, clean, words, label)
    n_new = {"abc": len(words), "CDD": 2, "DCD": 2}.get(corruption, 0)
    new = _new_names(model, clean, names, n_new, corruption, label, people=people) if n_new else []
    replaced = replaced_names(corruption, names.io, names.s, io_at=io_at, s_at=s_at, new=iter(new))
    return _with_names(model, clean, replaced, label)


def _check_whole_names(model: Model, clean: TypedText, words: Collection[Word], label: str) -> None:
    """Refuse names of which a twin would leave something: the rest of "John Smith", or the name in other letters."""
    names = {word.name for word in words if len(word.name) > 1 and word.name[0].isupper()}
    for word in clean.words:
        composed = unicodedata.normalize("NFC", word.name)
        if word.name not in names and {composed, composed.capitalize() if composed.isupper() else ""} & names:
            raise PromptError(
                f"{label}: {shown(word.name)} in {show_tokens(model, clean.ids, word.start)} is io or s in other "
                "letters, which a made twin would leave",
                "write the name alike everywhere, or give the corrupted prompt",
            )
    for name in names_in(model, clean):
        if len(name.without_titles) > 1 and (parts := [word for word in name.words if word in words]):
            raise PromptError(
                f"{label}: {shown(parts[0].name)} is part of the longer name {shown(name.text)} in "
                f"{show_tokens(model, clean.ids, parts[0].start)}, the rest of which a made twin would leave",
                f"use names of one word, not {shown(name.text)}, or give the corrupted prompt",
            )


def _new_names(
    model: Model, clean: TypedText, names: Names, n_new: int, corruption: str, label: str, *, people: bool
) -> list[str]:
    """Return `n_new` first names that the text does not have, always the same for the same text.

    IO and S must be known, or said, to be people's: "France and Spain" reads as "Obama and Clinton" does. In a
    published template's sentence whoever is named is a person.
    """
    words = (*names.io_words, *names.s_words)
    found = names_in(model, clean)
    persons = people_in(clean, found) if any(template.made(clean.text) for template in TEMPLATES) else ()
    named = {word.name for name in found if name.sure or name.text in persons for word in name.words}
    unknown = [name for name in (names.io, names.s) if name not in named]
    if others := [name for name in unknown if not (people and name[0].isupper())]:
        raise UnknownNameError(
            f"{label}: {corruption} puts new first names in place of io and s, which fits people's names, "
            f"not {' and '.join(map(shown, others))} in {show_tokens(model, clean.ids)}, known neither as a first name "
            "nor by a title",
            "if they are people, say so where the prompts are made (people=True), else use s2_flip or give the "
            "corrupted prompt",
        )
    new = new_names(
        model,
        seed=" ".join(map(str, clean.ids)),
        taken=set(re.findall(r"[^\W\d_]+", clean.text)),
        unspaced=any(not word.spaced for word in words),
    )
    drawn = list(islice(new, n_new))
    if len(drawn) < n_new:
        raise PromptError(
            f"{label} names io and s {len(words)} times, too often for a new name each ({len(drawn)} are left)",
            "shorten it, or give the corrupted prompt",
        )
    return drawn


def _with_names(model: Model, clean: TypedText, replaced: Mapping[int, str], label: str) -> TypedText:
    """Return the text with other names at some positions; refuse one with another number of tokens."""
    ids = list(clean.ids)
    for word in clean.words:
        if word.start in replaced:
            name = replaced[word.start]
            form = model.encode(f" {name}" if word.spaced else name)
            if len(form) != 1:
                raise PromptError(
                    f"{label}: where {word.name!r} stands, without a space before it, the other name is not one token: "
                    f"{show_tokens(model, form)}",
                    f"put a space before {word.name!r}, or give the corrupted prompt",
                )
            ids[word.start] = form[0]
    corrupted = read_text(model, decode(model, ids), f"the corrupted twin of {label}", prepend_bos=False)
    if corrupted.ids != tuple(ids):
        raise PromptError(
            f"{label}: with the other name in place its text reads as other tokens, "
            f"{show_tokens(model, corrupted.ids)} instead of {show_tokens(model, ids)}",
            "give the corrupted prompt",
        )
    return corrupted


SIGNAL_FLIPS = ("ABB", "CDD", "BAA", "BAB", "DCD", "ABA")
CORRUPTIONS = ("s2_flip", "abc", *SIGNAL_FLIPS)


def check_corruption(corruption: object) -> str:
    """Return `corruption` if it is one of `CORRUPTIONS`.

    Raises:
        PromptError: it is not.
    """
    if not isinstance(corruption, str) or corruption not in CORRUPTIONS:
        raise PromptError(f"unknown corruption {shown(corruption)}: allowed are {', '.join(CORRUPTIONS)}")
    return corruption


def replaced_names(
    corruption: str,
    io: str,
    s: str,
    *,
    io_at: Sequence[int],
    s_at: Sequence[int],
    others_at: Sequence[int] = (),
    new: Iterator[str],
) -> dict[int, str]:
    """Return index -> name for the names that the corrupted prompt gets; some may be those of the clean one.

    "s2_flip" keeps where each name first stands and exchanges IO and S everywhere after: IO is then named as often as S
    was, and S as often as IO, so whatever the repetition says for IO it now says for S. With S named twice and IO once
    that changes S2 alone. A signal flip takes S as named twice and IO once.

    Args:
        io_at, s_at, others_at: the indices of IO, S and third names, in order; of tokens or slots, as the caller likes.
        new: names that do not occur in the prompt; if there are too few, fewer indices are returned.
    """
    if corruption == "abc":
        return dict(zip(sorted((*io_at, *s_at, *others_at)), new, strict=False))
    if corruption == "s2_flip":
        return {index: io for index in s_at[1:]} | {index: s for index in io_at[1:]}
    first, second, s2 = tuple(corruption)
    if io_at[0] > s_at[0]:
        first, second = second, first
    names = {"A": io, "B": s}
    if corruption in ("CDD", "DCD"):
        names |= zip("CD", new, strict=False)
    at_first, at_second = sorted((io_at[0], s_at[0]))
    letters = {at_first: first, at_second: second, s_at[-1]: s2}
    return {index: names[letter] for index, letter in letters.items() if letter in names}
