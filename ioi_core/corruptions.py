"""How a corrupted prompt's names differ from the clean one's (METHODS 1; Wang et al. 2022, section 3 and appendix A).

"s2_flip" makes the other name the repeated one, "abc" gives every place of a name a new name of its own, and the six
signal flips set the token signal (which name S2 repeats) and the position signal (whose place it repeats) apart. A
flip's letters name the first name, the second name and S2 of an ABBA prompt, where A = IO, B = S and C, D = new names;
for a BABA prompt the first two letters swap. ABB changes nothing; ABA is the S2 flip.
"""

from collections.abc import Iterator, Sequence

from ioi_core.errors import PromptError
from ioi_core.inputs import shown

SIGNAL_FLIPS = ("ABB", "CDD", "BAA", "BAB", "DCD", "ABA")
CORRUPTIONS = ("s2_flip", "abc", *SIGNAL_FLIPS)


def check_corruption(corruption: object) -> str:
    """`corruption`, if it is one of `CORRUPTIONS`.

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
    io_places: Sequence[int],
    s_places: Sequence[int],
    other_places: Sequence[int] = (),
    new: Iterator[str],
) -> dict[int, str]:
    """Place -> the name that stands there in the corrupted prompt, for every place that is set.

    Args:
        io_places, s_places, other_places: where IO, S and third names stand, in order; places are any sortable index.
        new: names that are in no way part of the prompt; may run dry, then fewer places are returned.
    """
    if corruption == "abc":
        return dict(zip(sorted((*io_places, *s_places, *other_places)), new, strict=False))
    first, second, s2 = _flip_letters("ABA" if corruption == "s2_flip" else corruption, io_places, s_places)
    names = {"A": io, "B": s}
    if corruption in ("CDD", "DCD"):
        names |= zip("CD", new, strict=False)
    at_first, at_second = sorted((io_places[0], s_places[0]))
    letters = {at_first: first, at_second: second, s_places[-1]: s2}
    return {place: names[letter] for place, letter in letters.items() if letter in names}


def _flip_letters(flip: str, io_places: Sequence[int], s_places: Sequence[int]) -> tuple[str, str, str]:
    first, second, s2 = tuple(flip)
    return (first, second, s2) if io_places[0] < s_places[0] else (second, first, s2)
