"""The phases of a class and the one button that leads from each to the next.

waiting -> for each step: open -> closed -> discuss -> open (second vote) -> closed -> reveal -> ... -> end. A step
without a question, which a model does not show, is `told`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WAITING, OPEN, CLOSED, DISCUSS, REVEAL, TOLD, END = "waiting", "open", "closed", "discuss", "reveal", "told", "end"

NEXT, REVEAL_NOW = "next", "reveal"
"""What a teacher may ask for: the next phase, or after the first vote its reveal, without a discussion."""

Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Place:
    """Where a class is: step (from 0), phase, vote (1 or 2; 0 where there has been none)."""

    step: int = 0
    phase: str = WAITING
    vote: int = 0


def asks(step: Mapping[str, Any]) -> bool:
    """Return whether a step has a question, which a model may not be fit for."""
    return step.get("question") is not None and step.get("asked", True)


def after(place: Place, steps: Steps, action: str = NEXT) -> Place | None:
    """Return where the button leads; None where there is nothing behind it."""
    if action == REVEAL_NOW:
        return Place(place.step, REVEAL, 1) if (place.phase, place.vote) == (CLOSED, 1) else None
    match place.phase, place.vote:
        case "waiting", _:
            return _begun(0, steps)
        case "open", vote:
            return Place(place.step, CLOSED, vote)
        case "closed", 1:
            return Place(place.step, DISCUSS, 1)
        case "discuss", _:
            return Place(place.step, OPEN, 2)
        case "closed", _:
            return Place(place.step, REVEAL, 2)
        case (("reveal" | "told"), _):
            return _begun(place.step + 1, steps)
    return None


def says(place: Place, steps: Steps) -> str:
    """Return what stands on the button; "" where there is none."""
    match place.phase, place.vote:
        case "waiting", _:
            return "Open the first question" if steps and asks(steps[0]) else "Begin"
        case "open", _:
            return "Close the vote"
        case "closed", 1:
            return "Let them discuss"
        case "discuss", _:
            return "Open the second vote"
        case "closed", _:
            return "Reveal"
        case (("reveal" | "told"), _):
            return "Next step" if place.step + 1 < len(steps) else "End the class"
    return ""


def _begun(step: int, steps: Steps) -> Place:
    if step >= len(steps):
        return Place(max(0, len(steps) - 1), END, 0)
    return Place(step, OPEN, 1) if asks(steps[step]) else Place(step, TOLD, 0)
