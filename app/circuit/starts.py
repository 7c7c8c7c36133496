"""Circuits to start from, by name, and the class of each of their members; every model has its own."""

from app.circuit.members import EVERYWHERE, KEPT_AT, Classes
from app.circuit.requests import find_request
from app.questions.classes import PUBLISHED, has_all_roles, head_classes
from app.questions.compute import compute
from app.words.effects import clearly_above_0
from app.words.phrases import percent_of_model, prompts
from ioi_core import (
    IOI_CIRCUIT,
    NAIVE_CIRCUIT,
    NO_HEADS,
    Ablation,
    Circuit,
    FoundCircuit,
    Model,
    PromptPairs,
    published_class,
)

PAPER, NAIVE, FOUND = "the paper's 26 heads", "naive circuit", "found automatically"
MEASURED, EMPTY, WHOLE = "heads with measured roles", "empty", "whole model"

STARTS = {
    PAPER: "all heads that Wang et al. found to take part",
    NAIVE: "the paper's circuit without negative and backup name movers, and with fewer heads in each class",
    FOUND: "ranked by patching, added until faithfulness under mean ablation is close to 100 %, then pruned",
    MEASURED: "every head that measures as one of the paper's classes on these prompts, at that class's role",
    EMPTY: "no head at all; add some below",
    WHOLE: "every head at every position",
}
"""Name of a starting circuit -> its description."""


def starts_of(model: Model, pairs: PromptPairs) -> tuple[str, ...]:
    """Return the starts that a model has on some prompts, the one to open with first.

    The paper's circuits are GPT-2 small's alone, and they and all classes are about IOI prompts alone.
    """
    if not has_all_roles(pairs):
        return (FOUND, EMPTY, WHOLE)
    of_gpt2 = all(published_class(model, head) for head in IOI_CIRCUIT)
    return (PAPER, NAIVE, FOUND, EMPTY, WHOLE) if of_gpt2 else (FOUND, MEASURED, EMPTY, WHOLE)


def starting_circuit(model: Model, pairs: PromptPairs, start: str, classes: Classes) -> Circuit:
    """Return the circuit of a name in `STARTS`.

    Args:
        classes: of this model (`head_classes`).
    Raises:
        CircuitError: there is nothing to find on these prompts.
    """
    if start == FOUND:
        return compute(model, find_request(pairs)).circuit
    if start == MEASURED:
        return Circuit.of([(head, KEPT_AT[name]) for name, heads in classes.items() for head in heads])
    return {PAPER: IOI_CIRCUIT, NAIVE: NAIVE_CIRCUIT, EMPTY: NO_HEADS, WHOLE: Circuit.full(model)}[start]


def found_story(result: FoundCircuit, ablation: Ablation) -> str:
    """Say how the circuit was found, and under which ablation; `ablation` is the one that is shown."""
    found_under = result.evaluation.ablation
    text = (
        f"Found on {prompts(result.n_prompts)} under {found_under} ablation: {_ranked_words(result)} ranked by "
        f"patching (noising), the first {result.n_added} of {len(result.ranking)} were taken, and "
        f"{len(result.pruned)} of them then dropped as not needed."
    )
    if not clearly_above_0(result.evaluation.model_per_prompt):
        return f"{text} The whole model's logit_diff is not clearly above 0: there is little to find on these prompts."
    text += (
        f" Under {found_under} ablation its faithfulness is {percent_of_model(result.evaluation.faithfulness)}, "
        "measured on the prompts it was found on, so it is likely to be lower on others."
    )
    if ablation != found_under:
        return f"{text} The figures below use {ablation} ablation, for which it was not optimised."
    return f"{text} For a fair test keep it under a name below, take another seed, and compare."


def _ranked_words(result: FoundCircuit) -> str:
    """Say at which places heads were looked for."""
    places = result.axes["role"]
    if places == ("END",):
        return "all heads at END alone come close to the whole model, so every head at END was"
    if places == (EVERYWHERE,):
        return "all heads at END alone do not come close to the whole model, so every head at every position was"
    return "every head at every role was"


def classes_of(model: Model, pairs: PromptPairs) -> tuple[bool, Classes]:
    """Return whether the classes are the published ones, and their heads; none on prompts of another task than IOI."""
    source, classes = head_classes(model, pairs)
    return source == PUBLISHED, classes
