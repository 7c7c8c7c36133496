"""The trail of a visit to Path patching: the receivers one after another, as text that a link can hold.

"logits > 9.6 9.9 10.0 q > 7.3 8.6 v" began at the logits, asked who acts on the queries of three heads, and then who
acts on the values of two. No Streamlit here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.words.choices import INPUTS
from ioi_core import LOGITS, RECEIVER_INPUTS, Head, IOIError, Model

START = LOGITS
_LONGEST_TEXT, _MOST_STEPS = 2000, 12


class TrailError(IOIError):
    """A trail that cannot be read."""


@dataclass(frozen=True)
class Step:
    """One set of receivers; no heads means the logits."""

    heads: tuple[Head, ...] = ()
    receiver_input: str = "q"

    def __str__(self) -> str:
        """Return the step as the trail has it: "9.6 9.9 q"."""
        return f"{' '.join(map(str, self.heads))} {self.receiver_input}" if self.heads else LOGITS

    @property
    def words(self) -> str:
        """The receivers in a sentence: "the queries of 9.6, 9.9"."""
        if not self.heads:
            return "the logits"
        return f"the {INPUTS[self.receiver_input]} of {', '.join(map(str, self.heads))}"


def read_trail(model: Model, text: str) -> tuple[Step, ...]:
    """Return the steps of a trail; an empty text is the logits.

    Raises:
        TrailError, HeadError: say what was got and what is allowed.
    """
    if len(text) > _LONGEST_TEXT:
        raise TrailError(
            f"the trail is {len(text):,} characters long", f"shorten the trail to at most {_LONGEST_TEXT:,}"
        )
    steps = tuple(_read_step(model, part) for part in text.split(">")) if text.strip() else (Step(),)
    if len(steps) > _MOST_STEPS:
        raise TrailError(f"the trail has {len(steps)} steps", f"shorten the trail to at most {_MOST_STEPS} steps")
    return steps


def _read_step(model: Model, part: str) -> Step:
    words = part.split()
    if words == [LOGITS]:
        return Step()
    if len(words) < 2 or words[-1] not in RECEIVER_INPUTS:
        raise TrailError(
            f"{part.strip()[:40]!r} is no step of a trail",
            f'write {LOGITS}, or heads and then q, k or v, such as "9.6 9.9 q"',
        )
    heads = {model.check_head(Head.parse(word)) for word in words[:-1]}
    return Step(tuple(sorted(heads)), words[-1])


def write_trail(steps: Sequence[Step]) -> str:
    """Return the trail as text."""
    return " > ".join(map(str, steps))
