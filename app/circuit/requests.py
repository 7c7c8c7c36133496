"""The requests of the Circuit page that `app.warm` makes too, so that both mean the same result. No Streamlit here."""

import ioi_core
from app.questions.ask import Request, ask
from app.questions.halves import halves
from ioi_core import (
    Ablation,
    Circuit,
    CircuitEvaluation,
    Completeness,
    FoundCircuit,
    Minimality,
    PromptPairs,
    PromptResult,
)


def find_request(pairs: PromptPairs, ablation: Ablation = Ablation.MEAN) -> Request[FoundCircuit]:
    """Ask for the circuit that does what the model does while everything outside it is ablated."""
    return ask(ioi_core.find_circuit, pairs=pairs, ablation=ablation)


def find_on_half_request(pairs: PromptPairs, ablation: Ablation) -> Request[FoundCircuit]:
    """Ask for the same, found on the first half of the prompts and judged on the others too."""
    found_on, held_out = halves(pairs)
    return ask(ioi_core.find_circuit, pairs=found_on, ablation=ablation, held_out=held_out)


def evaluate_request(pairs: PromptPairs, circuit: Circuit, ablation: Ablation) -> Request[CircuitEvaluation]:
    """Ask for F(C), F(M) and F of the empty circuit."""
    return ask(ioi_core.evaluate_circuit, pairs=pairs, circuit=circuit, ablation=ablation)


def completeness_request(
    pairs: PromptPairs, circuit: Circuit, removed: Circuit, ablation: Ablation
) -> Request[Completeness]:
    """Ask for F(C \\ K) and F(M \\ K)."""
    return ask(ioi_core.completeness, pairs=pairs, circuit=circuit, removed=removed, ablation=ablation)


def minimality_request(pairs: PromptPairs, circuit: Circuit, ablation: Ablation) -> Request[Minimality]:
    """Ask for what each member adds."""
    return ask(ioi_core.minimality, pairs=pairs, circuit=circuit, ablation=ablation)


def sets_request(pairs: PromptPairs, circuit: Circuit, ablation: Ablation) -> Request[Completeness]:
    """Ask for the completeness of a circuit by many K."""
    return ask(ioi_core.completeness_sets, pairs=pairs, circuit=circuit, ablation=ablation)


def total_request(pairs: PromptPairs, ablation: Ablation) -> Request[PromptResult]:
    """Ask for every head's direct and total effect."""
    return ask(ioi_core.direct_and_total, pairs=pairs, ablation=ablation)
