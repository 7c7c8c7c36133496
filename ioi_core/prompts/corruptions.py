"""The corrupted twin of a typed IOI prompt, made by replacing single name tokens.

A name without a leading space (at the very start, or after a quote) is replaced by a name without one. New names are
drawn with the prompt's own tokens as the seed, so a prompt always gets the same twin.
"""

from collections.abc import Iterator, Mapping, Sequence

from ioi_core.errors import PromptError
from ioi_core.inputs import shown
from ioi_core.model.weights import Model
from ioi_core.prompts.names import new_names
from ioi_core.prompts.roles import Names
from ioi_core.prompts.text import TypedText, decode, read_text, show_tokens


def corrupt(model: Model, clean: TypedText, names: Names, corruption: str, label: str) -> TypedText:
    """Return the corrupted twin, with as many tokens as the clean prompt; only name tokens differ.

    Args:
        label: what messages call the clean prompt.

    Raises:
        PromptError: the corruption is not defined for this prompt, or no name of one token fits somewhere.
    """
    io_at, s_at = ([word.start for word in words] for words in (names.io_words, names.s_words))
    if corruption in SIGNAL_FLIPS and not (len(io_at) == 1 and len(s_at) == 2 and io_at[0] < s_at[1]):
        raise PromptError(
            f"{label}: the signal flip {corruption} needs io once and s twice, once after io; "
            f"got io x {len(io_at)} and s x {len(s_at)} in {show_tokens(model, clean.ids)}: "
            "use s2_flip or abc, or give the corrupted prompt"
        )
    words = (*names.io_words, *names.s_words)
    new = new_names(
        model,
        seed=" ".join(map(str, clean.ids)),
        taken={word.name for word in clean.words},
        unspaced=any(not word.text.startswith(" ") for word in words),
    )
    replaced = replaced_names(corruption, names.io, names.s, io_at=io_at, s_at=s_at, new=new)
    if corruption == "abc" and len(replaced) < len(words):
        raise PromptError(
            f"{label} names io and s {len(words)} times, too often for a new name each ({len(replaced)} are left): "
            "shorten it, or give the corrupted prompt"
        )
    return _with_names(model, clean, replaced, label)


def _with_names(model: Model, clean: TypedText, replaced: Mapping[int, str], label: str) -> TypedText:
    """Return the text with other names at some positions; refuse one with another number of tokens."""
    ids = list(clean.ids)
    for word in clean.words:
        if word.start in replaced:
            name = replaced[word.start]
            form = model.encode(f" {name}" if word.text.startswith(" ") else name)
            if len(form) != 1:
                raise PromptError(
                    f"{label}: where {word.text!r} stands, without a space before it, the other name is not one token: "
                    f"{show_tokens(model, form)}; put a space before it, or give the corrupted prompt"
                )
            ids[word.start] = form[0]
    corrupted = read_text(model, decode(model, ids), f"the corrupted twin of {label}", prepend_bos=False)
    if corrupted.ids != tuple(ids):
        raise PromptError(
            f"{label}: with the other name in place its text reads as other tokens, "
            f"{show_tokens(model, corrupted.ids)} instead of {show_tokens(model, ids)}: give the corrupted prompt"
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

    Args:
        io_at, s_at, others_at: the indices of IO, S and third names, in order; of tokens or slots, as the caller likes.
        new: names that do not occur in the prompt; if there are too few, fewer indices are returned.
    """
    if corruption == "abc":
        return dict(zip(sorted((*io_at, *s_at, *others_at)), new, strict=False))
    first, second, s2 = tuple("ABA" if corruption == "s2_flip" else corruption)
    if io_at[0] > s_at[0]:
        first, second = second, first
    names = {"A": io, "B": s}
    if corruption in ("CDD", "DCD"):
        names |= zip("CD", new, strict=False)
    at_first, at_second = sorted((io_at[0], s_at[0]))
    letters = {at_first: first, at_second: second, s_at[-1]: s2}
    return {index: names[letter] for index, letter in letters.items() if letter in names}
