"""Circuits to start from, by name, and the class of each of their members; every model has its own."""

from collections.abc import Mapping

from app.head_classes import PUBLISHED, head_classes
from ioi_core import IOI_CIRCUIT, NAIVE_CIRCUIT, Circuit, Head, Model, PromptPairs
from ioi_core.circuit import NO_HEADS, Member
from ioi_core.published_classes import PUBLISHED_CLASSES, published_class

PAPER, NAIVE, MEASURED, EMPTY, WHOLE = (
    "the paper's 26 heads",
    "naive circuit",
    "heads with measured roles",
    "empty",
    "whole model",
)
STARTS = {
    PAPER: "all heads that Wang et al. found to take part",
    NAIVE: "the paper's circuit without negative and backup name movers, and with fewer heads in each class",
    MEASURED: "every head that measures as one of the paper's classes on these prompts, at that class's role",
    EMPTY: "no head at all; add some below",
    WHOLE: "every head at every position",
}
"""Where one can start -> what that is."""

OTHER = "no class"
KEPT_AT: Mapping[str, str] = {group.name: group.kept_at for group in PUBLISHED_CLASSES}
"""Class -> the role at which the paper's circuit keeps it."""

Classes = Mapping[str, tuple[Head, ...]]


def starts_of(model: Model) -> tuple[str, ...]:
    """The starts that a model has, the one to open with first; the paper's circuits are GPT-2 small's alone."""
    of_gpt2 = all(published_class(model, head) for head in IOI_CIRCUIT)
    return (PAPER, NAIVE, EMPTY, WHOLE) if of_gpt2 else (MEASURED, EMPTY, WHOLE)


def starting_circuit(model: Model, start: str, classes: Classes) -> Circuit:
    """The circuit of that name.

    Args:
        classes: of this model (`head_classes`).
    """
    match start:
        case "the paper's 26 heads":
            return IOI_CIRCUIT
        case "naive circuit":
            return NAIVE_CIRCUIT
        case "whole model":
            return Circuit.full(model)
        case "empty":
            return NO_HEADS
    return Circuit.of([(head, KEPT_AT[name]) for name, heads in classes.items() for head in heads])


def circuit_classes(model: Model, pairs: PromptPairs) -> tuple[bool, Classes]:
    """Whether the classes are published ones, and their heads."""
    source, classes = head_classes(model, pairs)
    return source == PUBLISHED, classes


def class_of(member: Member, classes: Classes) -> str:
    """The class that a member belongs to at its role; at every position, the head's first class."""
    head, role = member
    for name, heads in classes.items():
        if head in heads and role in (KEPT_AT[name], "all"):
            return name
    return OTHER
