"""Circuits to start from, by name, and the class of each of their members; every model has its own."""

from app.circuit.members import KEPT_AT, Classes
from app.circuit.requests import find_request
from app.questions.classes import PUBLISHED, head_classes
from app.questions.compute import compute
from app.words.phrases import prompts
from ioi_core import IOI_CIRCUIT, NAIVE_CIRCUIT, Circuit, FoundCircuit, Model, PromptPairs
from ioi_core.circuit.definition import NO_HEADS
from ioi_core.heads.published import published_class

PAPER, NAIVE, FOUND, MEASURED, EMPTY, WHOLE = (
    "the paper's 26 heads",
    "naive circuit",
    "found automatically",
    "heads with measured roles",
    "empty",
    "whole model",
)

STARTS = {
    PAPER: "all heads that Wang et al. found to take part",
    NAIVE: "the paper's circuit without negative and backup name movers, and with fewer heads in each class",
    FOUND: "ranked by patching, added until the circuit does what the model does, then pruned",
    MEASURED: "every head that measures as one of the paper's classes on these prompts, at that class's role",
    EMPTY: "no head at all; add some below",
    WHOLE: "every head at every position",
}
"""Where one can start -> what that is."""


def starts_of(model: Model) -> tuple[str, ...]:
    """The starts that a model has, the one to open with first; the paper's circuits are GPT-2 small's alone."""
    of_gpt2 = all(published_class(model, head) for head in IOI_CIRCUIT)
    return (PAPER, NAIVE, FOUND, EMPTY, WHOLE) if of_gpt2 else (FOUND, MEASURED, EMPTY, WHOLE)


def starting_circuit(model: Model, pairs: PromptPairs, start: str, classes: Classes) -> Circuit:
    """The circuit of that name; the one that is found is found by mean ablation, however it is ablated afterwards.

    Args:
        classes: of this model (`head_classes`).
    Raises:
        CircuitError: there is nothing to find on these prompts.
    """
    match start:
        case "the paper's 26 heads":
            return IOI_CIRCUIT
        case "naive circuit":
            return NAIVE_CIRCUIT
        case "found automatically":
            return found_circuit(model, pairs).circuit
        case "whole model":
            return Circuit.full(model)
        case "empty":
            return NO_HEADS
    return Circuit.of([(head, KEPT_AT[name]) for name, heads in classes.items() for head in heads])


def found_circuit(model: Model, pairs: PromptPairs) -> FoundCircuit:
    """The circuit that the core finds on these prompts."""
    return compute(model, find_request(pairs))


def found_story(found: FoundCircuit) -> str:
    """How the circuit was found."""
    return (
        f"Found on these {prompts(found.n_prompts)}: every head at every role was ranked by patching (noising), the "
        f"first {found.n_added} of {len(found.ranking)} were taken, and {len(found.pruned)} of them could leave again "
        f"with faithfulness within {100 * found.tolerance:.0f} % of the whole model. It is judged on the prompts it "
        "was found on, which flatters it. To be fair, keep it under a name below, take another seed, and compare."
    )


def classes_of(model: Model, pairs: PromptPairs) -> tuple[bool, Classes]:
    """Whether the classes are published ones, and their heads."""
    source, classes = head_classes(model, pairs)
    return source == PUBLISHED, classes
