"""The requests of the Circuit page that `app.warm` makes too, so that both mean the same result. No Streamlit here."""

import ioi_core
from app.questions.ask import Request, ask
from ioi_core import Ablation, Circuit, CircuitEdit, Completeness, FoundCircuit, PromptPairs, PromptResult


def find_request(pairs: PromptPairs) -> Request[FoundCircuit]:
    """Ask for the circuit that does what the model does; mean ablation finds it, whatever ablates it afterwards."""
    return ask(ioi_core.find_circuit, pairs=pairs)


def edit_request(pairs: PromptPairs, circuit: Circuit, off: Circuit, ablation: Ablation) -> Request[CircuitEdit]:
    """Ask at once for all that the page says of a circuit of which some members are off."""
    return ask(ioi_core.edit_circuit, pairs=pairs, circuit=circuit, removed=off, ablation=ablation)


def sets_request(pairs: PromptPairs, circuit: Circuit, ablation: Ablation) -> Request[Completeness]:
    """Ask for the completeness of a circuit by many K."""
    return ask(ioi_core.completeness_sets, pairs=pairs, circuit=circuit, ablation=ablation)


def total_request(pairs: PromptPairs, ablation: Ablation) -> Request[PromptResult]:
    """Ask for every head's direct and total effect."""
    return ask(ioi_core.direct_and_total, pairs=pairs, ablation=ablation)
