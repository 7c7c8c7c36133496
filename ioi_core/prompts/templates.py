"""The sentence templates of Wang et al.'s code, each in both orders of the names.

[A] is the indirect object, [B] the subject, [C] a third name; the [A] at the end of a template is the answer. A BABA
template names the subject first, an ABBA template the indirect object; a template's twin has its first [A] and its
first [B] swapped. Numbers are stable: the BABA forms come first, list after list in `FAMILIES`' order (baba 0-14,
baba_long 15-29, baba_late_io 30-37, baba_early_io 38-45, three_names 46-49), and the ABBA twin of number k is k + 50.
The three-name templates are ABBA in the source; their number below 50 is the twin made here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ioi_core.errors import PromptError
from ioi_core.inputs import TemplateChoice, as_whole_number, shown
from ioi_core.prompts.names import IOI_LISTS

Order = Literal["ABBA", "BABA"]

FAMILIES = {
    "baba": "BABA_TEMPLATES",
    "baba_long": "BABA_LONG_TEMPLATES",
    "baba_late_io": "BABA_LATE_IOS",
    "baba_early_io": "BABA_EARLY_IOS",
    "three_names": "ABC_TEMPLATES",
}
"""Template family -> its list in `IOI_LISTS`."""

_SLOT = re.compile(r" \[([A-Z]+)\]")


@dataclass(frozen=True)
class Template:
    """One sentence with slots.

    Attributes:
        number: its index in `TEMPLATES`.
        family: a key of `FAMILIES`.
        order: "ABBA" if [A], the indirect object, is named first, else "BABA".
        text: the sentence, its answer " [A]" included.
    """

    number: int
    family: str
    order: Order
    text: str

    def __repr__(self) -> str:
        return f"Template({self.number}, {self.order}: {self.text[:60]!r}...)"

    @property
    def slots(self) -> tuple[str, ...]:
        """The slots to fill, in order, up to the answer: "A", "B", "C", "PLACE", "OBJECT"."""
        return tuple(_SLOT.split(self._prompt)[1::2])

    def fill(self, words: Sequence[str]) -> list[str]:
        """Return the prompt, up to the answer, in pieces: fixed text and filled slots (" Mary") in turn."""
        pieces = _SLOT.split(self._prompt)
        pieces[1::2] = [f" {word}" for word in words]
        return pieces

    def made(self, prompt: str) -> bool:
        """Return whether it gives this prompt, with any one word in each slot."""
        return re.fullmatch(r" \w+".join(map(re.escape, _SLOT.split(self._prompt)[::2])), prompt) is not None

    @property
    def _prompt(self) -> str:
        return self.text.removesuffix(" [A]")


def mirrored(text: str) -> str:
    """Return the same text with its first [A] and its first [B] swapped: ABBA of BABA and the reverse."""
    return text.replace("[A]", "[#]", 1).replace("[B]", "[A]", 1).replace("[#]", "[B]", 1)


def _order(text: str) -> Order:
    return "ABBA" if text.index("[A]") < text.index("[B]") else "BABA"


def _all_templates() -> tuple[Template, ...]:
    sources = [(family, text) for family, name in FAMILIES.items() for text in IOI_LISTS[name]]
    baba = [(family, text if _order(text) == "BABA" else mirrored(text)) for family, text in sources]
    both = [*baba, *((family, mirrored(text)) for family, text in baba)]
    return tuple(Template(number, family, _order(text), text) for number, (family, text) in enumerate(both))


TEMPLATES = _all_templates()
"""All 100 templates; `TEMPLATES[k].number == k`."""

N_BABA = len(TEMPLATES) // 2
_MAIN = range(len(IOI_LISTS["BABA_TEMPLATES"]))
_SELECTIONS: dict[str, tuple[int, ...]] = {
    "mixed": tuple(number for k in _MAIN[:7] for number in (k, k + N_BABA)),
    "BABA": tuple(_MAIN),
    "ABBA": tuple(k + N_BABA for k in _MAIN),
}


def select_templates(selection: TemplateChoice) -> tuple[Template, ...]:
    """Return the templates of "mixed" (the first 7 BABA, each with its twin), "ABBA", "BABA" (15 each) or of numbers.

    Raises:
        PromptError: another word, an empty list, or a number that no template has.
    """
    if isinstance(selection, str) and selection in _SELECTIONS:
        return tuple(TEMPLATES[number] for number in _SELECTIONS[selection])
    if isinstance(selection, str) or not isinstance(selection, list | tuple | range) or not selection:
        raise PromptError(
            f'unknown templates {shown(selection)}: allowed are "mixed", "ABBA", "BABA" '
            f"or a list of template numbers 0-{len(TEMPLATES) - 1}"
        )
    last = len(TEMPLATES) - 1
    return tuple(TEMPLATES[as_whole_number(number, "a template number", 0, last)] for number in selection)
