"""Circuits to start from, by name, and the class of each of their members; every model has its own."""

from app.circuit.members import EVERYWHERE, KEPT_AT, Classes
from app.circuit.requests import find_on_half_request, find_request
from app.questions.ask import Request
from app.questions.classes import PUBLISHED, head_classes
from app.questions.compute import compute
from app.words.effects import clearly_above_0
from app.words.phrases import in_percent, interval_in_percent, prompts
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
FOUND_ON_HALF = "found on half the prompts"
MEASURED, EMPTY, WHOLE = "heads with measured roles", "empty", "whole model"

STARTS = {
    PAPER: "all heads that Wang et al. found to take part",
    NAIVE: "the paper's circuit without negative and backup name movers, and with fewer heads in each class",
    FOUND: "ranked by patching, added until faithfulness under the chosen ablation is close to 100 %, then pruned",
    FOUND_ON_HALF: "searched for on the first half of the prompts, and judged on the others too",
    MEASURED: "every head that measures as one of the paper's classes on these prompts, at that class's role",
    EMPTY: "no head at all; add some below",
    WHOLE: "every head at every position",
}
"""Name of a starting circuit -> its description."""


def starts_of(model: Model, pairs: PromptPairs) -> tuple[str, ...]:
    """Return the starts that a model has on some prompts, the one to open with first.

    The paper's circuits are GPT-2 small's alone, and they and all classes are about IOI prompts alone.
    """
    if not pairs.has_all_roles:
        return (FOUND, FOUND_ON_HALF, EMPTY, WHOLE)
    of_gpt2 = all(published_class(model, head) for head in IOI_CIRCUIT)
    if of_gpt2:
        return (PAPER, NAIVE, FOUND, FOUND_ON_HALF, EMPTY, WHOLE)
    return (FOUND, FOUND_ON_HALF, MEASURED, EMPTY, WHOLE)


def search_request(pairs: PromptPairs, start: str, ablation: Ablation) -> Request[FoundCircuit] | None:
    """Ask for what is searched for under a name in `STARTS`; None if nothing is."""
    searches = {FOUND: find_request, FOUND_ON_HALF: find_on_half_request}
    return searches[start](pairs, ablation) if start in searches else None


def starting_circuit(model: Model, pairs: PromptPairs, start: str, classes: Classes, ablation: Ablation) -> Circuit:
    """Return the circuit of a name in `STARTS`.

    Args:
        classes: of this model (`head_classes`).
        ablation: under which a circuit is searched for.
    Raises:
        CircuitError: there is nothing to find on these prompts.
    """
    if search := search_request(pairs, start, ablation):
        return compute(model, search).circuit
    if start == MEASURED:
        return Circuit.of([(head, KEPT_AT[name]) for name, heads in classes.items() for head in heads])
    return {PAPER: IOI_CIRCUIT, NAIVE: NAIVE_CIRCUIT, EMPTY: NO_HEADS, WHOLE: Circuit.full(model)}[start]


def found_story(result: FoundCircuit) -> str:
    """Say how the circuit was found, under which ablation, and how it does there and on prompts held out."""
    found_under = result.evaluation.ablation
    text = (
        f"Found on {prompts(result.n_prompts)} under {found_under} ablation: {_ranked_words(result)} ranked by "
        f"patching (noising), the first {result.n_added} of {len(result.ranking)} were taken, and "
        f"{len(result.pruned)} of them then dropped as not needed."
    )
    if not clearly_above_0(result.evaluation.model_per_prompt):
        return f"{text} The whole model's logit_diff is not clearly above 0: there is little to find on these prompts."
    text += f" Under {found_under} ablation its faithfulness is {in_percent(result.evaluation.faithfulness)} there"
    if result.held_out is None:
        return (
            f"{text}, so it is likely to be lower on others: start from {FOUND_ON_HALF!r} to see, or keep it under a "
            "name below, take another seed, and compare."
        )
    held_out = result.held_out
    low, high = held_out.faithfulness_interval()
    within = interval_in_percent(low, high)
    share = in_percent(held_out.faithfulness)
    return f"{text}, and {share}{within} on the {prompts(held_out.n_prompts)} held out. The figures use all of them."


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
